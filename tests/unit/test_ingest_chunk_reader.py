"""The chunk reader against a plain description of RFC 3030, however the octets are cut into chunks and packets."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.chunk_reader import ChunkReader
from services.ingest.oddities import Oddities

TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\r\n.", b"\n.", b"\0", b"\r\n.\r", b"\r\n.\r\n"]),
    max_size=30,
).map(b"".join)
CUTS = st.lists(st.integers(0, 200), max_size=12)


class Read:
    """What came of a letter: announced in chunks that end at `chunks`, each fed in packets that end at `packets`."""

    def __init__(self, letter: bytes, chunks: list[int], packets: list[int], behind: bytes = b"") -> None:
        self.letter = b""
        self.odd = Oddities()
        self.rest: bytes | None = None
        reader = ChunkReader(self._keep, self.odd)
        edges = [0, *sorted(cut % (len(letter) + 1) for cut in chunks), len(letter)]
        for start, end in pairwise(edges):
            last = end == len(letter)
            reader.expect(end - start, last=last)
            octets = letter[start:end] + (behind if last else b"")
            self.rest = self._fed(reader, octets, packets)
            assert self.rest is not None, "an announced chunk that was fed has ended"
            if last:
                return
            assert self.rest == b""

    @staticmethod
    def _fed(reader: ChunkReader, octets: bytes, packets: list[int]) -> bytes | None:
        edges = [0, *sorted({cut % (len(octets) + 1) for cut in packets} - {0}), len(octets)]
        rest = None
        for start, end in pairwise(edges):
            rest = reader.feed(octets[start:end]) if rest is None else rest + octets[start:end]
        return rest

    def _keep(self, piece: bytes) -> None:
        self.letter += piece


def smuggles(letter: bytes) -> bool:
    """DATA's rule: a lone dot between line ends of which one is not CRLF, as the next server would see it."""
    wire = b"\r\n" + letter + (b"" if letter.endswith(b"\r\n") else b"\r\n")
    words = re.split(rb"(\r\n|\r|\n)", wire)
    lone = [at for at in range(2, len(words) - 1, 2) if words[at] == b"."]
    return any({words[at - 1], words[at + 1]} != {b"\r\n"} for at in lone)


@given(TRICKY, CUTS, CUTS, TRICKY)
def test_every_cut_gives_the_same_letter(letter: bytes, chunks: list[int], packets: list[int], behind: bytes) -> None:
    read = Read(letter, chunks, packets, behind)
    assert read.letter == letter
    assert read.rest == behind
    assert read.odd.smuggled == smuggles(letter)


@given(TRICKY, CUTS, CUTS)
def test_what_is_noticed_does_not_depend_on_the_cuts(letter: bytes, chunks: list[int], packets: list[int]) -> None:
    odd = Read(letter, chunks, packets).odd
    ended = letter if letter.endswith(b"\r\n") else letter + b"\r\n"
    assert odd.bare_newline == bool(re.search(rb"(?<!\r)\n", ended))
    assert odd.bare_carriage_return == bool(re.search(rb"\r(?!\n)", ended))
    assert odd.nul_octet == (b"\0" in letter)


@pytest.mark.parametrize(
    "letter",
    [
        b".\n",  # DATA begins at a line's start, wherever it is handed on
        b".\nQUIT",
        b".\r",
        b"a\n.",  # and its last line is ended
        b"a\r\n.\r\n.\nb",  # the line end of a harmless dot is also that of a harmful one
        b"a\r\n.\r\n.\rb",
        b"a\r.\r\n",
    ],
)
def test_forms_that_are_refused(letter: bytes) -> None:
    assert Read(letter, [], []).odd.smuggled
    assert Read(letter, list(range(len(letter))), []).odd.smuggled


@pytest.mark.parametrize(
    "letter", [b"", b".", b".\r\n", b"a\r\n.\r\n", b"a\r\n.", b"\r\n.\r\n.\r\n", b"a\n.b\n", b"..\n"]
)
def test_forms_that_are_taken(letter: bytes) -> None:
    read = Read(letter, list(range(len(letter))), [])
    assert not read.odd.smuggled
    assert read.letter == letter


def test_a_chunk_that_has_not_ended_gives_nothing_back() -> None:
    reader = ChunkReader(lambda piece: None, Oddities())
    reader.expect(5, last=True)
    assert reader.feed(b"four") is None
    assert reader.feed(b"!QUIT") == b"QUIT"
