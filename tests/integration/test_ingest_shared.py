"""Mode shared before a real Postfix with twenty mailboxes: the domain's other mail goes where it always went."""

import re
import smtplib
from collections.abc import AsyncIterator, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import dkim
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from prometheus_client import REGISTRY

from contracts.directory import Agency, Domain, NextHop
from services.runtime.bus import Bus
from tests.dns_server import dns_server
from tests.domain_server import DOMAIN, STAFF, DomainServer, domain_server
from tests.postfix import postfix
from tests.shared_place import OURS, Place
from tests.smtp.client import client
from tests.smtp.world import World, world, write
from tests.waiting import until

FIELDS = (
    b"From: a@client.test\r\nTo: b@shared.test\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0700\r\nMessage-ID: <1@client.test>\r\n"
)
"""Postfix adds what is missing of these."""

LETTER = b"Subject: hello\r\n" + FIELDS + b"\r\n.dot\r\n..dots\r\n\xe0\xb8\x81\r\nlast\r\n"

pytestmark = [pytest.mark.system("postfix"), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, DomainServer]]:
    with (
        world(tmp_path_factory.mktemp("shared")) as made,
        domain_server(made.certificate, made.key) as postfix,
    ):
        yield made, postfix


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(parts: tuple[World, DomainServer]) -> AsyncIterator[Place]:
    bus = await Bus.connect(parts[0].nats, "test")
    yield Place(*parts, bus)
    await bus.close()


@pytest.fixture(autouse=True)
def empty(parts: tuple[World, DomainServer]) -> None:
    parts[1].empty()


def passed(outcome: str) -> float:
    return REGISTRY.get_sample_value("saraban_ingest_passed_total", {"outcome": outcome}) or 0.0


async def test_staff_get_their_mail_and_nothing_of_it_is_stored(place: Place) -> None:
    before, taken = await place.stored(), passed("taken")
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            for address in STAFF[:19]:
                reply = await peer.letter(LETTER.replace(b"\r\n.", b"\r\n.."), address)
                assert re.match(r"250 2\.0\.0 Ok: \d+ bytes queued as \w+", reply)
            begun = await peer.begin(*STAFF[3:6])
            assert begun.startswith("354")
            peer.send(b"Subject: to three\r\n\r\n")
            assert (await peer.reply()).startswith("250 2.0.0 Ok: ")
    await place.postfix.settled()
    for number, address in enumerate(STAFF[:19]):
        letters = place.postfix.letters(address)
        assert len(letters) == 1 + (3 <= number < 6)
        first = next(octets for octets in letters if b"Subject: hello" in octets)
        trace, _, rest = first.partition(b"Subject: hello")
        assert b"Subject: hello" + rest == LETTER.replace(b"\r\n", b"\n")
        assert trace.count(b"\nReceived: ") == 2
        to = b" by mx.test with ESMTP\n for <%s>; " % address.encode()
        assert b"Received: from client.test ([127.0.0.1])\n" + to in trace
        several = [octets for octets in letters if b"Subject: to three" in octets]
        assert all(b"for <" not in octets.partition(b"\nReceived: from client.test")[2] for octets in several)
    assert await place.stored() == before
    assert passed("taken") == taken + 20


async def test_ours_is_stored_and_not_passed(place: Place) -> None:
    before = await place.stored()
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            assert (await peer.letter(LETTER, OURS.upper())).startswith("250 2.6.0 Kept")
    await place.postfix.settled()
    assert await place.stored() == before + 1
    assert place.postfix.all_letters() == []


@pytest.mark.parametrize("first", ["ours", "staff"])
async def test_of_both_in_one_transaction_the_first_decides_and_the_rest_comes_again(place: Place, first: str) -> None:
    before = await place.stored()
    to = [OURS, STAFF[0]] if first == "ours" else [STAFF[0], OURS]
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            while to:
                await peer.say("MAIL FROM:<a@client.test>")
                replies = {address: await peer.say(f"RCPT TO:<{address}>") for address in to}
                assert replies[to[0]].startswith("250 ")
                assert all(replies[address].startswith("452 4.5.3 ") for address in to[1:])
                await peer.say("DATA")
                peer.send(LETTER)
                assert (await peer.reply()).startswith("250 ")
                to = to[1:]
    await place.postfix.delivered(STAFF[0])
    await place.postfix.settled()
    assert len(place.postfix.all_letters()) == 1
    assert await place.stored() == before + 1


