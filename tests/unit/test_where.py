"""What `saraban where` understands of what was typed, and what it says of each event."""

import json
from typing import TypeVar

import msgspec
import pytest

from contracts.addresses import message_id
from contracts.event import Event, Position
from contracts.golden import examples
from contracts.mail import HeaderLines, MailAttempted, MailReceived, Recipient
from contracts.notices import MailDelayed, ReceiptHeld, SenderReceipted
from contracts.register import LetterEntered
from services.commands.where_hops import hops, waiting
from services.commands.where_search import Wanted, _may_be, named, wanted
from services.commands.where_way import Way

E = TypeVar("E", bound=Event)
MAIL = "a" * 52
GOLDEN = examples()


def of(kind: type[E], /, **changes: object) -> E:
    """The golden example of an event, with other values."""
    found = GOLDEN[kind]
    assert isinstance(found, kind)
    return msgspec.structs.replace(found, **changes)


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("<a@b>", Wanted(message_id="a@b")),
        (" a@b ", Wanted(message_id="a@b")),
        ("<no-at-1>", Wanted(message_id="no-at-1")),
        ("no-at", Wanted(message_id="no-at")),
        (MAIL, Wanted(mail=MAIL)),
        ("สพร ร/๒๕๖๙/๑๕", Wanted(number="สพร ร/๒๕๖๙/๑๕", message_id="สพร ร/๒๕๖๙/๑๕")),
        (
            message_id("final", MAIL, "MAIL_2569", 7, "x.test"),
            Wanted(mail=MAIL, place=Position(stream="MAIL_2569", sequence=7)),
        ),
        (f"cover.{MAIL}.MAIL_2569.7@x.test", Wanted(mail=MAIL, place=Position(stream="MAIL_2569", sequence=7))),
    ],
)
def test_what_was_typed(typed: str, understood: Wanted) -> None:
    assert wanted(typed) == understood


@pytest.mark.parametrize(
    ("line", "is_named"),
    [
        ("<a@b>", True),
        ("a@b", True),
        ("  <a@b> (added by mx)", True),
        ("<A@b>", False),
        ("<xa@b>", False),
        ("<a@b.c>", False),
        ("", False),
    ],
)
def test_a_message_id_line_names_one(line: str, is_named: bool) -> None:
    assert named(line, "a@b") is is_named
    assert not named(line, "")


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        ({}, True),
        ({"recipients": ("SARABAN@Demo.test", "x@y")}, True),
        ({"recipients": ("x@y",)}, False),
        ({"stage": "mail", "recipients": ()}, True),
        ({"sender": "else@sender.test"}, False),
        ({"attempted_at": "2026-11-15T09:00:00.000000Z"}, True),
        ({"attempted_at": "2026-11-15T08:59:59.999999Z"}, False),
        ({"attempted_at": "2026-11-20T09:00:00.000001Z"}, False),
    ],
)
def test_an_attempt_that_names_no_letter_may_have_been_this_one(changes: dict[str, object], may_be: bool) -> None:
    letter = of(
        MailReceived,
        sender="a@sender.test",
        received_at="2026-11-20T09:00:00.000000Z",
        recipients=(Recipient(address="saraban@demo.test"),),
    )
    values: dict[str, object] = {
        "sender": "a@sender.test",
        "recipients": ("saraban@demo.test",),
        "stage": "rcpt",
        "attempted_at": "2026-11-20T08:00:00.000000Z",
        "message_id": "",
    }
    event = of(MailAttempted, **(values | changes))
    assert _may_be(event, letter) is may_be
    assert not _may_be(event, msgspec.structs.replace(letter, sender=""))


def way(*later: Event, received: bool = True, row: bool = True) -> Way:
    event = of(MailReceived)
    return Way(
        agency="demo",
        mail=event.mail,
        place=Position(stream="MAIL_2569", sequence=41207),
        stored_ns=0,
        received=event if received else None,
        row=of(LetterEntered) if row else None,
        later=list(later),
    )


def test_every_event_of_a_letter_has_its_line() -> None:
    told = {}
    for kind, event in GOLDEN.items():
        if event.stream in ("FINDINGS", "RECEIPTS", "ORDERS", "DEAD") and "series" not in kind.form:
            (line,) = hops([way(event)], [])[2:]
            told[line.hop] = line.words
            json.dumps(line.flat(), ensure_ascii=False)
            assert "\n" not in line.words
            assert line.at >= of(MailReceived).received_at
    assert set(told) == {
        "examined", "sealed", "receipt", "held", "delivered", "delayed", "failed", "alerted", "ordered", "given up",
        "tried again", "closed",
    }  # fmt: skip


def test_a_delay_says_what_was_answered_and_when_it_is_tried_again() -> None:
    event = of(MailDelayed, errand="cover", attempt=4, code=451, retry_at="2026-11-20T09:00:00.000000Z")
    assert hops([way(event)], [])[-1].words == "cover mail, attempt 4: reply 451; again 20 พ.ย. 2569 16:00:00"
    event = of(MailDelayed, errand="receipt", attempt=1, code=None, retry_at="2026-11-20T09:00:00.000000Z")
    assert hops([way(event)], [])[-1].words == "receipt mail, attempt 1: no reply; again 20 พ.ย. 2569 16:00:00"


def test_what_is_still_to_come() -> None:
    held, sent = of(ReceiptHeld, kind="final"), of(SenderReceipted, kind="final")
    assert list(waiting([way(row=False)])) == ["demo: not numbered yet"]
    assert list(waiting([way(of(SenderReceipted, kind="provisional"))])) == ["demo: no final receipt yet"]
    assert "held back" in next(waiting([way(held)]))
    assert list(waiting([way(held, sent)])) == []


def test_what_was_erased_is_said() -> None:
    lines = hops([way(received=False)], [])
    assert [line.words for line in lines if line.hop == "received"] == ["the letter itself was erased"]


def test_a_secret_is_one_before_it_has_its_number() -> None:
    for subject, shown in (("ลับมาก เรื่องหนึ่ง", None), ("เรื่องหนึ่ง", "เรื่องหนึ่ง")):
        letter = way(row=False)
        letter.received = of(MailReceived, lines=HeaderLines(message_id="<a@b>", subject=subject))
        (line,) = hops([letter], [])
        assert line.fields["subject"] == shown
        assert ("เรื่องหนึ่ง" in line.words) is (shown is not None)
