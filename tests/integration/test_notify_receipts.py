"""Notify between real streams and real relays: who gets a receipt, who gets the letter, who gets nothing."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from contracts.dead import MessageGivenUp
from contracts.directory import Mailbox
from contracts.findings import Particulars
from contracts.mail import HeaderLines, Peer
from contracts.notices import LetterDelivered, MailFailed, ReceiptHeld, RegistrarAlerted, SenderReceipted
from contracts.orders import ReleaseOrdered
from contracts.values import sha256_hex
from services.runtime.bus import Bus
from tests import receipts
from tests.conftest import THIS_YEAR
from tests.dispatch import FAILED, LETTER, PDF, Dispatch, Letter
from tests.servers import NatsServer
from tests.sinks import Sink, Taken, sink

MAILBOX = "officer@demo.example"
REGISTRAR = "registrar@demo.example"


@pytest.fixture
def world(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def relay() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


def original(mail: Taken) -> bytes:
    """The octets between the boundaries of the second part."""
    boundary = mail.octets.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    part = mail.octets.split(b"\r\n--" + boundary)[2]
    return part.partition(b"\r\n\r\n")[2]


def release(letter: Letter, number: int = 1) -> ReleaseOrdered:
    return ReleaseOrdered(
        agency=letter.row.agency,
        id=f"{number:032x}",
        by="นางสาวสมใจ รักงาน",
        reason="โทรสอบถามผู้ส่งแล้ว",
        given_at=letter.event.received_at,
        series=letter.row.series,
        year=letter.row.year,
        number=letter.row.number,
    )


async def dead(bus: Bus) -> list[MessageGivenUp]:
    world = Dispatch(bus, Path())
    return await world.told(MessageGivenUp, stream="DEAD")


async def test_a_letter_is_receipted_and_delivered(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter()
    sealed = await world.sealed(letter)
    async with world.running(nats_server.settings()):
        receipt, cover = await relay.mails(2)
        told = await world.tells(SenderReceipted, letter)
        delivered = await world.tells(LetterDelivered, letter)
        await world.idle()
    assert (receipt.sender, receipt.recipient) == (f"receipt-{letter.event.mail}@demo.example", "clerk@sender.example")
    assert receipt.header("Message-ID") == told.message_id
    assert (told.kind, told.sent, told.relay) == ("final", True, f"localhost:{relay.port}")
    assert next(iter(receipt.message.iter_attachments())).get_content() == PDF
    assert cover.recipient == MAILBOX
    assert cover.header("Message-ID") == delivered.message_id
    assert original(cover) == LETTER
    assert delivered.original == sha256_hex(LETTER) == sealed.receipt.sha256
    assert len(relay.taken) == 2


async def test_forged_senders_get_no_mail_until_an_officer_says_so(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """Nobody whose name was misused hears from us; the agency gets every letter all the same."""
    await world.agency(relay=relay.relay)
    letters = [await world.letter(sender=f"victim{at % 5}@bank.example") for at in range(40)]
    for letter in letters:
        await world.sealed(letter, FAILED)
    async with world.running(nats_server.settings()):
        await relay.mails(40)
        await world.idle()
        held = await world.told(ReceiptHeld)
        assert {mail.recipient for mail in relay.taken} == {MAILBOX}
        assert sorted(event.number for event in held) == list(range(1, 41))
        assert {event.why for event in held} == {"unauthenticated"}

        await world.bus.publish(release(letters[6]))
        told = await world.tells(SenderReceipted, letters[6])
        await world.bus.publish(release(letters[6], 2))  # a second click
        await world.idle("notify-releases", "ORDERS")
    assert [mail.recipient for mail in relay.taken if mail.recipient != MAILBOX] == ["victim1@bank.example"]
    assert told.message_id == relay.taken[-1].header("Message-ID")
    assert len(relay.taken) == 41


async def test_to_release_what_is_not_held_is_a_dead_letter(world: Dispatch, nats_server: NatsServer) -> None:
    await world.agency()
    letter = await world.letter()
    async with world.running(nats_server.settings()):
        await world.bus.publish(release(letter))
        await world.idle("notify-releases", "ORDERS")
    (given_up,) = await dead(world.bus)
    assert "nothing is held of entry 1" in given_up.reason


async def test_caps_hold_and_release_overrides_them(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    letters = [await world.letter() for _ in range(5)]
    for letter in letters:
        await world.sealed(letter)
    async with world.running(nats_server.settings(), cap_address=3):
        await relay.mails(8)
        await world.idle()
        held = await world.told(ReceiptHeld)
        assert [event.why for event in held] == ["cap_address"] * 2
        first = next(letter for letter in letters if letter.event.mail == held[0].mail)
        await world.bus.publish(release(first))
        await world.tells(SenderReceipted, first)
    assert sum(mail.recipient == "clerk@sender.example" for mail in relay.taken) == 4


@pytest.mark.parametrize(
    ("lines", "sender", "why"),
    [
        (HeaderLines(auto_submitted="auto-replied"), "clerk@sender.example", "auto_submitted"),
        (HeaderLines(list_id="<news.example>"), "clerk@sender.example", "mailing_list"),
        (HeaderLines(x_auto_response_suppress="All"), "clerk@sender.example", "asked_not_to"),
        (HeaderLines(), "", "null_sender"),
    ],
)
async def test_machines_get_no_mail_but_the_event(
    world: Dispatch, nats_server: NatsServer, relay: Sink, lines: HeaderLines, sender: str, why: str
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(series="general", lines=lines, sender=sender)
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        told = await world.tells(SenderReceipted, letter)
        (cover,) = await relay.mails(1)
        await world.idle()
    assert (told.sent, told.why) == (False, why)
    assert cover.recipient == MAILBOX
    assert len(relay.taken) == 1


@pytest.mark.parametrize("how", ["series", "mark"])
async def test_nothing_of_a_classified_letter_goes_in_clear(
    world: Dispatch, nats_server: NatsServer, relay: Sink, how: str
) -> None:
    await world.agency(relay=relay.relay, registrar=REGISTRAR)
    secret = b"Subject: secret\r\n\r\nthe plan is to attack at dawn\r\n"
    lines = HeaderLines(subject="ลับ แผนปฏิบัติการ", from_="Spy <spy@sender.example>", message_id="<1@sender.example>")
    letter = await world.letter(secret, series="classified" if how == "series" else "received", lines=lines)
    changes: dict[str, Any] = {}
    if how == "mark":
        changes["particulars"] = Particulars(secrecy=receipts.particular("ลับ"), subject=receipts.particular("แผน"))
    await world.sealed(letter, **changes)
    async with world.running(nats_server.settings()):
        alerted = await world.tells(RegistrarAlerted, letter)
        await world.idle()
    assert (alerted.why, alerted.sent) == ("classified", True)
    assert {mail.recipient for mail in relay.taken} == {REGISTRAR, "clerk@sender.example"}
    for mail in relay.taken:
        said = mail.text + mail.header("Subject")
        assert "แผนปฏิบัติการ" not in said
        assert b"attack at dawn" not in mail.octets
        assert "spy" not in (said + mail.header("From")).lower()
    assert not await world.told(LetterDelivered)


async def test_without_a_registrar_the_event_says_that_nobody_was_told(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(series="classified")
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        alerted = await world.tells(RegistrarAlerted, letter)
    assert (alerted.why, alerted.sent) == ("classified", False)


async def test_without_a_relay_mails_lie_in_a_folder(world: Dispatch, nats_server: NatsServer) -> None:
    """What a newcomer opens after `saraban up`."""
    await world.agency(registrar=REGISTRAR)
    letter = await world.letter()
    await world.sealed(letter, kind="test")
    hidden = await world.letter(series="classified")
    await world.sealed(hidden, FAILED)
    async with world.running(nats_server.settings()):
        await world.tells(LetterDelivered, letter)
        await world.tells(RegistrarAlerted, hidden)
        await world.idle()
    names = sorted(path.name for path in world.folder.iterdir())
    assert names == [f"alert-{hidden.name}.eml", f"cover-{letter.name}.eml", f"receipt-{letter.name}.eml"]
    octets = (world.folder / f"receipt-{letter.name}.eml").read_bytes()
    message = message_from_bytes(octets)
    assert message["Return-Path"] == f"<receipt-{letter.event.mail}@demo.example>"
    assert message["Delivered-To"] == "clerk@sender.example"
    assert LETTER in (world.folder / f"cover-{letter.name}.eml").read_bytes()
    assert (world.folder.stat().st_mode & 0o777, (world.folder / names[0]).stat().st_mode & 0o777) == (0o700, 0o600)


async def test_an_erased_letter_is_told_of_and_not_tried_for_ever(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter()
    await world.sealed(letter)
    await world.bus.js.delete_msg(letter.position.stream, letter.position.sequence)
    async with world.running(nats_server.settings()):
        failed = await world.tells(MailFailed, letter)
        await world.idle()
    assert "erased" in failed.reason
    assert relay.taken == []


async def test_one_mailbox_that_refuses_does_not_hold_up_the_other(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    relay.rcpt = lambda address: "550 5.1.1 no such user" if address.startswith("gone@") else ""
    boxes = (Mailbox(address="gone@demo.example"), Mailbox(address=MAILBOX))
    await world.agency(relay=relay.relay, mailboxes=boxes, registrar=REGISTRAR)
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        failed = await world.tells(MailFailed, letter)
        await world.tells(LetterDelivered, letter)
        alerted = await world.tells(RegistrarAlerted, letter)
        await world.idle()
    assert (failed.errand, failed.code) == ("cover", 550)
    assert "gone@demo.example: 550 5.1.1 no such user" in failed.reason
    assert (alerted.why, alerted.sent) == ("undeliverable", True)
    assert sorted(mail.recipient for mail in relay.taken) == ["clerk@sender.example", MAILBOX, REGISTRAR]
    assert "550 5.1.1 no such user" in relay.taken[-1].text


@pytest.mark.parametrize("how", ["announced", "said after DATA"])
async def test_a_letter_too_large_for_a_mailbox_still_announces_itself(
    world: Dispatch, nats_server: NatsServer, how: str
) -> None:
    big = LETTER + b"\r\n" + (b"A" * 76 + b"\r\n") * 2_000
    async with sink(size=100_000 if how == "announced" else 10_000_000) as relay:
        if how != "announced":
            relay.data = lambda content: "552 5.3.4 too large" if len(content) > 100_000 else ""
        await world.agency(relay=relay.relay)
        letter = await world.letter(big)
        await world.sealed(letter)
        async with world.running(nats_server.settings()):
            delivered = await world.tells(LetterDelivered, letter)
            await world.idle()
    assert delivered.original is None
    assert "ใหญ่เกินกว่า" in relay.taken[-1].text
    assert len(relay.taken) == 2


async def test_a_mailbox_that_is_a_central_address_is_refused(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    """The letter would come back to us, get another number, and go out again, for ever."""
    await world.agency(relay=relay.relay, mailboxes=(Mailbox(address="SARABAN@demo.example"),), registrar=REGISTRAR)
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        failed = await world.tells(MailFailed, letter)
        await world.tells(RegistrarAlerted, letter)
        await world.idle()
    assert "central address" in failed.reason
    assert {mail.recipient for mail in relay.taken} == {"clerk@sender.example", REGISTRAR}


async def test_our_cover_mail_that_comes_back_as_a_letter_goes_no_further(
    world: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter()
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        delivered = await world.tells(LetterDelivered, letter)
        back = await world.letter(
            series="general", lines=HeaderLines(message_id=delivered.message_id, auto_submitted="auto-generated")
        )
        await world.sealed(back)
        failed = await world.tells(MailFailed, back)
        # Anybody can write such a Message-ID; one that we never gave out stops nothing.
        forged = await world.letter(
            lines=HeaderLines(message_id=f"<cover.{'b' * 52}.MAIL_{THIS_YEAR}.1@demo.example>", subject="x")
        )
        await world.sealed(forged)
        await world.tells(LetterDelivered, forged)
        await world.idle()
    assert "our own cover mail" in failed.reason
    assert len(relay.taken) == 3


async def test_an_international_sender_is_answered(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    letter = await world.letter(sender="สมชาย@สำนักงาน.ไทย", peer=Peer(address="10.0.0.1", trusted=True))
    await world.sealed(letter, FAILED)
    async with world.running(nats_server.settings()):
        receipt, _ = await relay.mails(2)
    assert receipt.recipient.startswith("สมชาย@xn--")
    assert "SMTPUTF8" in receipt.options


async def test_a_relay_without_smtputf8_cannot_carry_it(world: Dispatch, nats_server: NatsServer) -> None:
    async with sink(utf8=False) as relay:
        await world.agency(relay=relay.relay)
        letter = await world.letter(sender="สมชาย@สำนักงาน.ไทย", peer=Peer(address="10.0.0.1", trusted=True))
        await world.sealed(letter, FAILED)
        async with world.running(nats_server.settings()):
            failed = await world.tells(MailFailed, letter)
            await world.idle()
    assert (failed.errand, "SMTPUTF8" in failed.reason) == ("receipt", True)
    assert [mail.recipient for mail in relay.taken] == [MAILBOX]


async def test_a_cover_mail_is_not_lost_for_an_address_the_relay_cannot_write(
    world: Dispatch, nats_server: NatsServer
) -> None:
    async with sink(utf8=False) as relay:
        await world.agency(relay=relay.relay)
        letter = await world.letter(lines=HeaderLines(from_="<สมชาย@สำนักงาน.ไทย>", subject="x"))
        await world.sealed(letter)
        async with world.running(nats_server.settings()):
            await world.tells(LetterDelivered, letter)
    cover = relay.taken[-1]
    assert cover.message["Reply-To"] is None
    assert "จาก: สมชาย@สำนักงาน.ไทย" in cover.text


async def test_an_agency_that_is_not_in_the_directory_is_a_dead_letter(
    world: Dispatch, nats_server: NatsServer
) -> None:
    await world.agency()
    letter = await world.letter(agency="gone")
    await world.sealed(letter)
    async with world.running(nats_server.settings()):
        await world.idle()
    (given_up,) = await dead(world.bus)
    assert given_up.reason == "the directory has no agency 'gone'"


async def test_two_workers_send_each_mail_once(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    await world.agency(relay=relay.relay)
    letters = [await world.letter(sender=f"clerk{at}@sender.example") for at in range(30)]
    async with world.running(nats_server.settings()), world.running(nats_server.settings()):
        await asyncio.gather(*(world.sealed(letter) for letter in letters))
        await relay.mails(60)
        await world.idle()
    ids = [mail.header("Message-ID") for mail in relay.taken]
    assert len(ids) == len(set(ids)) == 60
