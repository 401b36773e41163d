"""Relays as they are: TLS, LMTP, away, slow, full, refusing; and what that costs others (nothing)."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from contracts.directory import Dkim, Mailbox, Relay
from contracts.mail import Peer
from contracts.notices import LetterDelivered, MailDelayed, MailFailed, SenderReceipted
from services.notify.attempts import Attempts, Case
from services.notify.domain_key import Keyring
from services.notify.entry import Entry
from services.notify.outbox import Outbox
from services.notify.postroom import Postroom, Task
from services.notify.relay import Courier, Offers
from services.notify.wire import Mail
from services.runtime.bus import Bus
from services.runtime.settings import Notify
from tests import receipts
from tests.dispatch import LETTER, Dispatch
from tests.servers import NatsServer, free_port
from tests.sinks import Sink, sink
from tests.waiting import until

TRUSTED = Peer(address="10.0.0.1", trusted=True)
CENTRAL = "saraban@demo.example"


@pytest.fixture
def world(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def relay() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


async def test_a_mailbox_behind_lmtp_with_a_relay_of_its_own(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    async with sink("lmtp") as store:
        await world.agency(relay=relay.relay, mailboxes=(Mailbox(address="officer@demo.example", relay=store.relay),))
        letter = await world.letter()
        await world.sealed(letter)
        async with world.running(nats_server.settings()):
            delivered = await world.tells(LetterDelivered, letter)
    assert delivered.relay == f"localhost:{store.port}"
    assert [mail.recipient for mail in store.taken] == ["officer@demo.example"]
    assert LETTER in store.taken[0].octets
    assert [mail.recipient for mail in relay.taken] == ["clerk@sender.example"]


@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_by_authorities_of_the_operator(world: Dispatch, nats_server: NatsServer, implicit: bool) -> None:
    context, authority = certificate(world.state)
    async with sink(certificate=context, implicit=implicit) as relay:
        await world.agency(relay=relay.relay)
        letter = await world.letter()
        await world.sealed(letter)
        async with world.running(nats_server.settings(), relay_authorities=authority.name):
            await world.tells(SenderReceipted, letter)
    assert len(relay.taken) == 2


@pytest.mark.parametrize("what", ["certificate nobody vouches for", "no STARTTLS at all"])
async def test_a_relay_that_cannot_prove_itself_gets_nothing(
    world: Dispatch, nats_server: NatsServer, what: str
) -> None:
    """And nothing is lost: an operator mends it, the mail goes."""
    context, authority = certificate(world.state)
    async with sink(certificate=context if what.startswith("certificate") else None) as relay:
        relay.tls = "starttls"
        await world.agency(relay=relay.relay)
        letter = await world.letter()
        await world.sealed(letter)
        async with world.running(nats_server.settings()):
            delayed = await world.tells(MailDelayed, letter)
            assert delayed.code is None
        assert relay.taken == []
        relay.tls = "starttls" if what.startswith("certificate") else "none"
        await world.agency(relay=relay.relay)
        async with world.running(nats_server.settings(), relay_authorities=authority.name):
            await relay.mails(2, 200)


async def test_a_receipt_is_signed_for_the_agencys_domain(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    folder = world.state / "dkim"
    folder.mkdir(parents=True)
    (folder / "demo.example.s1.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    await world.agency(relay=relay.relay, dkim=Dkim(domain="demo.example", selector="s1"))
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings(), dkim_keys="dkim"):
        mails = await relay.mails(2)
    for mail in mails:
        assert dkim.verify(mail.octets, dnsfunc=lambda name, timeout=5: record)


async def test_not_now_is_tried_again_with_the_same_message_id(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    replies = iter(["451 4.7.1 greylisted", "450 4.2.1 busy"])
    relay.rcpt = lambda address: next(replies, "") if address == "clerk@sender.example" else ""
    await world.agency(relay=relay.relay)
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        told = await world.tells(SenderReceipted, letter)
        await world.idle()
        delays = await world.told(MailDelayed, letter)
    assert [(event.errand, event.attempt, event.code) for event in delays] == [("receipt", 1, 451), ("receipt", 2, 450)]
    assert [mail.recipient for mail in relay.taken] == ["officer@demo.example", "clerk@sender.example"]
    assert relay.taken[1].header("Message-ID") == told.message_id


async def test_never_is_not_tried_again(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    asked: list[str] = []

    def refuse(address: str) -> str:
        asked.append(address)
        return "550 5.1.1 unknown" if address == "clerk@sender.example" else ""

    relay.rcpt = refuse
    await world.agency(relay=relay.relay)
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        failed = await world.tells(MailFailed, letter)
        await world.tells(LetterDelivered, letter)
        await world.idle()
    assert (failed.errand, failed.code) == ("receipt", 550)
    assert failed.reason == "550 5.1.1 unknown"
    assert sorted(asked) == ["clerk@sender.example", "officer@demo.example"]


async def test_a_relay_that_was_away_gets_everything_when_it_is_back(world: Dispatch, nats_server: NatsServer) -> None:
    port = free_port()
    away = Relay(host="localhost", port=port, tls="none")
    await world.agency(relay=away)
    letters = [await world.letter() for _ in range(5)]
    for letter in letters:
        await world.sealed(letter)
    async with world.running(nats_server.settings()):
        await world.tells(MailDelayed, letters[-1])
        async with sink(port=port) as relay:
            await relay.mails(10, 60)
            await world.idle()
    ids = [mail.header("Message-ID") for mail in relay.taken]
    assert len(ids) == len(set(ids)) == 10


async def test_a_slow_relay_costs_no_other_agency_time(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    """More letters than there are workers wait for a relay that does not answer."""
    async with sink() as slow:
        slow.gate = asyncio.Event()
        await world.agency("slow", relay=slow.relay)
        await world.agency("fast", relay=relay.relay)
        stuck = [await world.letter(agency="slow") for _ in range(40)]
        for letter in stuck:
            await world.sealed(letter)
        async with world.running(nats_server.settings(), smtp_seconds=60.0):
            await until(lambda: slow.at_once)
            letter = await world.letter(agency="fast")
            await world.sealed(letter)
            await relay.mails(2, 8)
            assert not slow.taken
            slow.gate.set()
            await slow.mails(80, 120)
            await world.idle()
        ids = [mail.header("Message-ID") for mail in slow.taken]
        assert len(ids) == len(set(ids)) == 80
        assert slow.most_at_once <= 4


@pytest.mark.slow
async def test_a_dead_relay_with_a_long_queue_stops_nobody(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """Letters that wait for a relay stay with their consumer: its limit must not be theirs."""
    await world.agency("dead", relay=Relay(host="localhost", port=free_port(), tls="none"))
    await world.agency("alive", relay=relay.relay)
    for _ in range(400):
        await world.sealed(
            await world.letter(agency="dead", peer=TRUSTED, sender=f"{secrets.token_hex(4)}@many.example")
        )
    last = await world.letter(agency="alive")
    await world.sealed(last)
    async with world.running(nats_server.settings(), first_retry_seconds=600.0, last_retry_seconds=600.0):
        await world.tells(SenderReceipted, last, 60)
        info = await world.bus.api("CONSUMER.INFO.FINDINGS.notify-sealed")
        assert info["num_ack_pending"] >= 400


async def test_after_its_time_a_mail_is_given_up(bus: Bus, tmp_path: Path) -> None:
    """On a clock of the test's own: five days pass in no time."""
    moment = datetime(2026, 5, 29, 5, tzinfo=UTC)
    settings = Notify(give_up_seconds=432_000.0)
    courier = Courier(hostname="test", seconds=5)
    attempts = Attempts(bus, Postroom(settings, courier, Keyring(None), tmp_path), settings, lambda: moment)
    entry = Entry.of_row(receipts.agency(), receipts.row())

    def compose(_: Offers) -> Mail:
        return Mail(sender=CENTRAL, recipient=CENTRAL, message_id="<x@y>", octets=b"x: y\r\n\r\n")

    dead = Relay(host="localhost", port=free_port(), tls="none")
    task = Task(kind="receipt", relay=dead, agency="demo", dkim=None, file="x", compose=compose)
    waits = []
    async with Outbox(bus).hold(entry.position, entry.mail) as hold:
        case = Case(
            entry=entry,
            hold=hold,
            event=receipts.received(),
            letter=b"",
            findings=None,
            final=True,
            ends=float("inf"),
        )
        for _ in range(1000):
            wait = await attempts.make(case, "final", task)
            if wait is None:
                break
            waits.append(wait)
            moment += timedelta(seconds=wait)
        errand = hold.slip.errands["final"]
    assert errand.state == "failed"
    assert errand.reason.startswith(("given up after 120 h: no reply:", "given up after 121 h: no reply:"))
    assert 100 < len(waits) < 160
    assert 54 <= waits[0] <= 60
    assert 3_200 <= waits[-1] <= 3_600
    delays = await Dispatch(bus, tmp_path).told(MailDelayed)
    assert [event.attempt for event in delays] == [1, 2, 4, 8, 16, 32, 64, 128]


def certificate(state: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for localhost, and the file of the authority that vouches for it (itself)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    state.mkdir(parents=True, exist_ok=True)
    authority, private = state / "authority.pem", state / "private.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context, authority
