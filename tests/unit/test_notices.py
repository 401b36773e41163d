"""What takes no number: reports and automatic answers to our own mail, and nothing else."""

from typing import Any

import pytest

from contracts.addresses import message_id, token_address
from contracts.mail import HeaderLines, MailReceived, Recipient
from contracts.values import mail_id
from services.register.notices import notice
from tests.books import received

OURS = mail_id(b"\x01" * 32)
TOKEN = token_address(OURS, "demo.example")
RECEIPT = message_id("final", OURS, "REGISTER", 7, "demo.example")
DSN = 'multipart/report; report-type=delivery-status; boundary="b"'
MDN = 'multipart/report; boundary=b; REPORT-TYPE="disposition-notification"'


def arrived(sender: str = "", to: tuple[str, ...] = ("saraban@demo.example",), **lines: Any) -> MailReceived:
    recipients = tuple(Recipient(address=address) for address in to)
    return received(sender=sender, recipients=recipients, lines=HeaderLines(**lines))


@pytest.mark.parametrize(
    ("sender", "lines", "kind"),
    [
        ("", {"content_type": DSN}, "delivery_report"),
        ("", {}, "delivery_report"),
        ("mailer@x.example", {"content_type": MDN}, "read_receipt"),
        ("", {"content_type": MDN, "auto_submitted": "auto-replied"}, "read_receipt"),
        ("someone@x.example", {"auto_submitted": "auto-replied"}, "automatic_answer"),
        ("", {"auto_submitted": "auto-replied"}, "automatic_answer"),
        ("someone@x.example", {"subject": "ลับ สวัสดี"}, "automatic_answer"),
    ],
)
def test_whatever_comes_to_a_token_address(sender: str, lines: dict[str, Any], kind: str) -> None:
    found = notice(arrived(sender, (TOKEN,), **lines))
    assert found is not None
    assert (found.kind, found.matches) == (kind, OURS)


def test_token_addresses_are_read_without_regard_to_case() -> None:
    found = notice(arrived("", (TOKEN.upper(),)))
    assert found is not None
    assert found.matches == OURS


def test_beside_a_token_address_a_central_one_makes_it_a_letter() -> None:
    """Otherwise anybody could hide a letter from the register by adding such an address."""
    assert notice(arrived("clerk@x.example", (TOKEN, "saraban@demo.example"))) is None


def test_a_message_id_written_as_an_encoded_word_is_ours_too() -> None:
    """Python's own mail package writes a word of more than 78 octets like this, and so do repliers made with it."""
    half = len(RECEIPT) // 2
    words = " ".join(f"=?utf-8?q?{quote(part)}?=" for part in (RECEIPT[:half], RECEIPT[half:]))
    found = notice(arrived(in_reply_to=words, auto_submitted="auto-replied"))
    assert found is not None
    assert found.kind == "automatic_answer"


def quote(text: str) -> str:
    return "".join(f"={ord(sign):02X}" for sign in text)


@pytest.mark.parametrize("line", ["in_reply_to", "references", "message_id"])
def test_an_automatic_answer_names_our_mail(line: str) -> None:
    value = f"<other@x.example> {RECEIPT}" if line == "references" else RECEIPT
    named: dict[str, Any] = {line: value}
    found = notice(arrived("boss@x.example", auto_submitted="auto-replied (vacation)", **named))
    assert found is not None
    assert (found.kind, found.matches) == ("automatic_answer", OURS)
    report = notice(arrived("", content_type=DSN, **named))
    assert report is not None
    assert report.kind == "delivery_report"


def test_what_a_person_answers_is_a_letter() -> None:
    assert notice(arrived("boss@x.example", in_reply_to=RECEIPT, subject="Re: ใบรับ")) is None
    assert notice(arrived("boss@x.example", in_reply_to=RECEIPT, auto_submitted="no")) is None


def test_a_list_that_cites_our_mail_is_a_letter() -> None:
    assert notice(arrived("list@x.example", references=RECEIPT, list_id="x.example", precedence="bulk")) is None


def test_reports_about_mail_that_is_not_ours_are_letters() -> None:
    """An officer's own letter bounced: the officer gets to see it, in the series general."""
    assert notice(arrived("", content_type=DSN, in_reply_to="<theirs@x.example>")) is None
    assert notice(arrived("", auto_submitted="auto-replied")) is None
    assert notice(arrived("boss@x.example", content_type=MDN)) is None
