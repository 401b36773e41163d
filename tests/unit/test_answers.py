"""RFC 3834: who is never answered by mail."""

from typing import Any

import pytest

from contracts.addresses import message_id, token_address
from contracts.mail import HeaderLines
from services.notify.answers import why_not
from tests import books

MAIL = "a" * 52


def why(sender: str = "clerk@sender.example", **lines: str) -> str | None:
    return why_not(books.received(sender=sender, lines=HeaderLines(**lines)))


def test_a_person_is_answered() -> None:
    assert why(message_id="<1@sender.example>", subject="ขอเชิญประชุม", content_type="multipart/mixed") is None


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({"auto_submitted": "auto-replied"}, "auto_submitted"),
        ({"auto_submitted": "(rfc 3834) Auto-Generated; owner-email=x"}, "auto_submitted"),
        ({"auto_submitted": "no"}, None),
        ({"auto_submitted": "No (a person wrote it)"}, None),
        ({"precedence": "bulk"}, "precedence"),
        ({"precedence": "List"}, "precedence"),
        ({"precedence": "junk"}, "precedence"),
        ({"precedence": "special-delivery"}, None),
        ({"list_id": "<news.example>"}, "mailing_list"),
        ({"list_unsubscribe": "<mailto:x@news.example>"}, "mailing_list"),
        ({"feedback_id": "1:ses"}, None),
        ({"x_auto_response_suppress": "All"}, "asked_not_to"),
        ({"x_auto_response_suppress": "DR, OOF, AutoReply"}, "asked_not_to"),
        ({"x_auto_response_suppress": "RN,NRN"}, None),
        ({"x_autoreply": "yes"}, "auto_submitted"),
        ({"x_failed_recipients": "x@y.example"}, "report"),
        ({"content_type": 'Multipart/Report; report-type=delivery-status; boundary="x"'}, "report"),
        ({"content_type": "multipart/related"}, None),
    ],
)
def test_by_its_lines(lines: dict[str, Any], reason: str | None) -> None:
    assert why(**lines) == reason


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("", "null_sender"),
        ("MAILER-DAEMON@x.example", "automatic_sender"),
        ("owner-news@x.example", "automatic_sender"),
        ("news-request@x.example", "automatic_sender"),
        ("news-bounces+a=b@x.example", "automatic_sender"),
        ("owner@x.example", None),
        ("noreply@agency.go.th", None),  # e-saraban systems write so; the receipt is their record
        ("two words@x.example", "unusable_sender"),
        (token_address(MAIL, "demo.example"), "our_own_mail"),
        (token_address(MAIL, "demo.example").upper(), "our_own_mail"),
    ],
)
def test_by_its_reverse_path(sender: str, reason: str | None) -> None:
    assert why(sender) == reason


def test_our_own_mail_that_comes_back_is_not_answered() -> None:
    assert why(message_id=message_id("cover", MAIL, "MAIL_2569", 7, "demo.example")) == "our_own_mail"
