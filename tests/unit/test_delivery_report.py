"""The delivery report in a receipt mail, as a sender's server reads it (RFC 3461, 3464, 6522)."""

from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from contracts.mail import Recipient
from contracts.values import from_instant
from services.notify import delivery_report, receipt_mail
from services.notify.entry import Entry
from services.notify.wire import Mail
from tests import receipts

PDF = b"%PDF-1.7\n" + bytes(range(256))
LETTER = b"From: Clerk <clerk@sender.example>\r\nSubject: x\r\n\tand more\r\n\r\n--body\r\n"
ASKED = Recipient(address="saraban@demo.example", notify="SUCCESS,FAILURE", orcpt="rfc822;Saraban+2Bx@demo.example")


def composed(letter: bytes = LETTER, *, secret: bool = False, **changes: Any) -> Mail:
    receipt = receipts.made()
    assert receipt.mail is not None
    assert receipt.position is not None
    values: dict[str, Any] = {"recipients": (ASKED,), "envid": "QQ+3D314159", "ret": "HDRS"}
    event = receipts.received(**(values | changes))
    entry = Entry.of_receipt(receipts.agency(), receipt.mail, receipt.position, receipt)
    report = delivery_report.parts(event, letter, "mx.demo.example", secret=secret)
    return receipt_mail.compose(entry, event, receipt, PDF, report)


def parsed(mail: Mail) -> EmailMessage:
    return message_from_bytes(mail.octets, policy=policy.default)


def status(mail: Mail) -> list[Message]:
    """The groups of fields of message/delivery-status: the message's, then each recipient's."""
    (part,) = [part for part in parsed(mail).walk() if part.get_content_type() == "message/delivery-status"]
    groups = part.get_payload()
    assert isinstance(groups, list)
    return [group for group in groups if isinstance(group, Message) and group.keys()]


def test_the_receipt_is_the_reports_words() -> None:
    message = parsed(composed())
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    words, machine, header = message.iter_parts()
    assert [part.get_content_type() for part in words.iter_parts()] == ["text/plain", "application/pdf"]
    text, pdf = words.iter_parts()
    assert "เลขทะเบียนรับ: สพร ร/๒๕๖๙/๑๕๗๗" in text.get_content()
    assert (pdf.get_content(), pdf.get_filename()) == (PDF, "receipt-demo-received-2569-1577.pdf")
    assert (machine.get_content_type(), machine["Content-Transfer-Encoding"]) == ("message/delivery-status", "7bit")
    assert (header.get_content_type(), header.get_content().encode()) == (
        "text/rfc822-headers",
        b"From: Clerk <clerk@sender.example>\r\nSubject: x\r\n\tand more\r\n",
    )
    assert composed().octets.isascii()
    assert not message.defects


def test_it_is_the_same_mail_in_every_other_respect() -> None:
    plain, reported = composed(recipients=(Recipient(address=ASKED.address),)), composed()
    assert (plain.sender, plain.recipient, plain.message_id) == (
        reported.sender,
        reported.recipient,
        reported.message_id,
    )
    kept = [(name, value) for name, value in parsed(plain).items() if name != "Content-Type"]
    assert kept == [(name, value) for name, value in parsed(reported).items() if name != "Content-Type"]
    assert composed() == composed()


def test_the_fields_say_what_was_asked_in_the_senders_own_words() -> None:
    message, recipient = status(composed())
    assert dict(message.items()) == {
        "Original-Envelope-Id": "QQ=314159",
        "Reporting-MTA": "dns; mx.demo.example",
        "Arrival-Date": "Fri, 29 May 2026 16:31:07 +0700",
    }
    assert parsedate_to_datetime(str(message["Arrival-Date"])) == from_instant(receipts.received().received_at).replace(
        microsecond=0
    )
    assert dict(recipient.items()) == {
        "Original-Recipient": "rfc822;Saraban+x@demo.example",
        "Final-Recipient": "rfc822;saraban@demo.example",
        "Action": "delivered",
        "Status": "2.0.0",
    }


def test_only_recipients_for_whom_it_was_asked_are_reported() -> None:
    others = [Recipient(address=f"{word}@demo.example", notify=word) for word in ("NEVER", "FAILURE", "DELAY")]
    mail = composed(recipients=(*others, Recipient(address="b@demo.example", notify="failure,success"), ASKED))
    groups = status(mail)
    assert [group["Final-Recipient"] for group in groups[1:]] == [
        "rfc822;b@demo.example",
        "rfc822;saraban@demo.example",
    ]
    assert "Original-Recipient" not in groups[1]


@pytest.mark.parametrize("notify", ["", "NEVER", "FAILURE", "DELAY,FAILURE"])
def test_who_did_not_ask_gets_the_receipt_alone(notify: str) -> None:
    mail = composed(recipients=(Recipient(address="saraban@demo.example", notify=notify),))
    assert parsed(mail).get_content_type() == "multipart/mixed"
    assert b"delivery-status" not in mail.octets


def test_what_was_not_said_is_not_made_up() -> None:
    mail = composed(envid="", ret="", recipients=(Recipient(address="saraban@demo.example", notify="SUCCESS"),))
    message, recipient = status(mail)
    assert message.keys() == ["Reporting-MTA", "Arrival-Date"]
    assert recipient.keys() == ["Final-Recipient", "Action", "Status"]
    assert b"rfc822-headers" not in mail.octets


def test_a_letter_that_may_not_go_in_clear_sends_no_header_back() -> None:
    assert b"rfc822-headers" not in composed(secret=True).octets
    assert len(status(composed(secret=True))) == 2


@pytest.mark.parametrize(
    "letter",
    [
        b"no header at all",
        "Subject: ขอเชิญ\r\n\r\nx\r\n".encode(),
        b"Subject: " + b"x" * 2_000 + b"\r\n\r\nx\r\n",
        b"Subject: a\nb\r\n\r\n",
        b"X: y\r\n" * 20_000 + b"\r\n",
        b"\r\n\r\n",
    ],
)
def test_a_header_that_seven_bits_cannot_carry_is_left_out(letter: bytes) -> None:
    mail = composed(letter)
    assert b"rfc822-headers" not in mail.octets
    assert len(status(mail)) == 2


@pytest.mark.parametrize(
    ("envid", "orcpt"),
    [
        ("a+0D+0AAction:+20failed", "rfc822;x+0D+0A+0D+0AFinal-Recipient:+20rfc822;y@z"),
        ("+00", "rfc822;+7F"),
        ("+C3+A9", "utf-8;ก@demo.example"),
        ("", "no type at all"),
        ("", "bad type;x@demo.example"),
        ("", ";x@demo.example"),
    ],
)
def test_what_would_break_a_field_is_not_repeated(envid: str, orcpt: str) -> None:
    mail = composed(envid=envid, recipients=(Recipient(address="a@demo.example", notify="SUCCESS", orcpt=orcpt),))
    message, recipient = status(mail)
    assert message.keys() == ["Reporting-MTA", "Arrival-Date"]
    assert dict(recipient.items()) == {
        "Final-Recipient": "rfc822;a@demo.example",
        "Action": "delivered",
        "Status": "2.0.0",
    }


def test_a_thai_address_is_written_in_seven_bits() -> None:
    mail = composed(
        recipients=(Recipient(address="ส+a@demo.example", notify="SUCCESS", orcpt="utf-8;\\x{E2A}@demo.example"),)
    )
    _, recipient = status(mail)
    assert recipient["Final-Recipient"] == "utf-8;\\x{E2A}\\x{2B}a@demo.example"
    assert recipient["Original-Recipient"] == "utf-8;\\x{E2A}@demo.example"
