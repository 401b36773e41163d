"""The dot reader against a plain description of RFC 5321, however the octets are cut into chunks."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.dot_reader import DotReader
from services.ingest.oddities import Oddities

TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\r\n.", b"\n.", b"\0", b"\r\n.\r"]), max_size=30
).map(b"".join)


class Read:
    """What came of some octets, fed in chunks that end at `cuts`."""

    def __init__(self, octets: bytes, cuts: list[int]) -> None:
        self.letter = b""
        self.rest: bytes | None = None
        self.odd = Oddities()
        self.reader = DotReader(self._keep, self.odd)
        edges = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
        for start, end in pairwise(edges):
            if start == end:
                continue
            if self.rest is not None:
                self.rest += octets[start:end]
            else:
                self.rest = self.reader.feed(octets[start:end])

    def _keep(self, piece: bytes) -> None:
        self.letter += piece


def expected(octets: bytes) -> tuple[bytes, bytes] | None:
    """Letter and rest, by the words of the RFC: DATA begins a line; CRLF.CRLF ends it; a dot at a line's start goes."""
    stream = b"\r\n" + octets
    end = stream.find(b"\r\n.\r\n")
    if end < 0:
        return None
    letter = re.sub(rb"\r\n\.", b"\r\n", stream[: end + 2])[2:]
    return letter, stream[end + 5 :]


def smuggles(octets: bytes) -> bool:
    stream = b"\r\n" + octets
    stream = stream[: stream.find(b"\r\n.\r\n") + 5]
    lone = re.finditer(rb"(?=(?:(\r\n|\n|\r)\.(\r\n|\n|\r)))", stream)
    found = [
        (match[1], match[2])
        for match in lone
        # `\n` of a CRLF is no line end of its own
        if not (match[1] == b"\n" and stream[match.start() - 1 : match.start()] == b"\r")
    ]
    return any(pair != (b"\r\n", b"\r\n") for pair in found)


@given(TRICKY, TRICKY, st.lists(st.integers(0, 200), max_size=12))
def test_every_cut_gives_the_same_letter(before: bytes, behind: bytes, cuts: list[int]) -> None:
    octets = before + b"\r\n.\r\n" + behind
    wanted = expected(octets)
    assert wanted is not None
    read = Read(octets, cuts)
    assert (read.letter, read.rest) == wanted
    assert read.odd.smuggled == smuggles(octets)


@given(TRICKY, st.lists(st.integers(0, 200), max_size=12))
def test_what_is_noticed_does_not_depend_on_the_cuts(before: bytes, cuts: list[int]) -> None:
    octets = before + b"\r\n.\r\n"
    read, whole = Read(octets, cuts).odd, Read(octets, []).odd
    assert (read.bare_newline, read.bare_carriage_return, read.nul_octet) == (
        whole.bare_newline,
        whole.bare_carriage_return,
        whole.nul_octet,
    )
    seen = octets[: (b"\r\n" + octets).find(b"\r\n.\r\n") + 3]
    assert read.bare_newline == bool(re.search(rb"(?<!\r)\n", seen))
    assert read.bare_carriage_return == bool(re.search(rb"\r(?!\n)", seen))
    assert read.nul_octet == (b"\0" in seen)


@pytest.mark.parametrize("never", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.x\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_nothing_else_ends_data(never: bytes, size: int) -> None:
    octets = b"one" + never + b"two"
    read = Read(octets, list(range(0, len(octets), size)))
    assert read.rest is None


def test_the_octets_behind_the_end_are_given_back() -> None:
    assert Read(b".\r\nQUIT\r\n", []).rest == b"QUIT\r\n"
