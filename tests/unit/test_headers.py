"""Headers as the CloudEvents NATS binding says, and nothing that a client could lose."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec, headers
from contracts.golden import examples
from contracts.mail import MailAttempted, MailReceived
from contracts.orders import NoteOrdered
from contracts.register import LetterEntered

RECEIVED = examples()[MailReceived]
TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(TEXT | st.text('%2025" {}[]ก\u0e33\U0001f4ee\n', max_size=60))
def test_every_text_reads_back_as_it_was(text: str) -> None:
    value = headers.percent_encode(text)
    assert headers.percent_decode(value) == text
    assert all(0x21 <= ord(character) <= 0x7E and character != '"' for character in value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("a b", "a%20b"),
        ('"', "%22"),
        ("100%", "100%25"),
        ("%22", "%2522"),
        ("é", "%C3%A9"),
        ("ที่", "%E0%B8%97%E0%B8%B5%E0%B9%88"),
        ("line\r\nbreak", "line%0D%0Abreak"),
        (string.punctuation.replace('"', "").replace("%", ""), string.punctuation.replace('"', "").replace("%", "")),
    ],
)
def test_the_examples_of_the_binding(text: str, value: str) -> None:
    assert headers.percent_encode(text) == value
    assert headers.percent_decode(value) == text


def test_lower_case_escapes_are_read_too() -> None:
    assert headers.percent_decode("%e0%b8%97%22") == 'ท"'


def test_a_letter_reads_back_from_its_headers_whatever_the_case_of_their_names() -> None:
    found = codec.encode_headers(RECEIVED)
    assert headers.read({name.upper(): value for name, value in found.items()}, MailReceived) == RECEIVED
    assert headers.read({name.title(): value for name, value in found.items()}, MailReceived) == RECEIVED


def test_no_field_poses_as_an_attribute_of_cloudevents() -> None:
    found = headers.fields(RECEIVED)
    core = {"ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject", "ce-time", "ce-dataschema"}
    assert not core & found.keys()
    assert found["ce-xsource"].startswith("ntp%20")


def test_names_are_lower_case_letters_and_digits() -> None:
    for event in examples().values():
        for name in headers.attributes(event) | headers.fields(event):
            assert name == "content-type" or name.removeprefix("ce-").isalnum(), name
            assert name == name.lower()


def test_the_attributes_of_an_event() -> None:
    found = headers.attributes(RECEIVED)
    assert found["ce-specversion"] == "1.0"
    assert found["ce-type"] == "mail.received.v1"
    assert found["ce-subject"] == getattr(RECEIVED, "mail")  # noqa: B009 - typed as Event here
    assert found["ce-time"] == getattr(RECEIVED, "received_at")  # noqa: B009 - as above
    assert found["content-type"] == "message/rfc822"


def test_an_event_about_no_letter_has_no_subject() -> None:
    assert "ce-subject" not in headers.attributes(examples()[MailAttempted])
    assert "ce-subject" not in headers.attributes(examples()[NoteOrdered])


def test_a_row_says_no_time_of_its_own() -> None:
    """received_at is the letter's; when the row was written, the stream's time stamp says."""
    assert "ce-time" not in headers.attributes(examples()[LetterEntered])
    assert headers.attributes(examples()[NoteOrdered])["ce-time"] == "2026-05-14T02:25:00.000000Z"


def test_a_field_at_its_default_is_left_out() -> None:
    found = headers.fields(RECEIVED)
    assert "ce-upstream" not in found
    assert "ce-labels" not in found


def test_the_size_is_what_goes_over_the_wire() -> None:
    wire = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in {"a": "bc", "de": ""}.items()) + "\r\n"
    assert headers.size({"a": "bc", "de": ""}) == len(wire)


def test_every_event_has_a_key_of_its_own() -> None:
    keys = [event.key for event in examples().values()]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(f"{event.type}:") for key, event in zip(keys, examples().values(), strict=True))
