"""The octets of one letter while it arrives: kept once, in blocks that fit a message."""

from typing import Final

SMALL: Final = 16_384
"""Pieces below this are gathered: a peer that sends octet by octet must not cost fifty times the octets."""

GATHERED: Final = 65_536

LINE_OCTETS: Final = 1_000
"""RFC 5322 section 2.1.1: 998 and CRLF."""


class Content:
    """Grows piece by piece. Never holds an octet twice for longer than it takes to join one block."""

    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._blocks: list[bytes] = []
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._gathered = bytearray()
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self.size += len(piece)
        if len(piece) < SMALL:
            self._gathered += piece
            if len(self._gathered) < GATHERED:
                return
            self._settle()
        else:
            self._settle()
            self._append(piece)

    def blocks(self) -> tuple[bytes, ...]:
        """Everything, in order: each block but the last is exactly `block_bytes` long. Empty for an empty letter."""
        self._settle()
        if self._pieces:
            self._blocks.append(b"".join(self._pieces))
            self._pieces.clear()
            self._pieces_bytes = 0
        return tuple(self._blocks)

    def drop(self) -> None:
        """Forget the octets, at once."""
        self._blocks.clear()
        self._pieces.clear()
        self._pieces_bytes = 0
        self._gathered = bytearray()

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pieces_bytes += len(piece)
        while self._pieces_bytes >= self._block_bytes:
            self._close_block()

    def _settle(self) -> None:
        if self._gathered:
            self._append(bytes(self._gathered))
            self._gathered = bytearray()

    def _close_block(self) -> None:
        """The last piece is the one that crossed the edge: it is cut there."""
        surplus = self._pieces_bytes - self._block_bytes
        last = self._pieces.pop()
        self._pieces.append(last[: len(last) - surplus])
        self._blocks.append(b"".join(self._pieces))
        self._pieces = [last[-surplus:]] if surplus else []
        self._pieces_bytes = surplus


def has_long_line(blocks: tuple[bytes, ...]) -> bool:
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
