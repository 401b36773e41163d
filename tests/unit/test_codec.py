"""Bodies are read strictly: what is not exactly an event of ours is said to be none."""

import msgspec
import pytest

from contracts import codec
from contracts.golden import examples
from contracts.mail import MailReceived
from contracts.notices import LetterDelivered
from contracts.register import EntryNoted, LetterEntered, LetterGuarded

GUARD = examples()[LetterGuarded]
BODY = codec.encode(GUARD)


def changed(**fields: object) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(BODY) | fields)


def test_an_event_reads_back_as_it_was_written() -> None:
    assert codec.decode(BODY) == GUARD
    assert codec.decode(BODY, LetterGuarded, LetterEntered) == GUARD


def test_a_body_says_its_type_and_version_itself() -> None:
    assert msgspec.json.decode(BODY)["type"] == "register.guarded.v1"


def test_a_field_that_a_newer_publisher_added_is_let_pass() -> None:
    assert codec.decode(changed(colour="blue")) == GUARD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"not json",
        b'{"type":"register.guarded.v1"}',
        BODY[:-1],
        BODY + b"}",
        b"\xff" + BODY,
        changed(number="7"),
        changed(number=7.0),
        changed(number=True),
        changed(number=0),
        changed(number=None),
        changed(year=26),
        changed(series="Received"),
        changed(mail="too short"),
        changed(agency="has.a.dot"),
        changed(agency="Upper"),
        changed(agency=""),
        changed(type="register.guarded.v2"),
        changed(type="mail.received.v1"),
        changed(type=1),
        BODY.replace(b"received", b"\xa1\xa2"),
    ],
    ids=lambda body: body[:60].decode("latin-1"),
)
def test_anything_else_is_no_event(body: bytes) -> None:
    with pytest.raises(codec.UndecodableError):
        codec.decode(body)


def test_json_nested_without_end_is_no_event_either() -> None:
    """A RecursionError would pass every handler that knows UndecodableError, again and again."""
    with pytest.raises(codec.UndecodableError):
        codec.decode(b'{"x":' + b"[" * 200_000)
    with pytest.raises(codec.UndecodableError):
        codec.decode_received({"ce-type": "mail.received.v1", "ce-peer": "[" * 20_000})


def test_only_the_named_kinds_are_read() -> None:
    with pytest.raises(codec.UndecodableError):
        codec.decode(BODY, LetterEntered, EntryNoted)


def test_bytes_travel_as_base64() -> None:
    receipt = next(event for event in examples().values() if event.type == "sign.receipt.v1")
    assert msgspec.json.decode(codec.encode(receipt))["pdf"].startswith("JVBERi0xLjc")


def test_a_letter_has_no_json_body() -> None:
    with pytest.raises(TypeError, match=r"the body of mail\.received\.v1 is the letter itself"):
        codec.encode(examples()[MailReceived])


@pytest.mark.parametrize("lost", ["ce-type", "ce-agency", "ce-mail", "ce-sha256", "ce-size", "ce-peer"])
def test_a_letter_lacking_a_header_is_no_event(lost: str) -> None:
    found = codec.encode_headers(examples()[MailReceived])
    del found[lost]
    with pytest.raises(codec.UndecodableError):
        codec.decode_received(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce-withinbound", "yes"),
        ("ce-boundms", "%22soon%22"),
        ("ce-peer", "nonsense"),
        ("ce-sha256", "ab"),
        ("ce-sender", "%E0"),
    ],
)
def test_a_letter_with_a_damaged_header_is_no_event(name: str, value: str) -> None:
    found = codec.encode_headers(examples()[MailReceived])
    assert name in found
    with pytest.raises(codec.UndecodableError):
        codec.decode_received(found | {name: value})


@pytest.mark.parametrize("headers", [None, {}, {"ce-type": "register.entered.v1"}])
def test_headers_of_something_else_are_no_letter(headers: dict[str, str] | None) -> None:
    with pytest.raises(codec.UndecodableError):
        codec.decode_received(headers)


def test_a_cover_mail_without_its_original_says_so() -> None:
    event = examples()[LetterDelivered]
    assert isinstance(event, LetterDelivered)
    body = msgspec.json.decode(codec.encode(event)) | {"original": None}
    found = codec.decode(msgspec.json.encode(body), LetterDelivered)
    assert found.original is None