@pytest.mark.slow
async def test_a_letter_to_both_by_a_real_server_comes_again_by_itself(place: Place) -> None:
    before = await place.stored()
    with place.ingress() as mx:
        hurry = "minimal_backoff_time = 2s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s"
        with postfix(f"relayhost = [127.0.0.1]:{mx.port}\n{hurry}", "sender.test") as sender:
            with smtplib.SMTP(sender.host, sender.port) as peer:
                refused = peer.sendmail("a@client.test", [STAFF[0], OURS, STAFF[1]], LETTER)
            assert refused == {}
            try:
                await until(lambda: sender.queued() == 0, 60)
            except TimeoutError:
                pytest.fail(sender.log[-3000:])
            assert f"to=<{OURS}>, relay=127.0.0.1[127.0.0.1]:{mx.port}" in sender.log
            assert "452 4.5.3" in sender.log
    await place.postfix.settled()
    assert [len(place.postfix.letters(address)) for address in STAFF[:3]] == [1, 1, 0]
    assert await place.stored() == before + 1


async def test_an_unknown_address_is_refused_in_the_words_of_the_domain_s_server(place: Place) -> None:
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            reply = await peer.begin(f"nobody@{DOMAIN}")
            assert reply.startswith(f"550 5.1.1 <nobody@{DOMAIN}>: Recipient address rejected: User unknown")
            assert (await peer.say(f"RCPT TO:<{STAFF[1]}>")).startswith("250 2.1.5")
            assert (await peer.say(f"RCPT TO:<nobody@{DOMAIN}.elsewhere.test>")).startswith("550 5.7.1 Relaying denied")
            assert (await peer.say("DATA")).startswith("354")
            peer.send(LETTER)
            assert (await peer.reply()).startswith("250 ")
    await place.postfix.settled()
    assert [len(place.postfix.letters(address)) for address in STAFF[:2]] == [0, 1]


async def test_while_the_domain_s_server_is_down_its_mail_waits_and_ours_is_taken(place: Place) -> None:
    before = await place.stored()
    with place.ingress() as mx:
        place.postfix.postfix.stop()
        try:
            async with client(mx.port) as peer:
                await peer.say("MAIL FROM:<a@client.test>")
                for address in STAFF[:2]:
                    assert (await peer.say(f"RCPT TO:<{address}>")).startswith("451 4.4.1 ")
                assert (await peer.say("DATA")).startswith("451 ")
                assert (await peer.say(f"RCPT TO:<{OURS}>")).startswith("250 ")
                assert (await peer.say(f"RCPT TO:<{STAFF[0]}>")).startswith("452 4.5.3 ")
                assert (await peer.say("DATA")).startswith("354")
                peer.send(LETTER)
                assert (await peer.reply()).startswith("250 2.6.0")
        finally:
            place.postfix.postfix.start()
        async with client(mx.port) as peer:
            assert (await peer.letter(LETTER, *STAFF[:2])).startswith("250 ")
    await place.postfix.settled()
    assert [len(place.postfix.letters(address)) for address in STAFF[:2]] == [1, 1]
    assert await place.stored() == before + 1


async def test_down_between_recipient_and_letter(place: Place) -> None:
    deferred = passed("deferred")
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            assert (await peer.begin(STAFF[0])).startswith("354")
            place.postfix.postfix.stop()
            try:
                peer.send(LETTER)
                assert (await peer.reply()).startswith("451 4.4.1 ")
            finally:
                place.postfix.postfix.start()
            assert (await peer.letter(LETTER, STAFF[0])).startswith("250 ")
    await place.postfix.settled()
    assert len(place.postfix.letters(STAFF[0])) == 1
    assert passed("deferred") == deferred + 1


async def test_of_a_peer_killed_in_the_middle_nothing_arrives(place: Place) -> None:
    before = place.postfix.postfix.log.count("disconnect from")
    with place.ingress() as mx:
        for end in (b"", b"\r\n", b"\r\n."):
            async with client(mx.port) as peer:
                assert (await peer.begin(STAFF[2])).startswith("354")
                peer.writer.write(LETTER * 5_000 + end)
                await peer.writer.drain()
                peer.writer.transport.abort()
        async with client(mx.port) as peer:
            assert (await peer.letter(LETTER, STAFF[2])).startswith("250 ")
    await until(lambda: place.postfix.postfix.log.count("disconnect from") >= before + 4)
    await place.postfix.settled()
    assert len(place.postfix.letters(STAFF[2])) == 1


