"""When sign is late: the provisional receipt, the letter without verdict, and what follows."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from contracts.directory import Relay
from contracts.mail import HeaderLines, Peer
from contracts.notices import LetterDelivered, MailDelayed, ReceiptHeld, SenderReceipted
from contracts.orders import ReleaseOrdered
from contracts.receipt import Receipt
from contracts.streams import NOTIFY_SEALED
from services.notify.outbox import Outbox
from services.runtime.bus import Bus
from tests import receipts
from tests.dispatch import FAILED, LETTER, PASSED, Dispatch
from tests.servers import NatsServer, free_port
from tests.sinks import Sink, sink

TRUSTED = Peer(address="10.0.0.1", trusted=True)


@pytest.fixture
def world(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def relay() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


def kinds(relay: Sink) -> list[str]:
    return [mail.header("Message-ID").partition(".")[0].removeprefix("<") for mail in relay.taken]


async def test_after_the_grace_a_provisional_receipt_goes_and_the_final_one_follows(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(peer=TRUSTED)
    async with world.running(nats_server.settings(), grace_seconds=2.0):
        provisional, cover = await relay.mails(2)
        await world.idle("notify-grace", "REGISTER")
        await world.sealed(letter)
        await relay.mails(3)
        await world.idle()
        told = await world.told(SenderReceipted, letter)
    assert kinds(relay) == ["provisional", "cover", "final"]
    assert [event.kind for event in told] == ["provisional", "final"]
    assert len(await world.told(LetterDelivered, letter)) == 1
    (attached,) = provisional.message.iter_attachments()
    receipt = msgspec.json.decode(attached.get_content(), type=Receipt)
    assert (receipt.kind, receipt.number, receipt.seal.kind) == ("provisional", 1, "none")
    assert "ฉบับชั่วคราว" in provisional.header("Subject")
    assert LETTER in cover.octets
    assert "ยังไม่มีผล" in cover.text


async def test_within_the_grace_nothing_goes(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    await world.letter(peer=TRUSTED)
    done = await world.letter(peer=TRUSTED)
    await world.sealed(done)
    async with world.running(nats_server.settings(), grace_seconds=600.0):
        await relay.mails(2)
        await world.idle()
    assert {mail.header("Message-ID").split(".")[1] for mail in relay.taken} == {done.event.mail}


async def test_a_final_receipt_that_is_out_leaves_nothing_to_say(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """A backlog of rows, long past their grace, whose receipts are all there."""
    await world.agency(relay=relay.relay)
    for _ in range(5):
        await world.sealed(await world.letter(peer=TRUSTED, age_seconds=3600))
    async with world.running(nats_server.settings(), grace_seconds=600.0):
        await world.idle()
        await world.idle("notify-grace", "REGISTER")
    assert sorted(kinds(relay)) == ["cover"] * 5 + ["final"] * 5


async def test_a_sealed_receipt_whose_relay_is_away_is_not_announced_by_another(
    world: Dispatch, nats_server: NatsServer
) -> None:
    port = free_port()
    await world.agency(relay=Relay(host="localhost", port=port, tls="none"))
    letter = await world.letter(peer=TRUSTED, age_seconds=3600)
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        await world.tells(MailDelayed, letter)
        await world.idle("notify-grace", "REGISTER")
        async with sink(port=port) as relay:
            await relay.mails(2, 60)
            await world.idle()
    assert sorted(kinds(relay)) == ["cover", "final"]


async def test_a_sealed_receipt_that_waits_its_turn_is_not_announced_by_another(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """A backlog of receipts: the final one is there, only not sent yet."""
    await world.agency(relay=relay.relay)
    await world.sealed(await world.letter(peer=TRUSTED, age_seconds=3600))
    pause = f"CONSUMER.PAUSE.{NOTIFY_SEALED.stream}.{NOTIFY_SEALED.durable}"
    await world.bus.api(pause, {"pause_until": "2999-01-01T00:00:00Z"})
    async with world.running(nats_server.settings()):
        await world.idle("notify-grace", "REGISTER")
        assert relay.taken == []
        await world.bus.api(pause, {})
        await relay.mails(2)
    assert sorted(kinds(relay)) == ["cover", "final"]


async def test_the_final_receipt_takes_the_place_of_a_provisional_one_that_could_not_go(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    refused: list[str] = []

    def defer(address: str) -> str:
        if address == "clerk@sender.example" and not refused:
            refused.append(address)
            return "451 4.7.1 greylisted"
        return ""

    relay.rcpt = defer
    await world.agency(relay=relay.relay)
    letter = await world.letter(peer=TRUSTED, age_seconds=3600)
    async with world.running(nats_server.settings(), first_retry_seconds=60.0, last_retry_seconds=60.0):
        await world.tells(MailDelayed, letter)
        await world.tells(LetterDelivered, letter)
        await world.sealed(letter)
        await world.tells(SenderReceipted, letter)
        await world.idle()
    slip = await Outbox(world.bus).read(letter.position)
    assert slip is not None
    assert slip.errands["provisional"].state == "superseded"
    assert kinds(relay) == ["cover", "final"]


async def test_nobody_proven_nothing_provisional(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(age_seconds=3600)
    async with world.running(nats_server.settings()):
        held = await world.tells(ReceiptHeld, letter)
        await world.idle("notify-grace", "REGISTER")
        assert kinds(relay) == ["cover"]
        await world.sealed(letter)
        await world.tells(SenderReceipted, letter)
        await world.idle()
    assert (held.kind, held.why, held.receipt) == ("provisional", "unauthenticated", None)
    assert kinds(relay) == ["cover", "final"]


async def test_findings_without_a_receipt_prove_the_sender(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """The press is broken, the examiner is not."""
    await world.agency(relay=relay.relay)
    letter = await world.letter(age_seconds=3600)
    await world.examined(letter, receipts.findings(authentication=PASSED, signatures=()))
    async with world.running(nats_server.settings()):
        told = await world.tells(SenderReceipted, letter)
        await world.idle("notify-grace", "REGISTER")
    assert told.kind == "provisional"
    assert kinds(relay) == ["provisional", "cover"]
    assert "ไม่พบลายมือชื่อดิจิทัลในหนังสือ" in relay.taken[1].text


async def test_to_release_a_provisional_one_lets_the_final_one_go(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(age_seconds=3600)
    async with world.running(nats_server.settings()):
        await world.tells(ReceiptHeld, letter)
        order = ReleaseOrdered(
            agency="demo",
            id="1" * 32,
            by="สมใจ",
            reason="รู้จัก",
            given_at=letter.event.received_at,
            series="received",
            year=letter.row.year,
            number=1,
        )
        await world.bus.publish(order)
        await world.idle("notify-releases", "ORDERS")
        await world.sealed(letter, FAILED)
        told = await world.tells(SenderReceipted, letter)
    assert (told.kind, told.sent) == ("final", True)
    assert kinds(relay) == ["cover", "final"]


async def test_a_machine_gets_no_provisional_mail_either(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    await world.letter(peer=TRUSTED, age_seconds=3600, lines=HeaderLines(list_id="<x.example>"), series="general")
    async with world.running(nats_server.settings()):
        await world.idle("notify-grace", "REGISTER")
    assert kinds(relay) == ["cover"]
    assert await world.told(SenderReceipted) == []


async def test_a_letter_that_came_on_paper_has_no_mail(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    row = receipts.row(mail=None, sha256=None, size=None, position=None, channel="paper", number=1)
    await world.bus.publish(row)
    async with world.running(nats_server.settings()):
        await world.idle("notify-grace", "REGISTER")
    assert relay.taken == []


async def test_after_five_days_a_provisional_receipt_would_be_an_afterthought(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    await world.letter(peer=TRUSTED, age_seconds=6 * 86_400)
    async with world.running(nats_server.settings()):
        await world.idle("notify-grace", "REGISTER")
    assert kinds(relay) == ["cover"]
