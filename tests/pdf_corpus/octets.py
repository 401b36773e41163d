"""Attacks on the octets of a signed file: its ranges, its container, what lies around them."""

import re

_RANGE = re.compile(rb"/ByteRange\s*\[[^\]]*\]")


def ranges(pdf: bytes) -> list[int]:
    """The numbers of the first signature's /ByteRange."""
    found = _RANGE.search(pdf)
    assert found
    return [int(number) for number in found.group()[:-1].split(b"[")[1].split()]


def with_ranges(pdf: bytes, numbers: str) -> bytes:
    """The file with other text in the first signature's /ByteRange, in the same room."""
    found = _RANGE.search(pdf)
    assert found
    room = found.end() - found.start()
    text = b"/ByteRange [" + numbers.encode() + b"]"
    assert len(text) <= room, (len(text), room)
    return pdf[: found.start()] + text.ljust(room) + pdf[found.end() :]


def without_ranges(pdf: bytes) -> bytes:
    """The entry has another name, so that the signature has no /ByteRange."""
    return pdf.replace(b"/ByteRange", b"/BiteRange", 1)


def with_container(pdf: bytes, text: bytes) -> bytes:
    """Other text in the room of the first signature's /Contents, filled up with blanks."""
    numbers = ranges(pdf)
    room = numbers[2] - numbers[1]
    assert len(text) <= room
    return pdf[: numbers[1]] + text.ljust(room) + pdf[numbers[2] :]


def container(pdf: bytes) -> bytes:
    """The first signature's /Contents as it stands, with its brackets."""
    numbers = ranges(pdf)
    return pdf[numbers[1] : numbers[2]]


def turned(pdf: bytes, where: bytes, offset: int = 0) -> bytes:
    """The file with a bit turned at a place that `where` finds."""
    at = pdf.index(where) + len(where) + offset
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def wrapped(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """Signature wrapping: the second signed range is moved to the end; a forged copy of it takes its place.

    The digest stays right, since the moved octets are the signed ones; a reader follows the copy, where every object is
    in the place that the cross-reference table names.
    """
    numbers = ranges(pdf)
    first, second = pdf[: numbers[2]], pdf[numbers[2] :]
    assert old in second, second[:900]
    copy = second.replace(old, new)
    return with_ranges(first + copy + second, f"0 {numbers[1]} {numbers[2] + len(copy)} {numbers[3]}")