async def test_a_slow_letter_outlives_the_patience_of_the_domain_s_server(place: Place) -> None:
    """Postfix closes after a second without a command; the letter comes later."""
    with place.ingress(place.postfix.hasty) as mx:
        async with client(mx.port) as peer:
            assert (await peer.begin(STAFF[4], STAFF[5])).startswith("354")
            closed = "timeout after RCPT"
            seen = place.postfix.postfix.log.count(closed)
            await until(lambda: place.postfix.postfix.log.count(closed) > seen)
            peer.send(LETTER)
            assert (await peer.reply()).startswith("250 ")
    await place.postfix.settled()
    assert [len(place.postfix.letters(address)) for address in STAFF[4:6]] == [1, 1]


def received(letter: Message) -> str:
    """The Received field that Postfix wrote."""
    return " ".join(str(letter["Received"]).split())


async def test_xclient_tells_postfix_who_the_peer_is(place: Place) -> None:
    with place.ingress(client="xclient") as mx:
        async with client(mx.port, source="127.0.0.7") as peer:
            assert (await peer.letter(LETTER, STAFF[6])).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[6])
    assert received(letter).startswith("from client.test (unknown [127.0.0.7]) ")
    assert re.search(r"smtpd\[\d+\]: \w+: client=unknown\[127\.0\.0\.7\]", place.postfix.postfix.log)


@pytest.mark.system("dnsmasq-base")
async def test_xclient_under_tls_and_of_a_peer_with_a_name(place: Place, tmp_path: Path) -> None:
    with (
        dns_server(tmp_path, {}, {"mail.client.test": "127.0.0.7"}) as server,
        place.ingress(dns_servers=(server,), host="localhost", tls="starttls", client="xclient") as mx,
    ):
        async with client(mx.port, source="127.0.0.7") as peer:
            assert (await peer.letter(LETTER, STAFF[7])).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[7])
    assert received(letter).startswith("from client.test (mail.client.test [127.0.0.7]) (using TLSv1.3 ")


async def test_a_next_hop_that_offers_no_xclient_gets_the_mail_all_the_same(place: Place) -> None:
    with place.ingress(place.postfix.bare, client="xclient") as mx:
        async with client(mx.port, source="127.0.0.7") as peer:
            assert (await peer.letter(LETTER, STAFF[8])).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[8])
    assert received(letter).startswith("from mx.test (unknown [127.0.0.1]) ")


async def test_a_proxy_header_tells_postfix_who_the_peer_is(place: Place) -> None:
    with place.ingress(place.postfix.proxied, client="proxy") as mx:
        async with client(mx.port, source="127.0.0.8") as peer:
            assert (await peer.letter(LETTER, STAFF[9])).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[9])
    assert received(letter).startswith("from client.test (unknown [127.0.0.8]) ")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_tls_towards_the_next_hop(place: Place, tls: str) -> None:
    port = place.postfix.wrapped if tls == "implicit" else place.postfix.postfix.port
    with place.ingress(port, host="localhost", tls=tls) as mx:
        async with client(mx.port) as peer:
            assert (await peer.letter(LETTER, STAFF[10])).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[10])
    assert "(using TLSv1.3 with cipher " in received(letter)


@pytest.mark.parametrize("what", ["no STARTTLS", "a certificate of another name", "TLS where there is none"])
async def test_without_the_tls_that_the_directory_asks_for_nothing_is_passed(place: Place, what: str) -> None:
    """Never in clear instead (RFC 3207 section 6 leaves that to the one who asks)."""
    ways: dict[str, tuple[int, dict[str, Any]]] = {
        "no STARTTLS": (place.postfix.bare, {"host": "localhost", "tls": "starttls"}),
        "a certificate of another name": (place.postfix.postfix.port, {"host": "127.0.0.1", "tls": "starttls"}),
        "TLS where there is none": (place.postfix.bare, {"host": "localhost", "tls": "implicit"}),
    }
    port, hop = ways[what]
    with place.ingress(port, **hop) as mx:
        async with client(mx.port) as peer:
            assert (await peer.begin(STAFF[11])).startswith("451 4.4.1 ")
    await place.postfix.settled()
    assert place.postfix.all_letters() == []


