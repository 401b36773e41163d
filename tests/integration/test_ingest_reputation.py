"""Block lists and rspamd: what they say stands in the event and chooses the series; their silence does nothing."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nats.aio.subscription import Subscription
from prometheus_client import REGISTRY

from contracts import codec
from contracts.mail import MailReceived, Recipient, Standing
from services.ingest import patience
from services.ingest.content import Content
from services.ingest.rspamd import LETTER_BYTES, Rspamd
from services.ingest.transaction import Addressee, Transaction
from services.runtime.bus import Bus
from tests.books import until as until_rows
from tests.books import worker
from tests.conftest import THIS_YEAR
from tests.dns_server import dns_server, silent_dns_server
from tests.rspamd import GTUBE, rspamd
from tests.smtp.client import Client
from tests.smtp.ingress import ingress
from tests.smtp.world import World, world
from tests.waiting import until, until_it

LISTS = ("one.list.test", "two.list.test")
TO = "saraban@demo.test"
PROXIED = ("127.0.0.0/8",)
SERIES = ("received", "general", "classified")
NINE = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("reputation")) as made:
        yield made


@asynccontextmanager
async def peer(port: int, address: str) -> AsyncIterator[Client]:
    """A client whose address a load balancer tells."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        family = "TCP6" if ":" in address else "TCP4"
        writer.write(f"PROXY {family} {address} {'::1' if ':' in address else '127.0.0.1'} 4000 25\r\n".encode())
        made = Client(reader, writer)
        assert (await made.reply()).startswith("220")
        assert (await made.say("EHLO peer.test")).startswith("250")
        yield made
    finally:
        writer.close()


@asynccontextmanager
async def letters(place: World) -> AsyncIterator[Subscription]:
    watcher = await Bus.connect(place.nats, "test")
    try:
        subscription = await watcher.nc.subscribe("mail.v1.received.*")
        await watcher.nc.flush()
        yield subscription
    finally:
        await watcher.close()


async def standing(subscription: Subscription) -> Standing | None:
    event: MailReceived = codec.decode_received((await subscription.next_msg(timeout=20)).headers)
    return event.standing


