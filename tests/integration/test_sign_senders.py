"""The sender is judged when the letter comes, by the DNS of that time, whatever the examination is doing."""

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.directory import SealOwner
from contracts.event import Position
from contracts.findings import Authentication, Findings, LetterExamined
from contracts.mail import MailReceived, Peer
from contracts.values import from_instant, instant
from services.runtime.bus import Bus
from services.runtime.provision import provision
from services.runtime.settle import Retry
from services.sign import authority, children, resolver, sender_worker, senders
from services.sign.child_process import ChildError
from services.sign.children import Children
from services.sign.senders import Kept, Senders
from tests import books
from tests.conftest import THIS_YEAR
from tests.dkim_letters import record, signed
from tests.servers import NatsServer
from tests.signing import events, letter, mail, prepare, sealed, sign, store
from tests.waiting import until_it
from tests.zone_server import Zone, zone_server

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DOMAIN = "opdc.go.th"  # the From line of `mail()`
TEXTS = {
    DOMAIN: "v=spf1 ip4:192.0.2.1 -all",
    f"_dmarc.{DOMAIN}": "v=DMARC1; p=reject",
    f"s._domainkey.{DOMAIN}": record(KEY),
}


def arrived(octets: bytes, **changes: object) -> tuple[MailReceived, bytes]:
    """A letter that comes now."""
    now = instant(int(datetime.now(UTC).timestamp() * 1e9))
    return letter(octets, **({"sender": f"clerk@{DOMAIN}", "received_at": now} | changes))


def honest() -> tuple[MailReceived, bytes]:
    return arrived(signed(mail(), KEY, d=DOMAIN))


async def kept(bus: Bus, sequence: int = 1) -> Kept | None:
    """What is known of the sender of a letter in MAIL."""
    found, _ = await Senders(bus, 0).get(Position(stream=f"MAIL_{THIS_YEAR}", sequence=sequence))
    return found


def is_settled(bus: Bus, sequence: int = 1) -> Callable[[], Awaitable[Kept | None]]:
    async def settled() -> Kept | None:
        found = await kept(bus, sequence)
        return found if found is not None and found.next_at is None else None

    return settled


async def examined(bus: Bus) -> list[Findings]:
    return [event.findings for event in await events(bus) if isinstance(event, LetterExamined)]


async def verdicts(bus: Bus) -> list[Authentication]:
    return [found.authentication for found in await examined(bus) if found.authentication is not None]