async def test_a_thai_address(place: Place) -> None:
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            begun = await peer.begin(STAFF[19], sender="ผู้ส่ง@client.test", parameters="SMTPUTF8 BODY=8BITMIME")
            assert begun.startswith("354")
            peer.send(FIELDS + "Subject: สวัสดี\r\n\r\nเรียน\r\n".encode())
            assert (await peer.reply()).startswith("250 ")
    (letter,) = await place.postfix.delivered(STAFF[19])
    assert "with UTF8SMTP" in received(letter)
    octets = place.postfix.letters(STAFF[19])[0]
    assert octets.endswith("Subject: สวัสดี\n\nเรียน\n".encode())
    assert "<ผู้ส่ง@client.test>".encode() in octets


async def test_what_needs_smtputf8_is_not_squeezed_through_a_server_without_it(place: Place) -> None:
    """RFC 6531 section 3.5; a letter of plain ASCII whose sender only offers it goes its way."""
    with place.ingress(place.postfix.bare) as mx:
        async with client(mx.port) as peer:
            reply = await peer.begin(STAFF[19], parameters="SMTPUTF8")
            assert reply.startswith("550 5.6.7 ")
            await peer.say("RSET")
            assert (await peer.begin(STAFF[0], sender="ผู้@client.test", parameters="SMTPUTF8")).startswith("550 5.6.7 ")
            await peer.say("RSET")
            for head, answer in (
                (b"Subject: plain\r\n\r\n\xe0\xb8\x81\r\n", "250 "),
                ("Subject: ก\r\n".encode(), "550 5.6.7 "),
            ):
                assert (await peer.begin(STAFF[0], parameters="SMTPUTF8")).startswith("354")
                peer.send(head)
                assert (await peer.reply()).startswith(answer)
    await place.postfix.settled()
    assert len(place.postfix.letters(STAFF[0])) == 1


@pytest.mark.parametrize("way", ["BDAT", "DATA"])
async def test_dkim_of_passed_mail_still_verifies(place: Place, way: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    body = b"\r\n".join([b".", b"..two", b"", b"Fr\xe0\xb8\x81om", b"x" * 900, b"trailing  \t ", b"", b"end"]) + b"\r\n"
    plain = (
        b"From: A <a@client.test>\r\nTo: b@shared.test\r\nSubject:  two  spaces\r\nMessage-ID: <1@client.test>\r\n\r\n"
        + body
    )
    signed = bytes(dkim.sign(plain, b"s1", b"client.test", pem, canonicalize=(b"simple", b"simple"))) + plain
    port = place.postfix.postfix.port if way == "BDAT" else place.postfix.bare
    with place.ingress(port) as mx:
        async with client(mx.port) as peer:
            stuffed = signed.replace(b"\r\n.", b"\r\n..")
            assert (await peer.letter(stuffed, STAFF[12])).startswith("250 ")
    await place.postfix.delivered(STAFF[12])
    arrived = place.postfix.letters(STAFF[12])[0].replace(b"\n", b"\r\n")
    assert dkim.verify(arrived, dnsfunc=lambda _name, timeout=5: record)
    assert not dkim.verify(arrived.replace(b"two  spaces", b"two spaces"), dnsfunc=lambda _name, timeout=5: record)


async def test_a_large_letter(place: Place) -> None:
    line = b"A" * 76 + b"\r\n"
    large = b"Subject: large\r\n\r\n" + line * 200_000
    with place.ingress() as mx:
        async with client(mx.port) as peer:
            assert (await peer.letter(large, STAFF[13])).startswith("250 ")
    await place.postfix.delivered(STAFF[13])
    await place.postfix.settled()
    assert place.postfix.letters(STAFF[13])[0].endswith(large[-15_000_000:].replace(b"\r\n", b"\n"))


async def test_the_next_hop_may_not_be_ourselves(place: Place) -> None:
    """Otherwise each RCPT would open a session to ourselves that opens another one."""
    with place.ingress() as mx:
        port = mx.port
        hop = NextHop(host="127.0.0.1", port=port, tls="none")
        domain = Domain(name="circle.test", mode="shared", next_hop=hop)
        circle = Agency(id="circle", name="กรมวนเวียน", domains=(domain,), addresses=("saraban@circle.test",))
        write(place.world.nats, circle)
        async with client(port) as peer:
            while (reply := await peer.begin("someone@circle.test")).startswith("550 5.7.1"):
                await peer.say("RSET")  # the directory's news is on its way
            assert reply.startswith("451 4.4.1 ")
