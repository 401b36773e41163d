"""NOTIFY=SUCCESS, all the way: what a sender asks at RCPT comes back in the one receipt mail."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from contracts.mail import Peer, Recipient
from contracts.notices import ReceiptHeld, SenderReceipted
from services.runtime.bus import Bus
from tests.dispatch import FAILED, PDF, Dispatch
from tests.servers import NatsServer
from tests.sinks import Sink, sink
from tests.world import DEMO, World

ASKED = (Recipient(address="saraban@demo.example", notify="SUCCESS", orcpt="rfc822;x@old.example"),)
TRUSTED = Peer(address="127.0.0.1", trusted=True)
LETTER = b"From: a@sender.localhost\r\nSubject: dsn\r\nMessage-ID: <dsn@sender.localhost>\r\n\r\nx\r\n"


@pytest.fixture
def dispatch(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def relay() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


def fields(message: EmailMessage) -> list[dict[str, str]]:
    """The groups of message/delivery-status."""
    (part,) = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
    return [{name: str(value) for name, value in group.items()} for group in part.get_payload() if group.keys()]  # type: ignore[union-attr]  # typeshed leaves a payload open


async def test_one_receipt_mail_is_the_report_and_a_provisional_one_is_none(
    dispatch: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await dispatch.agency(relay=relay.relay, mailboxes=())
    letter = await dispatch.letter(
        age_seconds=60, recipients=ASKED, envid="e1", ret="HDRS", peer=TRUSTED, sender="clerk@sender.example"
    )
    async with dispatch.running(nats_server.settings(), grace_seconds=60.0):
        (provisional,) = await relay.mails(1)
        await dispatch.sealed(letter)
        provisional, final = await relay.mails(2)
        await dispatch.tells(SenderReceipted, letter)
        await dispatch.idle()
    assert len(relay.taken) == 2
    assert provisional.message.get_content_type() == "multipart/mixed"
    assert final.message.get_content_type() == "multipart/report"
    assert final.sender == provisional.sender == f"receipt-{letter.event.mail}@demo.example"
    assert [part.get_content() for part in final.message.walk() if part.get_content_type() == "application/pdf"] == [
        PDF
    ]
    message, recipient = fields(final.message)
    assert message["Original-Envelope-Id"] == "e1"
    assert recipient["Original-Recipient"] == "rfc822;x@old.example"
    assert "Subject: =?utf-8?b?4LiX4LiU4Liq4Lit4Lia?=" in final.octets.decode()


async def test_a_forged_sender_who_asks_for_a_report_gets_nothing(
    dispatch: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await dispatch.agency(relay=relay.relay, mailboxes=())
    letter = await dispatch.letter(recipients=ASKED, sender="victim@bank.example")
    await dispatch.sealed(letter, FAILED)
    async with dispatch.running(nats_server.settings()):
        held = await dispatch.tells(ReceiptHeld, letter)
        await dispatch.idle()
    assert held.why == "unauthenticated"
    assert relay.taken == []


async def test_the_report_of_a_classified_letter_has_no_line_of_it(
    dispatch: Dispatch, nats_server: NatsServer, relay: Sink
) -> None:
    await dispatch.agency(relay=relay.relay, mailboxes=())
    letter = await dispatch.letter(series="classified", recipients=ASKED, ret="FULL", peer=TRUSTED)
    await dispatch.sealed(letter)
    async with dispatch.running(nats_server.settings()):
        (final,) = await relay.mails(1)
        await dispatch.idle()
    assert len(fields(final.message)) == 2
    assert b"rfc822-headers" not in final.octets
    assert b"4LiX4LiU4Liq4Lit4Lia" not in final.octets


@pytest.mark.slow
async def test_from_rcpt_to_the_report(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start()
    try:
        await asyncio.to_thread(send, world.smtp)
        (receipted,) = await world.events(SenderReceipted, 1)
        (answer,) = [mail for mail in map(read, world.mails) if str(mail["Message-ID"]) == receipted.message_id]
    finally:
        await world.stop()
    assert answer.get_content_type() == "multipart/report"
    message, recipient = fields(answer)
    assert message["Original-Envelope-Id"] == "QQ=314159"
    assert (recipient["Final-Recipient"], recipient["Action"]) == (f"rfc822;{DEMO}", "delivered")
    assert recipient["Original-Recipient"] == "rfc822;Old+Name@demo.localhost"
    assert len([mail for mail in map(read, world.mails) if mail["To"] == "a@sender.localhost"]) == 1


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        server.ehlo()
        assert server.has_extn("dsn")
        server.sendmail(
            "a@sender.localhost", [DEMO], LETTER, ["RET=HDRS", "ENVID=QQ+3D314159"],
            ["NOTIFY=SUCCESS", "ORCPT=rfc822;Old+2BName@demo.localhost"],
        )  # fmt: skip


def read(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=policy.default)