async def test_a_backlog_changes_nothing_of_what_the_sender_could_show(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """No key to seal with: rows wait. Meanwhile the key rotates, SPF moves, sign is started anew, twice."""
    await prepare(bus, seal=SealOwner())
    async with zone_server(TEXTS) as zone, books.worker(nats_server.settings()):
        dns = {"dns_servers": (zone.place,), "dns_seconds": 10.0, "sender_patience_seconds": 60.0}
        begun = datetime.now(UTC)
        async with sign(nats_server, tmp_path, **dns):
            await store(bus, honest(), honest())
            early = await until_it(is_settled(bus))
            await until_it(is_settled(bus, 2))
        assert await events(bus) == []
        looked = datetime.now(UTC)
        zone.texts = {DOMAIN: "v=spf1 -all", f"_dmarc.{DOMAIN}": "v=DMARC1; p=none"}
        zone.asked.clear()
        async with sign(nats_server, tmp_path, **dns):
            await until_it(waits(bus, "sign-entered", 2))
        authority.ensure(tmp_path / "elsewhere")
        # The rows wait for their pause; a new consumer has none, and forgot what it had delivered.
        await again(nats_server, bus, "sign-entered")
        seals = {"operator": f"elsewhere/{authority.SEAL_FILE}"}
        async with sign(nats_server, tmp_path, seals=seals, operator="ผู้ให้บริการ", **dns):
            await sealed(bus, 2)
    for found in await verdicts(bus):
        assert (found.spf, found.dkim, found.dmarc, found.dmarc_policy) == ("pass", "pass", "pass", "reject")
        assert found.judged_at is not None
        assert begun - timedelta(seconds=1) < from_instant(found.judged_at) < looked
        said = {answer.name: answer.records for answer in found.evidence}
        assert said[f"s._domainkey.{DOMAIN}"] == (record(KEY),)
        assert said[DOMAIN] == (TEXTS[DOMAIN],)
    assert early is not None
    assert early.authentication in await verdicts(bus)
    assert not zone.asked, "somebody asked again"


def waits(bus: Bus, durable: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def waiting() -> bool:
        info = await bus.api(f"CONSUMER.INFO.REGISTER.{durable}")
        return int(info["num_ack_pending"]) >= count

    return waiting


async def again(server: NatsServer, bus: Bus, durable: str) -> None:
    """A consumer that knows nothing of what it delivered."""
    await bus.api(f"CONSUMER.DELETE.REGISTER.{durable}")
    await provision(server.settings(), THIS_YEAR)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_worker, "PAUSES", (0.5,))
    monkeypatch.setattr(resolver, "_FAILED_SECONDS", 0.1)
    monkeypatch.setattr(resolver, "_PROBE_SECONDS", 0.2)


@pytest.mark.usefixtures("quick")
async def test_a_dns_that_answers_later_is_asked_again_and_nobody_else_waits(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await prepare(bus)
    other = {"elsewhere.example": "v=spf1 ip4:192.0.2.1 -all", "_dmarc.elsewhere.example": "v=DMARC1; p=reject"}
    async with zone_server(TEXTS | other) as zone, books.worker(nats_server.settings()):
        zone.silent = {DOMAIN}
        async with sign(
            nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=1.0, sender_patience_seconds=120.0
        ):
            await store(bus, honest())
            await until_it(lambda: kept(bus))
            plain = b"From: a@elsewhere.example\r\nSubject: x\r\n\r\nx\r\n"
            await store(bus, arrived(plain, sender="a@elsewhere.example"))
            await until_it(lambda: verdicts(bus))
            (first,) = await verdicts(bus)
            assert (first.author_domain, first.spf, first.tries) == ("elsewhere.example", "pass", 1)
            waiting = await kept(bus)
            assert waiting is not None
            assert waiting.next_at is not None
            zone.silent = set()
            await sealed(bus, 2)
    found = (await verdicts(bus))[1]
    assert (found.spf, found.dkim, found.dmarc) == ("pass", "pass", "pass")
    assert found.tries > 1
    assert {answer.status for answer in found.evidence} == {"answered"}
    assert [said.code for said in (await examined(bus))[1].warnings] == []


@pytest.mark.usefixtures("quick")
async def test_a_dns_that_never_answers_is_given_up_in_time(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    await prepare(bus)
    async with zone_server({}) as zone, books.worker(nats_server.settings()):
        zone.failing = {DOMAIN, f"_dmarc.{DOMAIN}", f"s._domainkey.{DOMAIN}"}
        async with sign(nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=1.0, sender_patience_seconds=3.0):
            await store(bus, honest())
            await sealed(bus, 1)
    (found,) = await verdicts(bus)
    assert (found.spf, found.dkim, found.dmarc) == ("temperror", "temperror", "temperror")
    assert found.tries > 1
    assert {answer.status for answer in found.evidence} == {"servfail"}
    assert [said.code for said in (await examined(bus))[0].warnings] == ["authentication_unfinished"]


async def test_letters_of_dead_domains_do_not_hold_up_the_others(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs its short first look; with a whole minute for each the honest one would come after six."""
    monkeypatch.setattr(sender_worker, "FIRST_SECONDS", 0.3)
    await prepare(bus)
    dead = 12
    async with zone_server(TEXTS) as zone, books.worker(nats_server.settings()):
        zone.silent = {f"dead{number}.example" for number in range(dead)}
        async with sign(
            nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=60.0, sender_patience_seconds=480.0
        ):
            await store(bus, *(arrived(mail(), sender=f"a@dead{number}.example") for number in range(dead)), honest())
            await until_it(lambda: verdicts(bus))
            (found,) = await verdicts(bus)

            async def waiting() -> bool:
                slips = [await kept(bus, number + 1) for number in range(dead)]
                return all(one is not None and one.next_at is not None for one in slips)

            await until_it(waiting)  # the last of them may still have had its first look
    assert (found.spf, found.dkim, found.dmarc) == ("pass", "pass", "pass")


async def test_without_an_early_look_the_examination_asks_itself(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host can start no child for it; nothing is lost but the time."""

    async def nobody(self: Children, octets: bytes, received: MailReceived, seconds: float | None = None) -> Findings:
        raise ChildError("no memory")

    monkeypatch.setattr(children.Children, "judge_sender", nobody)
    monkeypatch.setattr(senders, "ABSENT_SECONDS", 1.0)
    await prepare(bus)
    async with (
        zone_server(TEXTS) as zone,
        books.worker(nats_server.settings()),
        sign(nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=10.0),
    ):
        await store(bus, honest())
        await sealed(bus, 1)
    (found,) = await verdicts(bus)
    assert (found.spf, found.dkim, found.dmarc) == ("pass", "pass", "pass")
    assert found.evidence
    assert await kept(bus) is None


async def test_a_letter_that_ends_its_child_is_not_looked_at_again(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is not known, the findings say why, and the letter is answered as any other."""
    monkeypatch.setattr(sender_worker, "FIRST_SECONDS", 5.0)
    await prepare(bus)
    async with zone_server(TEXTS) as zone, books.worker(nats_server.settings()):
        zone.silent = {DOMAIN}
        async with sign(nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=5.0):
            await store(bus, honest())
            await until_it(is_asked(zone))
            processes = children_of_ours()
            assert processes
            for pid in processes:
                os.kill(pid, signal.SIGKILL)
            await sealed(bus, 1)
    (found,) = await examined(bus)
    assert found.authentication is None
    assert [said.code for said in found.warnings] == ["resource_limit"]


def is_asked(zone: Zone) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return bool(zone.asked[DOMAIN])

    return asked


def children_of_ours() -> list[int]:
    """The processes that look at letters: forked by the fork servers that this process has started."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may have ended meanwhile
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    return [pid for pid, parent in parents.items() if parents.get(parent) == os.getpid()]


async def test_a_look_is_made_once_however_often_its_row_is_delivered(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    """A crash after the result was kept and before the row was acknowledged."""
    await prepare(bus, seal=SealOwner())
    async with zone_server(TEXTS) as zone, books.worker(nats_server.settings()):
        dns = {"dns_servers": (zone.place,), "dns_seconds": 10.0, "sender_patience_seconds": 60.0}
        async with sign(nats_server, tmp_path, **dns):
            await store(bus, honest())
            first = await until_it(is_settled(bus))
        await again(nats_server, bus, "sign-senders")
        asked = zone.asked.copy()
        async with sign(nats_server, tmp_path, **dns), sign(nats_server, tmp_path, **dns):
            await until_it(lambda: has_nothing_left(bus))
    assert zone.asked == asked
    assert await kept(bus) == first


async def has_nothing_left(bus: Bus) -> bool:
    info = await bus.api("CONSUMER.INFO.REGISTER.sign-senders")
    return bool(info["delivered"]["consumer_seq"]) and not info["num_pending"] and not info["num_ack_pending"]


LETTER = Position(stream="MAIL_2569", sequence=1)


async def test_the_wait_for_a_result_has_a_bound(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "WAIT_SECONDS", 0.2)
    store, now = Senders(bus, 100.0), datetime.now(UTC)

    def ago(seconds: float) -> str:
        return instant(int((now.timestamp() - seconds) * 1e9))

    # Nobody has looked: a moment's patience for a new row, none for an old one.
    with pytest.raises(Retry):
        await store.settled(LETTER, now)
    assert await store.settled(LETTER, now - timedelta(seconds=senders.ABSENT_SECONDS + 1)) is None
    # It will be asked once more: come again after that.
    open_ = Kept(authentication=Authentication(spf="temperror"), first_at=ago(10), next_at=ago(-20))
    await store.put(LETTER, open_, 0)
    with pytest.raises(Retry) as told:
        await store.settled(LETTER, now)
    assert 15 < told.value.delay_seconds < 30
    # Whoever should have asked is gone: what there is stands.
    late = msgspec.structs.replace(open_, first_at=ago(100 + senders.OVERDUE_SECONDS + 1))
    await store.put(LETTER, late, (await store.get(LETTER))[1])
    assert await store.settled(LETTER, now) == late


async def test_a_trusted_peer_needs_no_second_look(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    await prepare(bus)
    async with zone_server({}) as zone, books.worker(nats_server.settings()):
        zone.failing = {DOMAIN, f"_dmarc.{DOMAIN}"}
        async with sign(
            nats_server, tmp_path, dns_servers=(zone.place,), dns_seconds=1.0, sender_patience_seconds=480.0
        ):
            octets = mail("ที่ กค ๐๔๒๒.๒/๑ เรื่อง ทดลอง")
            await store(bus, arrived(octets, peer=Peer(address="192.0.2.1", trusted=True)))
            await sealed(bus, 1)
    (found,) = await verdicts(bus)
    assert (found.spf, found.tries) == ("temperror", 1)
    # Letters of the ministry of finance, from a domain of the prime minister's office.
    codes = [said.code for said in (await examined(bus))[0].warnings]
    assert codes == ["authentication_unfinished", "number_not_of_sender"]
