"""The octets of BDAT (RFC 3030): counted, so that nothing in them ends anything, and no dot is stuffed.

They are looked through as those of DATA are: a letter that would smuggle at the next server is refused whichever way
it came.
"""

from collections.abc import Callable
from typing import Final

from services.ingest.oddities import Oddities, undecided

LINE_END: Final = b"\r\n"


class ChunkReader:
    """Takes the octets of one chunk after the other; hands them to `keep` as they are."""

    def __init__(self, keep: Callable[[bytes], None], odd: Oddities) -> None:
        self._keep = keep
        self._odd = odd
        self._held = b""
        self._begun = False
        self._surplus = 0
        self._left = 0
        self._last = False

    def expect(self, octets: int, *, last: bool) -> None:
        """A chunk is announced."""
        self._left, self._last = octets, last

    def feed(self, chunk: bytes) -> bytes | None:
        """Read octets; return None while the announced chunk goes on, and what lies behind it once it has ended."""
        mine, rest = (chunk, b"") if len(chunk) <= self._left else (chunk[: self._left], chunk[self._left :])
        self._left -= len(mine)
        if mine and not self._begun:
            self._begun = True
            if mine.startswith(b"."):
                # Whoever hands the letter on begins it at the start of a line; that CRLF is not the letter's.
                self._held, self._surplus = LINE_END, len(LINE_END)
        data = self._held + mine if self._held else mine
        if self._left == 0 and self._last:
            # Whoever hands the letter on by DATA ends its last line: look at it as it will look then.
            self._odd.look(data if data.endswith(LINE_END) else data + LINE_END)
            letter, self._held = data, b""
        else:
            self._odd.look(data)
            at = undecided(data)
            letter, self._held = data[:at], data[at:]
        if self._surplus and letter:
            letter, self._surplus = letter[self._surplus :], 0
        if letter:
            self._keep(letter)
        return None if self._left else rest