def counted(source: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("saraban_ingest_reputation_total", {"source": source, "outcome": outcome}) or 0.0


def letter(number: int = 0, body: bytes = b"body") -> bytes:
    return b"Message-ID: <%d@peer.test>\r\nSubject: x\r\n\r\n%s\r\n" % (number, body)


@pytest.mark.system("dnsmasq-base")
async def test_what_the_lists_say(place: World, tmp_path: Path) -> None:
    hosts = {
        "9.2.0.192.one.list.test": "127.0.0.2",
        "9.2.0.192.two.list.test": "127.0.0.11",
        f"{NINE}.two.list.test": "127.0.0.3",
        "11.2.0.192.one.list.test": "127.255.255.254",  # you may not ask
        "12.2.0.192.one.list.test": "198.51.100.1",  # no answer of a list
        "1.100.51.198.one.list.test": "127.0.0.2",
    }
    expected = {
        "192.0.2.9": LISTS,
        "2001:db8::9": LISTS[1:],
        "192.0.2.10": None,
        "192.0.2.11": None,
        "192.0.2.12": None,
        "198.51.100.1": None,  # trusted: not asked about
    }
    before = {name: counted("blocklist", name) for name in ("listed", "clean", "failed")}
    with (
        dns_server(tmp_path, {}, hosts) as dns,
        ingress(
            place.nats,
            tmp_path / "state",
            proxy_networks=PROXIED,
            trusted_networks=("198.51.100.0/24",),
            blocklists=LISTS,
            dns_servers=(dns,),
            reputation_seconds=10.0,
        ) as running,
    ):
        async with letters(place) as kept:
            for address, names in expected.items():
                async with peer(running.port, address) as client:
                    assert (await client.letter(letter(), TO)).startswith("250")
                found = await standing(kept)
                assert (found.blocklisted if found else None) == names, address
            async with peer(running.port, "192.0.2.9") as client:
                assert (await client.letter(letter(), TO)).startswith("250")
            found = await standing(kept)
            assert found == Standing(blocklisted=LISTS)
    # The last one of 192.0.2.9 was known. Of each peer two lists were asked.
    changed = {name: counted("blocklist", name) - count for name, count in before.items()}
    assert changed == {"listed": 3, "clean": 5, "failed": 2}


@pytest.mark.system("dnsmasq-base")
async def test_the_lists_are_asked_while_the_letter_is_still_coming(place: World, tmp_path: Path) -> None:
    before = counted("blocklist", "clean")
    with (
        dns_server(tmp_path, {}) as dns,
        ingress(
            place.nats, tmp_path / "state", proxy_networks=PROXIED, blocklists=LISTS, dns_servers=(dns,)
        ) as running,
    ):
        async with peer(running.port, "192.0.2.1") as client:
            assert (await client.begin("nobody@demo.test")).startswith("550")
            assert counted("blocklist", "clean") == before, "asked about a peer that has no letter for us"
            await client.say("RSET")
            assert (await client.begin(TO)).startswith("354")
            await until(lambda: counted("blocklist", "clean") - before == len(LISTS))


@pytest.mark.system("dnsmasq-base")
async def test_behind_an_agencys_own_server_the_hop_before_it_is_asked_about(place: World, tmp_path: Path) -> None:
    received = b"Received: from x.test (x.test [192.0.2.9]) by mx.behind.test; Fri, 20 Nov 2026 10:00:00 +0700\r\n"
    hosts = {"9.2.0.192.one.list.test": "127.0.0.2", "1.0.0.127.one.list.test": "127.0.0.2"}
    with (
        dns_server(tmp_path, {}, hosts) as dns,
        ingress(
            place.nats, tmp_path / "state", proxy_networks=PROXIED, blocklists=LISTS, dns_servers=(dns,)
        ) as running,
    ):
        async with letters(place) as kept, peer(running.port, "127.0.0.1") as client:
            assert (await client.letter(received + letter(), "saraban@behind.test")).startswith("250")
            assert await standing(kept) == Standing(blocklisted=LISTS[:1])
            # It does not say where it has this one from; itself is not asked about, though it stands in the list.
            assert (await client.letter(letter(), "saraban@behind.test")).startswith("250")
            assert await standing(kept) is None


@contextmanager
def silent_http_server() -> Iterator[str]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_silence_is_nothing_found_and_after_a_while_nobody_waits_for_it(place: World, tmp_path: Path) -> None:
    silent = {source: counted(source, "silent") for source in ("blocklist", "rspamd")}
    unasked = {source: counted(source, "unasked") for source in ("blocklist", "rspamd")}
    with (
        silent_dns_server() as dns,
        silent_http_server() as url,
        ingress(
            place.nats,
            tmp_path / "state",
            proxy_networks=PROXIED,
            blocklists=LISTS[:1],
            dns_servers=(dns,),
            rspamd=url,
            reputation_seconds=0.2,
        ) as running,
    ):
        async with letters(place) as kept:
            for number in range(patience.FAILURES + 2):
                async with peer(running.port, f"192.0.2.{number + 1}") as client:
                    assert (await client.letter(letter(), TO)).startswith("250")
                assert await standing(kept) is None
    for source in ("blocklist", "rspamd"):
        assert counted(source, "silent") - silent[source] == patience.FAILURES
        assert counted(source, "unasked") - unasked[source] == 2


@pytest.mark.system("rspamd", "dnsmasq-base")
async def test_from_what_was_said_to_the_series_of_the_row(tmp_path: Path) -> None:
    with (
        world(tmp_path / "world") as place,
        dns_server(tmp_path, {}, {"9.2.0.192.one.list.test": "127.0.0.2"}) as dns,
        rspamd(tmp_path / "rspamd") as filter_,
        ingress(
            place.nats,
            tmp_path / "state",
            proxy_networks=PROXIED,
            blocklists=LISTS[:1],
            dns_servers=(dns,),
            rspamd=filter_.url,
            reputation_seconds=10.0,
        ) as running,
    ):
        secret = "Subject: ลับ เรื่อง\r\n\r\n".encode() + GTUBE + b"\r\n"
        sent = (
            ("192.0.2.1", letter(1)),
            ("192.0.2.1", letter(2, GTUBE)),
            ("192.0.2.9", letter(3)),
            ("192.0.2.9", secret),
        )
        bus = await Bus.connect(place.nats, "test")
        async with letters(place) as kept, worker(place.nats):
            found = []
            for address, data in sent:
                async with peer(running.port, address) as client:
                    assert (await client.letter(data, TO, sender="a@peer.test"))[:3] == "250"
                found.append(await standing(kept))
            books = await until_rows(bus, len(sent))
        await bus.close()
        said = filter_.log.read_text()
    assert found == [
        Standing(spam_score=0.0, spam_limit=15.0),
        Standing(spam_score=15.0, spam_limit=15.0),
        Standing(blocklisted=LISTS[:1], spam_score=0.0, spam_limit=15.0),
        Standing(blocklisted=LISTS[:1], spam_score=15.0, spam_limit=15.0),
    ]
    numbers = {series: [row.number for row in books.entered("demo", series, THIS_YEAR)] for series in SERIES}
    assert numbers == {"received": [1], "general": [1, 2], "classified": [1]}
    assert books.problems() == []
    assert "ip: 192.0.2.9, from: <a@peer.test>" in said
    assert "rcpts: <saraban@demo.test>" in said


# --- rspamd's protocol, with a server that says what the test wants -------------------------------------------------


@dataclass
class Spoken:
    """What an HTTP server was asked, and what it answers."""

    status: int = 200
    answer: bytes = b""
    asked: list[tuple[str, list[tuple[str, str]], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def http_server(said: Spoken) -> Iterator[Spoken]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said.asked.append((self.path, list(self.headers.items()), body))
            self.send_response(said.status)
            self.send_header("Content-Length", str(len(said.answer)))
            self.end_headers()
            self.wfile.write(said.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name for it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        said.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()


def transaction(sender: str = "a@peer.test") -> Transaction:
    named = {to: Recipient(address=to) for to in (TO, "second@demo.test")}
    return Transaction(sender=sender, addressees={"demo": Addressee(recipients=named)})


async def score(said: Spoken, data: bytes, sender: str = "a@peer.test", seconds: float = 5.0) -> float | None:
    content = Content()
    for start in range(0, len(data), 100_000):
        content.add(data[start : start + 100_000])
    asking = Rspamd(said.url, 6.0, seconds)
    try:
        found = await asking.score("192.0.2.1", "peer.test", "TLSv1.3", transaction(sender), content)
    finally:
        await asking.close()
    assert b"".join(content.pieces()) == data, "the letter is not used up"
    return found


async def test_the_letter_and_its_envelope_are_shown_to_rspamd() -> None:
    listed = counted("rspamd", "listed")
    with http_server(Spoken(answer=json.dumps({"score": 6.5, "action": "add header"}).encode())) as said:
        data = letter(1, b"x" * LETTER_BYTES)[-LETTER_BYTES:]
        assert await score(said, data) == 6.5
        assert await score(said, b"", sender="") == 6.5
    (path, headers, body), (_, null, _) = said.asked
    assert (path, body) == ("/checkv2", data)
    wanted = [
        ("IP", "192.0.2.1"),
        ("Helo", "peer.test"),
        ("From", "a@peer.test"),
        ("Rcpt", TO),
        ("Rcpt", "second@demo.test"),
        ("TLS-Version", "TLSv1.3"),
    ]
    assert [header for header in headers if header in wanted] == wanted
    assert ("From", "<>") in null
    assert counted("rspamd", "listed") - listed == 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, b'{"score": 9}'),
        (302, b'{"score": 9}'),
        (200, b""),
        (200, b"no JSON"),
        (200, b'{"action": "reject"}'),
        (200, b'{"score": "high"}'),
        (200, b'{"score": 9, "x": "' + b"x" * 2_000_000 + b'"}'),
    ],
)
async def test_an_answer_that_is_none_counts_as_a_failure(status: int, answer: bytes) -> None:
    failed = counted("rspamd", "failed")
    with http_server(Spoken(status, answer)) as said:
        assert await score(said, letter()) is None
    assert counted("rspamd", "failed") - failed == 1


async def test_a_letter_that_is_too_large_is_not_shown() -> None:
    with http_server(Spoken(answer=b'{"score": 9}')) as said:
        assert await score(said, b"x" * (LETTER_BYTES + 1)) is None
    assert said.asked == []


async def test_whoever_is_left_alone_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.05)
    content = Content()
    content.add(letter())
    with http_server(Spoken(500, b"")) as said:
        asking = Rspamd(said.url, 6.0, 5.0)

        async def ask() -> float | None:
            return await asking.score("192.0.2.1", "", "", transaction(), content)

        for _ in range(patience.FAILURES):
            assert await ask() is None
        said.status, said.answer = 200, b'{"score": 1}'
        unasked = counted("rspamd", "unasked")
        assert await ask() is None
        assert counted("rspamd", "unasked") - unasked == 1
        assert await until_it(ask) == 1.0
        await asking.close()
