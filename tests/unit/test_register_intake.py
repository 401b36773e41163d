"""Odd messages of MAIL and ORDERS: each becomes something that can be numbered or refused with a reason."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.orders import BookOpenOrdered, ReleaseOrdered
from contracts.values import UNASSIGNED, instant, sha256_hex
from services.register.assessment import assess, nobody
from services.register.intake import letter, order, salvaged
from tests.books import MAIL, agency, received

PLACE = Position(stream=MAIL, sequence=9)
SUBJECT = "mail.v1.received.demo"
BODY = b"Subject: hello\r\n\r\nbody\r\n"
STORED = 1_781_665_200_123_456_789


def test_one_damaged_header_costs_nothing_else() -> None:
    event = received(parts=2)
    headers = codec.encode_headers(event) | {"ce-peer": "%7Bbroken"}
    found = salvaged(SUBJECT, headers, b"", PLACE, STORED)
    assert msgspec.structs.replace(found.event, peer=event.peer) == event
    assert (found.unreadable, found.sha256, found.size, found.bound_ms) == (
        True,
        event.sha256,
        event.size,
        event.bound_ms,
    )
    assert found.position == Position(stream=MAIL, sequence=9, parts=2)


def test_without_any_header_it_is_the_message_itself() -> None:
    found = salvaged(SUBJECT, {}, BODY, PLACE, STORED)
    assert (found.event.agency, found.sha256, found.size) == ("demo", sha256_hex(BODY), len(BODY))
    assert found.event.received_at == "2026-06-17T03:00:00.123456Z", "when the stream stored it"
    assert (found.bound_ms, found.within_bound, found.sender) == (None, None, None)
    assert assess(found, agency()).series == "received", "a sender that cannot be read is not the null sender"
    assert assess(found, agency()).remarks == ("unreadable", "time_not_within_bound")
    assert found.event.mail == salvaged(SUBJECT, {}, BODY, PLACE, STORED).event.mail
    assert found.event.mail != salvaged(SUBJECT, {}, BODY + b"x", PLACE, STORED).event.mail


def test_without_octets_nothing_is_claimed_about_them() -> None:
    found = salvaged(SUBJECT, {}, b"", PLACE, STORED)
    assert (found.sha256, found.size) == (None, None)
    other = salvaged(SUBJECT, {}, b"", Position(stream=MAIL, sequence=10), STORED)
    assert found.event.mail != other.event.mail, "two letters of which nothing is known are two letters"


@given(
    st.dictionaries(
        st.sampled_from([*codec.encode_headers(received()), "x-other"]),
        st.one_of(st.text(max_size=40), st.sampled_from(list(codec.encode_headers(received()).values()))),
    ),
    st.binary(max_size=50),
)
def test_whatever_the_headers_say_it_can_be_numbered(headers: dict[str, str], body: bytes) -> None:
    found = salvaged(SUBJECT, headers, body, PLACE, STORED)
    assert found.event.agency == "demo"
    checked = assess(found, nobody("demo"))
    assert "unreadable" in checked.remarks
    codec.encode_headers(found.event)
    assert msgspec.convert(msgspec.to_builtins(found.event), MailReceived) == found.event


def test_an_instant_that_no_calendar_has_is_none() -> None:
    """It passes the pattern; the letter is numbered with the time at which its stream stored it, without a bound."""
    headers = codec.encode_headers(received(received_at="2026-13-17T03:00:00.000000Z"))
    found = salvaged(SUBJECT, headers, b"x", PLACE, STORED)
    assert (found.event.received_at, found.bound_ms, found.unreadable) == (instant(STORED), None, True)
    assert assess(found, nobody("demo")).remarks == ("unreadable", "time_not_within_bound")


def test_labels_are_remarks() -> None:
    event = received(
        labels=("no_header", "bare_newline", "nul_octet", "long_line"), cut=("subject",), within_bound=False
    )
    remarks = assess(letter(event, PLACE, 0), agency()).remarks
    assert remarks == ("unreadable", "bare_newline", "nul_octet", "cut_header", "time_not_within_bound")
    assert assess(letter(received(), PLACE, 0), agency()).remarks == ()


def open_order(**changes: object) -> BookOpenOrdered:
    values = {
        "agency": "demo", "id": "0" * 32, "by": "x", "reason": "y", "given_at": "2026-06-17T03:00:00.000000Z",
        "series": "received", "year": 2569, "first": 8,
    }  # fmt: skip
    return BookOpenOrdered(**(values | changes))  # type: ignore[arg-type]  # a test passes what it means


def test_an_order_is_read() -> None:
    given = open_order()
    assert order(given.nats_subject, codec.encode(given), PLACE).order == given


@pytest.mark.parametrize(
    ("subject", "body", "why"),
    [
        ("order.v1.open.demo", b"", "no order"),
        ("order.v1.open.demo", b'{"type":"order.open.v1"}', "no order"),
        ("order.v1.open.demo", codec.encode(open_order()).replace(b'"first":8', b'"first":"8"'), "no order"),
        ("order.v1.open.other", codec.encode(open_order()), "order.v1.open.demo"),
        (
            "order.v1.open.demo",
            codec.encode(
                ReleaseOrdered(
                    agency="demo",
                    id="0" * 32,
                    by="x",
                    reason="y",
                    given_at="2026-06-17T03:00:00.000000Z",
                    series="received",
                    year=2569,
                    number=1,
                )
            ),
            "no order",
        ),
    ],
)
def test_what_is_no_order_says_why(subject: str, body: bytes, why: str) -> None:
    found = order(subject, body, PLACE)
    assert found.order is None
    assert why in found.problem


def test_a_refusal_can_always_be_published() -> None:
    assert order("order.v1.open.NOT-AN-AGENCY", b"", PLACE).agency == UNASSIGNED
