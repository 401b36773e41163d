"""How entries stand, read from the book by the API alone: always from the leader, or up to a message it named.

The row of a number is found by halving, some twenty questions (lookup.py). What orders did to it lies anywhere behind
it: the types of the book's messages behind the row are read once, as headers, and of the few that void, correct or move
something the bodies. Nothing is read where the stream's own count says that no order did anything in this book.
What was read is remembered and kept up to date by our own writing. So the first order of a session about an old entry
costs some 15 µs of processor time for each row behind it (200,000 rows: 3 s), during which nothing is numbered, and
every further one some milliseconds. Notes change nothing about how an entry stands.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from contracts import codec
from contracts.register import BookRow, EntryCorrected, EntryMoved, EntryVoided, LetterEntered, LetterRecorded
from contracts.streams import REGISTER
from contracts.values import sha256_hex
from services.register import log
from services.register.book import End, end
from services.register.feed import Feed
from services.register.lookup import entry_of, next_of
from services.register.memory import Memory
from services.register.page import EXPECTED, Batch
from services.register.standing import Standing
from services.register.waiting import within
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable

AT_ONCE: Final = 1_000
LOOK_SECONDS: Final = 0.5
REMEMBERED: Final = 100_000
"""Entries that something was done to, over all books, about 300 octets each."""

KINDS: Final = (EntryVoided, EntryCorrected, EntryMoved)
_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in KINDS)


class _Done(Struct):
    """What was done to one entry."""

    voided: bool = False
    moved: EntryMoved | None = None
    corrected: int = 0
    """Sequence of the newest correction; its record lies directly behind it."""
    record: str = ""

    def take(self, effect: EntryVoided | EntryCorrected | EntryMoved, sequence: int) -> None:
        if isinstance(effect, EntryVoided):
            self.voided = True
        elif isinstance(effect, EntryMoved):
            self.moved = effect
        elif sequence > self.corrected:
            self.corrected, self.record = sequence, effect.record


class _Book(Struct):
    """Effects behind the message `since`, up to the message `upto`; both are messages of this book."""

    since: int
    upto: int
    entries: dict[int, _Done] = {}

    def take(self, effect: BookRow, sequence: int) -> None:
        if isinstance(effect, KINDS):
            self.entries.setdefault(effect.number, _Done()).take(effect, sequence)


class Standings:
    """What orders did to the entries of the books that were asked for."""

    def __init__(self, bus: Bus, memory: Memory) -> None:
        self._bus = bus
        self._memory = memory
        self._books: OrderedDict[str, _Book] = OrderedDict()

    async def find(self, book: str, number: int) -> Standing | str | None:
        """How an entry stands; None where there is none, and why where it cannot be read. Raises the bus' errors."""
        try:
            found = await entry_of(self._bus, book, number)
            if found is None:
                return None
            row = codec.decode(found.body, LetterEntered)
            done = await self._done(book, found.sequence, number)
            record = await self._record(done.corrected or found.sequence, done.record or row.record)
        except codec.UndecodableError as error:
            return f"{book} cannot be read: {error}"
        return Standing(row=row, record=record, voided=done.voided, moved=done.moved)

    def stored(self, batch: Batch, last: int) -> None:
        """A batch of ours lies in REGISTER; its last message has the sequence `last`."""
        first = last - len(batch.messages) + 1
        for subject, (index, _) in batch.ends.items():
            known = self._books.get(subject)
            if known is None:
                continue
            before = next(message.headers[EXPECTED] for message in batch.messages if message.subject == subject)
            if int(before) != known.upto:
                continue  # somebody else wrote in between; it is read when it is asked for
            for place, effect in batch.effects:
                if effect.nats_subject == subject:
                    known.take(effect, first + place)
            known.upto = first + index

    async def _done(self, book: str, row: int, number: int) -> _Done:
        newest = await self._memory.end(book)
        upto = newest.sequence
        known = self._books.pop(book, None)
        if known is None:
            known = await self._untouched(book, newest) or _Book(row, row)
        if row < known.since:
            await self._read(book, known, row, known.since)
            known.since = row
        if known.upto < upto:
            await self._read(book, known, known.upto, upto)
            known.upto = upto
        self._books[book] = known
        while len(self._books) > 1 and sum(len(one.entries) for one in self._books.values()) > REMEMBERED:
            self._books.popitem(last=False)
        return known.entries.get(number, _Done())

    async def _untouched(self, book: str, newest: End) -> _Book | None:
        """The whole book, where it has no more messages than its entries and its opening; None otherwise.

        Counted after its end was read: whatever was written since makes the count too large, not too small.
        """
        first = await next_of(self._bus, book, 1)
        info = await self._bus.api(f"STREAM.INFO.{REGISTER.family}", {"subjects_filter": book})
        if first is None:
            return None
        begun = end(first.body, first.sequence)
        entries = newest.number - begun.number + (not begun.opened)
        count = (info["state"].get("subjects") or {}).get(book)
        return _Book(first.sequence, newest.sequence) if count == entries + begun.opened else None

    async def _read(self, book: str, known: _Book, after: int, until: int) -> None:
        """The effects behind one message of the book, up to another."""
        began, count, found = time.monotonic(), 0, []
        arrived = asyncio.Event()
        feed = Feed(self._bus, REGISTER.family, [book], after + 1, arrived, batch=AT_ONCE, headers_only=True)
        heard, at = began, after
        try:
            while at < until:
                await feed.refresh()
                arrived.clear()
                taken = feed.take(AT_ONCE)
                await feed.ask()
                for message in taken:
                    at = message.sequence
                    if message.headers.get("ce-type") in _TYPES and at <= until:
                        found.append(at)
                if taken:
                    count, heard = count + len(taken), time.monotonic()
                elif time.monotonic() - heard > self._bus.timeout:
                    raise Unavailable(f"{book}: message {until} is not delivered")
                else:
                    await within(arrived, LOOK_SECONDS)
        finally:
            await feed.close()
        for start in range(0, len(found), AT_ONCE):
            chunk = found[start : start + AT_ONCE]
            bodies = await asyncio.gather(*(self._memory.message(sequence) for sequence in chunk))
            for sequence, stored in zip(chunk, bodies, strict=True):
                if stored is not None:
                    known.take(codec.decode(stored.body, *KINDS), sequence)
        log.book_read(book, count, len(found), time.monotonic() - began)

    async def _record(self, row: int, digest: str) -> LetterRecorded | None:
        stored = await self._memory.message(row + 1)
        if stored is None or sha256_hex(stored.body) != digest:
            return None
        return codec.decode(stored.body, LetterRecorded)
