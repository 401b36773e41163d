"""One letter, all the way: the story that everything else serves. Read this first.

A citizen's mail server hands a letter to an agency's central address. Everything here is real: `saraban up` runs
nats-server and the four services as processes of their own, the letter goes in by SMTP, the mails come out as files
(the demo agency has no relay), and what happened is read from the events as any subscriber could.
"""

import email
import hashlib
from collections.abc import AsyncIterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pypdfium2
import pytest

from contracts.chain import first_link, next_link
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.mail import MailReceived
from contracts.notices import LetterDelivered, SenderReceipted
from contracts.register import LetterEntered
from contracts.values import from_instant
from tests.world import DEMO, World

CITIZEN = "somsri@citizen.localhost"
SAMPLE = Path(__file__).parent.parent / "deploy" / "examples" / "letter.pdf"

pytestmark = pytest.mark.slow


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.start()
    yield world
    await world.stop()


def a_letter() -> bytes:
    """An official letter as a PDF, in a mail as any program writes it."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = f"สมศรี มีธุระ <{CITIZEN}>"
    mail["To"] = DEMO
    mail["Date"] = "Fri, 29 May 2026 10:00:00 +0700"
    mail["Message-ID"] = "<one-letter@citizen.localhost>"
    mail["Subject"] = "ด่วนมาก ที่ ทส ๐๑๐๑/ว๑๒๓ ขอเชิญเข้าร่วมโครงการทดลอง"
    mail.set_content("เรียน ผู้อำนวยการ\n\nขอนำส่งหนังสือตามที่แนบ\n")
    mail.add_attachment(SAMPLE.read_bytes(), maintype="application", subtype="pdf", filename="หนังสือ.pdf")
    return mail.as_bytes()


async def test_one_letter_all_the_way(world: World) -> None:
    letter = a_letter()

    # The citizen's server says DATA, and hears 250 only when the letter is kept for good.
    reply = await world.send(letter, sender=CITIZEN)
    assert reply.startswith("2.6.0")

    # ingest has read the clock once and stored the letter octet for octet, with what it knows of it beside.
    (received,) = await world.events(MailReceived, 1)
    assert received.agency == "demo"
    assert received.sha256 == hashlib.sha256(letter).hexdigest()
    assert received.sender == CITIZEN
    assert received.peer.trusted, "the loopback is a trusted network of the demo"

    # register has given it the first number of the book, at the instant the ingress read, in the agency's own format.
    (row,) = await world.events(LetterEntered, 1)
    assert (row.mail, row.number) == (received.mail, 1)
    assert row.received_at == received.received_at
    assert from_instant(row.deemed_at) >= from_instant(row.received_at)
    year = str(row.year).translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙"))
    assert row.number_text == f"สตย ร/{year}/๑"

    # sign has read the letter's particulars, judged what there is to judge, and sealed the receipt.
    (examined,) = await world.events(LetterExamined, 1)
    particulars = examined.findings.particulars
    assert particulars.letter_number is not None
    assert particulars.letter_number.value == "ทส ๐๑๐๑/ว๑๒๓"
    assert particulars.letter_date is not None
    assert particulars.letter_date.value == "2026-05-29"
    assert [file.sha256 for file in examined.findings.attachments] == [hashlib.sha256(SAMPLE.read_bytes()).hexdigest()]
    (sealed,) = await world.events(ReceiptSealed, 1)
    receipt = sealed.receipt
    assert receipt.kind == "final"
    assert receipt.register_number == row.number_text
    assert receipt.agency_name == "สำนักงานตัวอย่าง"
    assert receipt.seal.kind == "test", "a throw-away authority seals until the operator has a certificate"

    # The receipt is tied to the book: its row is the row, and the row's link follows from the one before it.
    book = f"register.v1.entered.demo.{row.series}.{row.year}"
    assert receipt.proof.row == (await world.stored("REGISTER", book))[0].body
    assert receipt.proof.link == next_link(first_link(book), receipt.proof.row)

    # notify has answered the citizen: one mail, with the sealed receipt to read.
    (receipted,) = await world.events(SenderReceipted, 1)
    assert receipted.sent
    answer = the_mail(world, receipted.message_id)
    assert answer["To"] == CITIZEN
    assert answer["Auto-Submitted"] == "auto-replied"
    assert row.number_text in answer["Subject"]
    pdf = next(part.get_content() for part in answer.walk() if part.get_content_type() == "application/pdf")
    assert pdf == sealed.pdf
    words = text_of(pdf)
    assert row.number_text in words
    assert "ทดสอบ" in words

    # And the officer finds the letter in the mailbox of every day, the original untouched as an attachment.
    (delivered,) = await world.events(LetterDelivered, 1)
    cover = the_mail(world, delivered.message_id)
    assert cover["To"] == "officer@demo.localhost"
    assert cover["Reply-To"] == CITIZEN
    assert row.number_text in cover["Subject"]
    assert delivered.original == received.sha256
    assert letter in the_file(world, delivered.message_id).read_bytes(), "octet for octet"

    # The book says the same, and the audit finds every promise kept.
    (entry,) = world.rows()
    assert entry["number"] == 1
    assert entry["sender"] == CITIZEN
    assert entry["message_id"] == "<one-letter@citizen.localhost>"
    assert world.run("audit").returncode == 0


async def test_a_letter_that_comes_twice_keeps_its_first_number(world: World) -> None:
    # Our 250 was lost on the way; the citizen's server does what it must and sends the letter again.
    letter = a_letter()
    await world.send(letter, sender=CITIZEN)
    await world.send(letter, sender=CITIZEN)
    other = letter.replace(b"one-letter@", b"another-letter@")
    await world.send(other, sender=CITIZEN)

    # Three times 250, and two letters in the book, each with one receipt.
    received = await world.events(MailReceived, 3)
    assert received[0].mail == received[1].mail != received[2].mail
    rows = await world.events(LetterEntered, 2)
    assert [(row.number, row.mail) for row in rows] == [(1, received[0].mail), (2, received[2].mail)]
    receipted = await world.events(SenderReceipted, 2)
    assert len({event.message_id for event in receipted}) == 2
    assert world.run("audit").returncode == 0


def the_file(world: World, message_id: str) -> Path:
    """The mail that would have left, by its Message-ID."""
    (found,) = [path for path in world.mails if message_id.encode() in path.read_bytes().partition(b"\r\n\r\n")[0]]
    return found


def the_mail(world: World, message_id: str) -> EmailMessage:
    """The same, read."""
    return email.message_from_bytes(the_file(world, message_id).read_bytes(), policy=policy.default)


def text_of(pdf: bytes) -> str:
    """What a person reads in a PDF; extraction doubles some Thai clusters, so only short words are looked for."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()
