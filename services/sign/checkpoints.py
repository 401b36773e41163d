"""Signs the head of each changed book, within a minute of the row (invariant 7).

Follows all books as their rows are written and computes their links itself. Numbers and receipts never wait for it: a
head that cannot be signed or stamped is tried again, and seen in metrics. Several workers may run: a checkpoint is
stored under the condition that the book's newest one is the one that was looked at.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from nats.aio.msg import Msg

from contracts.event import Position
from contracts.receipt import Head, Unknown
from contracts.register import LetterEntered
from contracts.streams import REGISTER
from contracts.values import Digest, instant
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.errors import BusError, Conflict
from services.sign import log, metrics
from services.sign.authorities import Authorities
from services.sign.heads import Heads, checkpoint
from services.sign.opening import rest, resume
from services.sign.press import Press
from services.sign.rows import follow
from services.sign.seal import SealError
from services.sign.seals import NoSealError, Seals
from services.sign.signed_book import BookChangedError, End, SignedBook, fold
from services.sign.stamping import Stamping
from services.words import wording

ROWS_OF_A_HEAD: Final = 256
"""A book that grows fast gets a head after so many rows: what lies between it and a row has to fit into a receipt."""

BETWEEN: Final = 1_024
"""Most digests that a receipt carries: 68 KB of its JSON."""

BOOKS: Final = 1_000
"""Books kept in memory. One that was let go is read again from its newest checkpoint when it goes on."""

AT_ONCE: Final = 8
TICK_SECONDS: Final = 0.25
AGAIN_SECONDS: Final = 2.0
CHANGED_SECONDS: Final = 60.0
"""So often a book that was changed is looked at again: it may have been put back."""


class _Place:
    """A book in memory, and when its head is due."""

    def __init__(self, book: SignedBook) -> None:
        self.book = book
        self.due = 0.0
        self.since = 0.0  # monotonic; when its oldest unsigned row was written, 0 where there is none
        self.lock = asyncio.Lock()  # held while its head is signed
        self.missed = False  # a row came while the book was not followed
        self.said = ""


class Checkpoints:
    """The signed heads of all books. `run` keeps them; `before` is what a receipt carries of them."""

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        seals: Seals,
        press: Press,
        authorities: Authorities | None,
        seconds: float,
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._seals = seals
        self._press = press
        self._authorities = authorities
        self._seconds = seconds
        self._heads = Heads(bus)
        self._stamping = Stamping(self._heads, authorities, self._stamped) if authorities is not None else None
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follow the books until cancelled."""
        self._tasks.add(asyncio.create_task(self._tick(), name="heads"))
        if self._stamping is None:
            log.no_timestamps()
        else:
            self._tasks.add(asyncio.create_task(self._stamping.run(), name="stamping"))
        try:
            while True:
                try:
                    await self._follow()
                except BusError as error:
                    log.books_lost(str(error))
                except Exception as error:  # noqa: BLE001 - receipts go on without new heads; the alert is on their age
                    log.checkpoints_failed(repr(error))
                self._places.clear()  # what comes back may be another store
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def before(
        self, row: LetterEntered, position: Position, stored_at: datetime
    ) -> tuple[Head | Unknown, tuple[Digest, ...]]:
        """The newest signed head before a row, and the digests of what lies between. Raises the errors of the bus."""
        book = row.nats_subject
        place = self._places.get(book)
        found = place.book.before(position.sequence) if place is not None else None
        try:
            if found is None:
                found = await self._heads.before(book, position.sequence, stored_at, BETWEEN)
        except BookChangedError:
            return _missing("book_changed", wording.BOOK_CHANGED)
        if found is None or len(found.between) > BETWEEN:
            return _missing("too_many_rows", wording.FAR_HEAD)
        if found.head is None:
            return _missing("none_yet", wording.NO_HEAD)
        link = fold(bytes.fromhex(found.head.link), bytes.fromhex("".join(found.between)))
        if link.hex() != row.previous:
            return _missing("book_changed", wording.BOOK_CHANGED)
        return found.head, found.between

    async def _follow(self) -> None:
        start = int((await self._bus.api(f"STREAM.INFO.{REGISTER.family}"))["state"]["last_seq"]) + 1
        await self._take_up()
        async with aclosing(follow(self._bus, start)) as rows:
            async for message in rows:
                await self._append(self._places.get(message.subject) or await self._open(message.subject), message)

    async def _take_up(self) -> None:
        """Open every book that does not end with its newest signed head."""
        signed = await self._heads.signed()
        if self._stamping is not None:
            self._stamping.take_up(book for book, it in signed.items() if not it.stamped)
        written = await self._heads.written()
        for book in sorted(written.keys() | signed.keys()):
            if book not in signed or signed[book].sequence != written.get(book):
                await self._open(book)

    async def _open(self, subject: str) -> _Place:
        """Read a book from its newest checkpoint to its end."""
        self._make_room()
        place = self._places[subject] = _Place(SignedBook(subject))
        try:
            await resume(self._bus, self._heads, place.book)
        except BookChangedError as error:
            self._changed(place, str(error))
            return place
        async with aclosing(rest(self._bus, place.book)) as rows:
            async for message in rows:
                await self._append(place, message)
        return place

    def _make_room(self) -> None:
        for subject, place in list(self._places.items())[: max(0, len(self._places) - BOOKS)]:
            if not (place.since or place.lock.locked() or place.book.changed):
                del self._places[subject]

    async def _append(self, place: _Place, message: Msg) -> None:
        book = place.book
        if book.changed:
            place.missed = True
            return
        try:
            book.append(message.metadata.sequence.stream, message.data)
        except BookChangedError as error:
            self._changed(place, str(error))
            return
        if book.unsigned and not place.since:
            # When it was written, also where it is read much later.
            place.since = time.monotonic() - max(0.0, time.time() - message.metadata.timestamp.timestamp())
            # Not all workers at once: who comes second finds the first one's head.
            place.due = place.since + self._seconds * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
            self._places.move_to_end(book.subject)
        if book.unsigned >= ROWS_OF_A_HEAD:
            place.due = min(place.due, time.monotonic())
        if book.unsigned >= 3 * ROWS_OF_A_HEAD and not place.said:
            # Rows come faster than heads: reading waits for one, without a time-stamp.
            async with place.lock:
                await self._sign(place, stamp=False)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for place in self._places.values():
                if place.lock.locked() or now < place.due:
                    continue
                if place.book.changed:
                    self._spawn(place, self._look_again(place))
                elif place.since:
                    self._spawn(place, self._sign(place, stamp=True))
            self._measure(now)

    def _spawn(self, place: _Place, work: Coroutine[Any, Any, None]) -> None:
        async def turn() -> None:
            async with place.lock, self._turns:
                await work

        task = asyncio.create_task(turn())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sign(self, place: _Place, *, stamp: bool) -> None:
        """Sign and publish the head of a book; whatever is in the way, it is tried again."""
        try:
            await self._seal(place, stamp=stamp)
        except BookChangedError as error:
            self._changed(place, str(error))
        except Conflict:
            metrics.CONFLICTS.inc()
            place.due = time.monotonic()
        except (NoSealError, SealError, BusError) as error:
            place.due = time.monotonic() + AGAIN_SECONDS
            if place.said != str(error):
                place.said = str(error)
                log.head_waiting(place.book.subject, place.said)

    async def _seal(self, place: _Place, *, stamp: bool) -> None:
        book = place.book
        newest = await self._heads.newest(book.subject)
        if newest is not None and not book.take(newest.head):
            place.due = time.monotonic() + TICK_SECONDS  # another worker has read further
            return
        if book.unsigned:
            signature, end = await self._signature(book)
            head = Head(
                link=end.link.hex(),
                sequence=end.sequence,
                length=end.length,
                signed_at=instant(time.time_ns()),
                signature=signature,
                token=await self._authorities.stamp(signature) if stamp and self._authorities is not None else None,
            )
            await self._heads.publish(checkpoint(book.subject, head), newest.sequence if newest is not None else 0)
            # A crash from here on: whoever starts finds the head in the stream.
            book.take(head)
            self._published(book.subject, head)
        place.said = ""
        # Rows that came while this one was signed are younger than it was.
        place.since = time.monotonic() if book.unsigned else 0.0
        place.due = place.since + self._seconds * 0.75

    async def _signature(self, book: SignedBook) -> tuple[bytes, End]:
        agency_id = book.subject.split(".")[3]
        agency = self._directory.agency(agency_id)
        if agency is None:
            raise NoSealError(f"the directory has no agency {agency_id!r}", shared=False)
        key, _ = self._seals.of(agency)
        end = book.end
        return await self._press.beside(key.sign, end.link), end

    def _published(self, book: str, head: Head) -> None:
        stamped = head.token is not None
        if self._stamping is not None:
            self._stamping.note(book, stamped=stamped)
        metrics.CHECKPOINTS.labels("stamped" if stamped else "none").inc()
        log.head_signed(book, head.length, stamped=stamped)

    def _stamped(self, book: str, head: Head) -> None:
        place = self._places.get(book)
        if place is None:
            return
        try:
            place.book.take(head)
        except BookChangedError as error:
            self._changed(place, str(error))

    def _changed(self, place: _Place, reason: str) -> None:
        place.due = time.monotonic() + CHANGED_SECONDS
        place.since = 0.0
        if place.book.changed != reason:
            place.book.changed = reason
            log.book_changed(place.book.subject, reason)

    async def _look_again(self, place: _Place) -> None:
        """A book that was changed may have been put back."""
        again = SignedBook(place.book.subject)
        place.missed = False
        try:
            await resume(self._bus, self._heads, again)
            async with aclosing(rest(self._bus, again)) as rows:
                async for message in rows:
                    again.append(message.metadata.sequence.stream, message.data)
        except BookChangedError as error:
            self._changed(place, str(error))
            return
        except BusError:
            place.due = time.monotonic() + AGAIN_SECONDS
            return
        if place.missed:
            return  # due already: once more
        log.book_intact(again.subject)
        place.book = again
        place.since = place.due = time.monotonic() if again.unsigned else 0.0

    def _measure(self, now: float) -> None:
        since = [place.since for place in self._places.values() if place.since]
        metrics.HEADS_WAITING.set(len(since))
        metrics.HEADS_OLDEST.set(max(0.0, now - min(since, default=now)))
        metrics.BOOKS_CHANGED.set(sum(bool(place.book.changed) for place in self._places.values()))
        if self._stamping is not None:
            self._stamping.measure()


def _missing(reason: str, words: str) -> tuple[Unknown, tuple[Digest, ...]]:
    metrics.HEADS_MISSING.labels(reason).inc()
    return Unknown(reason=words), ()
