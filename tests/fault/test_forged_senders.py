"""Invariants 8 and 11: a forged sender makes us mail nobody, and what answers our own mail starts no ping-pong."""

import email
import hashlib
import json
from collections.abc import AsyncIterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from contracts.addresses import token_address
from contracts.notices import LetterDelivered, ReceiptHeld, SenderReceipted
from contracts.register import LetterEntered, NoticeKept
from tests.dns_server import dns_server
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.system("dnsmasq-base")]

OFFICE = "saraban@office.example"
AGENCY = {
    "id": "office",
    "name": "สำนักงานทดสอบผู้ส่งปลอม",
    "domains": [{"name": "office.example"}],
    "addresses": [OFFICE],
    "officers": [{"id": "somchai", "name": "นายสมชาย ใจดี", "position": "นักจัดการงานทั่วไป"}],
    "mailboxes": [{"address": "clerk@office.example"}],
    "seal": {"kind": "test"},
}
LETTERS = 500
VICTIMS = 50
HONEST = "honest.example"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A system that trusts no network, with a DNS in which the victims' domains allow no host to send for them."""
    zone = {f"victim{n}.example": ["v=spf1 -all"] for n in range(VICTIMS)} | {HONEST: ["v=spf1 ip4:127.0.0.1 -all"]}
    with dns_server(tmp_path, zone) as dns:
        world = World(tmp_path / "world", f'[sign]\ndns_servers = ["{dns}"]\n')
        await world.start()
        (tmp_path / "office.json").write_text(json.dumps(AGENCY))
        world.run("agency", "import", str(tmp_path / "office.json"))
        yield world
        await world.stop()


def letter(sender: str, number: int, **lines: str) -> bytes:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = OFFICE
    mail["Message-ID"] = f"<{number}.{hashlib.sha256(sender.encode()).hexdigest()[:12]}@sender.example>"
    mail["Subject"] = f"ที่ นร ๑๒๐๐/{number} ขอความอนุเคราะห์"
    for name, value in lines.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(f"เรียน ผู้อำนวยการ ฉบับที่ {number}\n")
    return mail.as_bytes()


def mails_to(world: World, address: str) -> list[Path]:
    """Mails that left for this address."""
    return [path for path in world.mails if f"Delivered-To: {address}\r\n".encode() in path.read_bytes()]


async def test_forged_letters_are_numbered_and_answered_to_nobody(world: World) -> None:
    for number in range(LETTERS):
        sender = f"citizen@victim{number % VICTIMS}.example"
        await world.send(letter(sender, number), sender=sender, to=[OFFICE])

    held = await world.events(ReceiptHeld, LETTERS, seconds=400)
    assert {event.why for event in held} == {"unauthenticated"}
    assert {event.kind for event in held} == {"final"}
    rows = await world.events(LetterEntered, LETTERS)
    assert [row.number for row in rows] == list(range(1, LETTERS + 1))
    await world.events(LetterDelivered, LETTERS, seconds=400)
    for victim in range(VICTIMS):
        assert mails_to(world, f"citizen@victim{victim}.example") == []

    # An officer knows one of them and lets his receipt go; that one arrives, and no other.
    known = rows[7]
    world.run(
        "order", "release", str(known.number), "--agency", "office", "--year", str(known.year),
        "--by", "นายสมชาย ใจดี", "--reason", "ผู้ส่งยืนยันทางโทรศัพท์",
    )  # fmt: skip
    (receipted,) = await world.events(SenderReceipted, 1)
    assert receipted.sent
    assert receipted.position == known.position
    assert len(mails_to(world, "citizen@victim7.example")) == 1
    assert sum(len(mails_to(world, f"citizen@victim{n}.example")) for n in range(VICTIMS)) == 1
    assert world.run("audit").returncode == 0


async def test_answers_to_our_mail_are_notices_and_lists_get_none(world: World) -> None:
    citizen = f"somsri@{HONEST}"
    await world.send(letter(citizen, 1), sender=citizen, to=[OFFICE])
    (receipted,) = await world.events(SenderReceipted, 1)
    (row,) = await world.events(LetterEntered, 1)
    assert row.mail is not None
    (receipt,) = mails_to(world, citizen)
    head = email.message_from_bytes(receipt.read_bytes(), policy=policy.default)
    assert head["Message-ID"] == receipted.message_id
    token = token_address(row.mail, "office.example")

    # The citizen is on holiday, and his server answers by itself: to the address it sees, and to the reverse-path.
    away = letter(citizen, 2, Auto_Submitted="auto-replied", In_Reply_To=receipted.message_id)
    await world.send(away, sender=citizen, to=[OFFICE])
    await world.send(letter(citizen, 3, Auto_Submitted="auto-replied"), sender="", to=[token])
    # His programme says that the receipt was read, and a server on the way that it could not be delivered.
    read = letter(citizen, 4, In_Reply_To=receipted.message_id).replace(
        b'Content-Type: text/plain; charset="utf-8"',
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
    )
    await world.send(read, sender=citizen, to=[OFFICE])
    bounce = letter("MAILER-DAEMON@mx.example", 5).replace(
        b'Content-Type: text/plain; charset="utf-8"',
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    )
    await world.send(bounce, sender="", to=[token])
    notices = await world.events(NoticeKept, 4)
    assert [notice.kind for notice in notices] == [
        "automatic_answer", "automatic_answer", "read_receipt", "delivery_report",
    ]  # fmt: skip
    assert {notice.matches for notice in notices} == {row.mail}

    # A list's mail takes a number of the general series, and no answer goes to it.
    news = letter(f"news@{HONEST}", 6, List_Id="<news.honest.example>", Precedence="bulk")
    await world.send(news, sender=f"news@{HONEST}", to=[OFFICE])
    _, general = await world.events(LetterEntered, 2)
    assert (general.series, general.number) == ("general", 1)
    _, silent = await world.events(SenderReceipted, 2)
    assert not silent.sent
    assert silent.why
    await world.events(LetterDelivered, 2)
    assert len(mails_to(world, citizen)) == 1
    assert mails_to(world, f"news@{HONEST}") == []
    assert world.run("audit").returncode == 0
