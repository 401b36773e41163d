"""The octets of one letter while it arrives, kept once; then in blocks that fit a message."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

SMALL: Final = 16_384
"""Pieces below this are gathered: a peer that sends octet by octet must not cost fifty times the octets."""

GATHERED: Final = 65_536

LINE_OCTETS: Final = 1_000
"""RFC 5322 section 2.1.1: 998 and CRLF."""


class Content:
    """Grows piece by piece, without copying what is not small."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._gathered = bytearray()
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self.size += len(piece)
        if len(piece) < SMALL:
            self._gathered += piece
            if len(self._gathered) >= GATHERED:
                self._settle()
        else:
            self._settle()
            self._pieces.append(piece)

    def pieces(self) -> Sequence[bytes]:
        """Everything, in order, in pieces of any length."""
        self._settle()
        return self._pieces

    def head(self, octets: int) -> bytes:
        """The first so many octets."""
        self._settle()
        first: list[bytes] = []
        for piece in self._pieces:
            first.append(piece)
            octets -= len(piece)
            if octets <= 0:
                break
        joined = first[0] if len(first) == 1 else b"".join(first)
        return joined[:octets] if octets < 0 else joined

    def take_blocks(self, whole_bytes: int, part_bytes: int) -> tuple[bytes, ...]:
        """Everything, in order: in one block up to `whole_bytes`, otherwise in blocks of `part_bytes`.

        May be called once. Pieces are let go while blocks are made of them, and large joins let other threads run.
        """
        self._settle()
        limit = whole_bytes if self.size <= whole_bytes else part_bytes
        blocks: list[bytes] = []
        while self._pieces:
            block, room = [], limit
            while self._pieces and room:
                piece = self._pieces.popleft()
                if len(piece) > room:
                    self._pieces.appendleft(piece[room:])
                    piece = piece[:room]
                block.append(piece)
                room -= len(piece)
            blocks.append(b"".join(block))
        return tuple(blocks)

    def drop(self) -> None:
        """Forget the octets, at once."""
        self._pieces.clear()
        self._gathered = bytearray()

    def _settle(self) -> None:
        if self._gathered:
            self._pieces.append(bytes(self._gathered))
            self._gathered = bytearray()


def has_long_line(blocks: Iterable[bytes]) -> bool:
    """Whether a line is longer than mail allows. Leaps from line end to line end, so it costs a sixth of a hash."""
    before = 0  # octets of the line that the block before left unfinished
    for block in blocks:
        line = -before
        while len(block) - line >= LINE_OCTETS:
            end = block.rfind(b"\n", max(line, 0), line + LINE_OCTETS)
            if end < 0:
                return True
            line = end + 1
        before = len(block) - line
    return False
