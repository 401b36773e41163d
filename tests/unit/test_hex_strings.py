"""Our reading of hexadecimal strings beside pyHanko's own: the same values, errors and places in the file."""

import io
from collections.abc import Callable
from importlib.metadata import version
from typing import BinaryIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError

from services.sign import hex_strings

PIECES = st.lists(
    st.sampled_from([b"4", b"aF", b"00" * 9_000, b" ", b"\r\n", b"\0", b"%c>\n", b"%\n", b"g", b"<", b">", b">>"])
)

Read = Callable[[BinaryIO], object]


def outcome(read: Read, octets: bytes) -> tuple[object, ...]:
    stream = io.BytesIO(b"/Contents " + octets)
    stream.seek(10)
    try:
        value = read(stream)
    except PdfError as error:
        return type(error), str(error)
    return type(value), value, stream.tell()


@given(PIECES.map(lambda pieces: b"<" + b"".join(pieces)))
@example(b"<>")
@example(b"<4>")
@example(b"<FEFF0E01>")
@example(b"<" + b"0" * 16_383 + b">/Next 1")
@example(b"<" + b"0" * 16_384 + b">/Next 1")
@example(b"<" + b"0" * 16_385 + b">")
@example(b"<" + b"0" * 40_000)
def test_it_reads_what_pyhanko_reads(octets: bytes) -> None:
    assert outcome(hex_strings.read, octets) == outcome(generic.read_hex_string_from_stream, octets)


def test_it_is_used_only_beside_the_version_it_was_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when pyHanko is renewed: compare again, or throw ours away if pyHanko is as fast by then."""
    own = generic.read_hex_string_from_stream
    assert version("pyhanko") == hex_strings.COMPARED_WITH
    monkeypatch.setattr(generic, "read_hex_string_from_stream", own)
    monkeypatch.setattr(hex_strings, "COMPARED_WITH", "0.1")
    hex_strings.install()
    assert generic.read_hex_string_from_stream is own
    monkeypatch.setattr(hex_strings, "COMPARED_WITH", version("pyhanko"))
    hex_strings.install()
    assert generic.read_hex_string_from_stream is hex_strings.read
