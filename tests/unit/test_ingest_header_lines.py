"""Header lines read without a mail parser."""

import pytest

from services.ingest import header_lines
from services.ingest.header_lines import HEAD_BYTES


@pytest.mark.parametrize(
    ("letter", "body"),
    [
        (b"Subject: x\r\n\r\nbody", b"body"),
        (b"Subject: x\n\nbody", b"body"),
        (b"Subject: x\n\r\nbody", b"body"),
        (b"Subject: x\r\n\nbody", b"body"),
        (b"\r\nbody", b"body"),
        (b"\nbody", b"body"),
        (b"Subject: x\r\n", b""),
        (b"", b""),
        (b"Subject: x\n\nbody\r\n\r\nmore", b"body\r\n\r\nmore"),
        (b"Subject: x\r\n\r\nbody\n\nmore", b"body\n\nmore"),
    ],
)
def test_the_body_begins_behind_the_first_empty_line(letter: bytes, body: bytes) -> None:
    assert letter[header_lines.read(letter).body :] == body


def test_fields_are_unfolded_and_the_first_counts() -> None:
    section = header_lines.read(b"subject : one\r\n\ttwo\r\nSUBJECT: other\r\nMessage-Id:\r\n <a@b>\r\n\r\n")
    lines = section.lines()
    assert (lines.subject, lines.message_id) == ("one\ttwo", "<a@b>")


def test_received_fields_are_newest_first() -> None:
    section = header_lines.read(b"Received: two\r\n more\r\nSubject: x\r\nReceived: one\r\n\r\n")
    assert section.received == (b"two more", b"one")


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("เรื่อง".encode(), "เรื่อง"),
        ("เรื่อง".encode("cp874"), "เรื่อง"),
        (b"\xa1\xa2\x81", "กข\N{REPLACEMENT CHARACTER}"),
        (b"=?utf-8?B?4LiB?=", "=?utf-8?B?4LiB?="),
    ],
)
def test_text_is_utf8_or_windows_874(octets: bytes, text: str) -> None:
    assert header_lines.read(b"Subject: " + octets + b"\r\n\r\n").lines().subject == text


@pytest.mark.parametrize(
    ("letter", "is_mail"),
    [(b"X-Odd: 1\r\n\r\n", True), (b"just text\r\n", False), (b"", False), (b"\r\nSubject: in the body\r\n", False)],
)
def test_what_is_no_mail_has_no_field(letter: bytes, is_mail: bool) -> None:
    assert header_lines.read(letter).is_mail is is_mail


def test_a_header_section_without_end_is_cut_at_a_whole_line() -> None:
    head = (b"X-Pad: 0123456789\r\n" * 5_000)[:HEAD_BYTES]
    section = header_lines.read(head)
    assert head[: section.body].endswith(b"\r\n")
    assert HEAD_BYTES - 20 < section.body <= HEAD_BYTES


def test_trace_fields_are_left_out_only_where_there_is_no_message_id() -> None:
    trace = b"Received: a\r\n b\r\nReturn-Path: <x@y>\r\nDelivered-To: z\r\n"
    assert header_lines.read(trace + b"Subject: x\r\n\r\n").untraced == b"Subject: x\n"
    assert header_lines.read(trace + b"Message-ID: <1@x>\r\n\r\n").untraced == b""
