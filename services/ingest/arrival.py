"""A letter on its way in: reader, octets, bounds and the time of receipt in one place, without any waiting."""

from typing import Final, Literal

from services.ingest import header_lines, replies
from services.ingest.admission import Flight
from services.ingest.chunk_reader import ChunkReader
from services.ingest.content import Content
from services.ingest.dot_reader import DotReader
from services.ingest.header_lines import HEAD_BYTES, LINE_CHARACTERS
from services.ingest.oddities import Oddities
from services.ingest.replies import Reply
from services.runtime.clock import Clock, Stamp

Label = Literal["bare_newline", "bare_carriage_return", "nul_octet", "no_header", "long_line"]
"""The labels of mail.received.v1."""

PATIENCE: Final = 2
"""A letter that is refused is read to its end, but not beyond so many times the SIZE we announced."""


class Arrival:
    """From the 354, or the first BDAT, to the letter's end. Whoever makes one must `release` it."""

    def __init__(self, limit: int, flight: Flight, clock: Clock, began: float) -> None:
        self.began = began
        """In the loop's time."""
        self._limit = limit
        self._flight = flight
        self._clock = clock
        self._odd = Oddities()
        self._reader: DotReader | ChunkReader = DotReader(self._keep, self._odd)
        self._ends = True
        self._content = Content()
        self._taken = 0
        self._refusal: Reply | None = None
        self._called = ""
        self.seen = 0
        """Octets of content so far, kept or not."""
        self.stamp: Stamp | None = None
        """When the last octet was there: the time of receipt, read once (invariant 5)."""

    def expect(self, octets: int, *, last: bool) -> None:
        """BDAT: the next so many octets are the letter's; only with `last` does it end behind them."""
        if not isinstance(self._reader, ChunkReader):
            self._reader = ChunkReader(self._keep, self._odd)
        self._reader.expect(octets, last=last)
        self._ends = last
        if self.seen + octets > self._limit:
            self.refuse(replies.TOO_LARGE)  # before its octets cost any memory

    def feed(self, chunk: bytes) -> bytes | None:
        """Take octets; return None while DATA or the chunk goes on, and what lies behind its end once it has ended."""
        rest = self._reader.feed(chunk)
        if rest is not None and self._ends:
            self.stamp = self._clock.now()
        return rest

    @property
    def refusal(self) -> Reply | None:
        """Why the letter cannot be taken, or None."""
        return replies.SMUGGLED if self._odd.smuggled else self._refusal

    @property
    def endless(self) -> bool:
        """Whether the peer sends on and on although the letter has long been too large."""
        return self.seen > self._limit * PATIENCE

    @property
    def content(self) -> Content:
        """The letter's octets."""
        return self._content

    @property
    def message_id(self) -> str:
        """What a letter that was not kept calls itself, as far as that came in; whoever asks after it knows this."""
        return self._called or header_lines.message_id(self._content.head(HEAD_BYTES))

    def call(self, message_id: str) -> None:
        """Remember what it calls itself: its octets are about to go."""
        self._called = message_id[:LINE_CHARACTERS]

    def labels(self) -> list[Label]:
        """What the reader noticed."""
        named: dict[Label, bool] = {
            "bare_newline": self._odd.bare_newline,
            "bare_carriage_return": self._odd.bare_carriage_return,
            "nul_octet": self._odd.nul_octet,
        }
        return [label for label, noticed in named.items() if noticed]

    def refuse(self, reply: Reply) -> None:
        """It is not taken, for the first reason that anybody gave; what still comes of it is read and forgotten."""
        self._refusal = self._refusal or reply
        self._called = self.message_id
        self.release()

    def release(self) -> None:
        """Forget the octets and give their room back."""
        self._content.drop()
        self._flight.give(self._taken)
        self._taken = 0

    def _keep(self, piece: bytes) -> None:
        self.seen += len(piece)
        if self._refusal is not None or self._odd.smuggled:
            if self.seen == len(piece):  # nothing was kept of it before, and this is where it says its name
                self.call(header_lines.message_id(piece[:HEAD_BYTES]))
            return
        if self.seen > self._limit:
            self.refuse(replies.TOO_LARGE)
        elif not self._flight.take(len(piece)):
            self.refuse(replies.NO_ROOM)
        else:
            self._taken += len(piece)
            self._content.add(piece)
