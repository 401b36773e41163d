"""The original in a cover mail: octet-exact, whatever it is, over whatever relay."""

import hashlib
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import original, wire
from services.notify.wire import Part

HEAD = b"From: a@b.example\r\nSubject: x\r\n\r\n"


def extracted(octets: bytes) -> bytes:
    """The second part's octets as RFC 2046 cuts them, without a mail library's help."""
    boundary = octets.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    part = octets.split(b"\r\n--" + boundary)[2].removeprefix(b"\r\n")
    head, _, body = part.partition(b"\r\n\r\n")
    if b"base64" in head:
        decoded: Any = message_from_bytes(head + b"\r\n\r\n" + body).get_payload(decode=True)
        return bytes(decoded)
    return body


def mail(octets: bytes, *, eight_bit_relay: bool = True) -> bytes:
    part = original.part(octets, "letter.eml", eight_bit_relay=eight_bit_relay)
    text = Part(media_type="text/plain", content=b"x")
    return wire.compose([wire.field("Subject", "x")], [text, part], "<seed>")


@given(st.binary(max_size=3000), st.booleans())
def test_any_octets_come_out_as_they_went_in(octets: bytes, eight_bit_relay: bool) -> None:
    assert extracted(mail(octets, eight_bit_relay=eight_bit_relay)) == octets


@given(
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"From ", b".", b"--=_", b"a" * 997, b"\xe0\xb8\x97", b"x: y"])
    )
)
def test_any_mixture_of_what_relays_dislike(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    whole = mail(octets)
    assert extracted(whole) == octets
    # And nothing of what a relay dislikes is in the mail that carries it.
    assert b"\0" not in whole
    assert whole.count(b"\n") == whole.count(b"\r") == whole.count(b"\r\n")
    assert max(map(len, whole.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("octets", "how"),
    [
        (HEAD + b"text\r\n", "7bit"),
        (HEAD + b"no newline at the end", "7bit"),
        (HEAD + b"a" * 998 + b"\r\n", "7bit"),
        (HEAD + b"a" * 999 + b"\r\n", "base64"),
        (HEAD + (b"b" * 70 + b"\r\n") * 50 + b"a" * 999, "base64"),
        (HEAD + b"bare\nnewline\r\n", "base64"),
        (HEAD + b"bare\rreturn\r\n", "base64"),
        (HEAD + b"nul\0\r\n", "base64"),
        (HEAD + b"x\r\nFrom the mbox\r\n", "base64"),
        (HEAD + "ไทย".encode() + b"\r\n", "8bit"),
        (b"Subject: " + "ไทย".encode("tis-620") + b"\r\n\r\nx\r\n", "base64"),
        (b"", "7bit"),
    ],
)
def test_how_it_travels(octets: bytes, how: str) -> None:
    assert original.travel(octets) == how


def test_message_rfc822_is_never_encoded() -> None:
    """RFC 2046 section 5.2.1."""
    for octets in (HEAD + b"x\r\n", HEAD + "ไทย".encode(), HEAD + b"\n"):
        for eight_bit_relay in (True, False):
            part = original.part(octets, "x.eml", eight_bit_relay=eight_bit_relay)
            assert (part.media_type == "message/rfc822") == (part.encoding != "base64")


def test_eight_bits_go_raw_only_where_the_relay_takes_them() -> None:
    octets = HEAD + "ไทย".encode()
    assert original.part(octets, "x.eml", eight_bit_relay=True).encoding == "8bit"
    assert original.part(octets, "x.eml", eight_bit_relay=False).encoding == "base64"


def test_who_wrote_the_original_cannot_end_our_part_early() -> None:
    """The boundary is predictable, so it must not be in the original."""
    first = mail(HEAD + b"x")
    boundary = first.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    forged = HEAD + b"x\r\n--" + boundary + b"\r\nContent-Type: text/plain\r\n\r\nforged\r\n--" + boundary + b"--\r\n"
    whole = mail(forged)
    assert extracted(whole) == forged
    parts = message_from_bytes(whole).get_payload()
    assert len(parts) == 2


def test_forty_megabytes_do_not_take_long_lines_of_thought() -> None:
    octets = HEAD + (b"A" * 76 + b"\r\n") * 500_000
    assert original.travel(octets) == "7bit"
    assert hashlib.sha256(extracted(mail(octets))).digest() == hashlib.sha256(octets).digest()
