"""One audit: REGISTER from one place to its end, everything else beside it, as far as it is needed.

What is in memory is what does not fit together yet; all of it can be kept, and gone on from (proven.py).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from contracts import codec
from contracts.directory import Agency
from contracts.event import Event
from contracts.register import (
    EntryCorrected,
    EntryMoved,
    LetterEntered,
    LetterGuarded,
    LetterRecorded,
    NoticeKept,
)
from contracts.streams import DEAD, FINDINGS, ORDERS, RECEIPTS, REGISTER
from services.audit.beside import Beside
from services.audit.book import Books
from services.audit.coverage import Coverage
from services.audit.deemed import Deemings
from services.audit.heads import Heads
from services.audit.letters import SAID_EVERY, letters
from services.audit.mails import Mails
from services.audit.moves import Moves
from services.audit.orders import SUBJECTS, Orders, Refusals
from services.audit.proven import Proven
from services.audit.reading import Message, batches, messages
from services.audit.receipts import GivenUp, Ledger, Receipts
from services.audit.repeats import Repeats
from services.audit.report import Progress, Report
from services.audit.seen import Seen
from services.audit.signatures import Signatures
from services.audit.streams import BOOK, NOTICE, Ends
from services.runtime.bus import Bus

RECORD = "register.v1.record."
GUARD = "register.v1.letter."

Take = Callable[[Message, bool], Awaitable[bool]]
"""A message, and whether no more rows come; False: its row has not been read yet."""


class Cursor:
    """A stream that is read beside REGISTER, no further than REGISTER has come."""

    def __init__(self, found: AsyncGenerator[list[Message], None], take: Take, after: int) -> None:
        self._found = found
        self._take = take
        self._batch: list[Message] = []
        self._next = 0
        self._ended = False
        self.at = after
        """Sequence of the newest message that was taken."""

    async def go(self, *, over: bool) -> None:
        """Take what can be taken."""
        while not self._ended:
            if self._next == len(self._batch):
                found = await anext(self._found, None)
                if found is None:
                    self._ended = True
                    return
                self._batch, self._next = found, 0
            message = self._batch[self._next]
            if not await self._take(message, over):
                return
            self._next += 1
            self.at = message.sequence

    async def close(self) -> None:
        """Stop reading."""
        await self._found.aclose()


class Walk:
    """Follows REGISTER. To be used once."""

    def __init__(
        self,
        bus: Bus,
        report: Report,
        ends: Ends,
        agencies: Mapping[str, Sequence[Agency | None]],
        signatures: Signatures,
        seen: Seen,
        proven: Proven,
        progress: Progress,
    ) -> None:
        token = report.agency or "*"
        self._bus, self._report, self._ends, self._progress = bus, report, ends, progress
        self._octets, self._token, self._seen = proven.octets, token, seen
        self._agencies = {name for name, entries in agencies.items() if entries and entries[0] is not None}
        self._start, self._dead, self._mails_at = proven.register, proven.dead, proven.mails
        self._began = proven.began
        self.at = proven.register
        """Sequence of the newest message that was followed."""
        self._books = Books(report, proven.books)
        self._beside = Beside(report, proven.beside)
        self._repeats = Repeats(bus, report, seen)
        self._deemings = Deemings(report, agencies)
        arriving = letters(
            bus, sorted(ends.years.items()), report.agency, report, progress, octets=proven.octets, after=proven.newest
        )
        self._coverage = Coverage(bus, report, arriving, ends.years, ends.reached, proven.newest)
        subjects = [f"order.v1.{kind}.{token}" for kind in SUBJECTS]
        given = messages(bus, ORDERS.family, subjects, after=proven.orders.read, last=ends.orders)
        self._orders = Orders(report, given, ends.orders, proven.orders)
        self._moves = Moves(bus, report, proven.halves)
        self._ledger = Ledger(proven.pages)
        self._heads = Heads(bus, report, self._books, signatures, proven.published)
        self._receipts = Receipts(bus, report, self._ledger, self._heads)
        self._given_up, self._refusals = GivenUp(proven.given_up), Refusals(proven.refused)
        self._heads_read = self._cursor(f"sign.v1.checkpoint.{token}.>", self._head, proven.heads)
        self._receipts_read = self._cursor(
            f"sign.v1.receipt.{token}", self._receipt, proven.receipts, headers_only=not proven.octets
        )

    async def run(self, pause: Callable[[], Awaitable[None]], head_seconds: float) -> None:
        """Follow it to its end. `pause` is called where what was followed can be kept. Raises the errors of the bus."""
        try:
            await self._read_dead()
            await self._follow(pause)
            await self._finish(head_seconds)
        finally:
            await self._heads_read.close()
            await self._receipts_read.close()

    @property
    def whole(self) -> bool:
        """Whether nothing is open that a problem would come of."""
        return self._report.holds and self._books.whole and self._coverage.whole

    def kept(self, proven_at: str) -> Proven:
        """What was proven so far, to go on from."""
        return Proven(
            octets=self._octets,
            streams=self._ends.created,
            proven_at=proven_at,
            began=self._began,
            register=self.at,
            books=list(self._books.all.values()),
            beside=self._beside.open,
            newest=self._coverage.newest,
            orders=self._orders.state,
            halves=self._moves.halves,
            pages=self._ledger.pages,
            published=self._heads.published,
            seen=self._seen.state,
            given_up=self._given_up.rows,
            refused=self._refusals.of,
            dead=self._dead,
            receipts=self._receipts_read.at,
            heads=self._heads_read.at,
            mails=self._mails_at,
            counts=self._report.counts,
        )

    def _cursor(self, subject: str, take: Take, after: int, *, headers_only: bool = False) -> Cursor:
        found = batches(
            self._bus, FINDINGS.family, [subject], after=after, last=self._ends.receipts, headers_only=headers_only
        )
        return Cursor(found, take, after)

    async def _read_dead(self) -> None:
        subjects = [f"dead.v1.sign.{self._token}", f"dead.v1.register.{self._token}"]
        async for message in messages(self._bus, DEAD.family, subjects, after=self._dead, last=self._ends.dead):
            (self._refusals if message.subject.startswith("dead.v1.register.") else self._given_up).take(message)
        self._dead = self._ends.dead

    async def _follow(self, pause: Callable[[], Awaitable[None]]) -> None:
        last, token = self._ends.register, self._token
        subjects = [f"{BOOK}{token}.>", f"{RECORD}{token}", f"{GUARD}{token}.>", f"{NOTICE}{token}"]
        found = batches(
            self._bus,
            REGISTER.family,
            subjects if self._report.agency else ["register.v1.>"],
            after=self._start,
            last=last,
        )
        async with aclosing(found):
            async for batch in found:
                for message in batch:
                    if message.sequence % SAID_EVERY == 0:
                        self._progress(REGISTER.family, message.sequence, last)
                    if message.subject.startswith(BOOK):
                        await self._row(message)
                    else:
                        await self._other(message)
                self.at = batch[-1].sequence
                await self._heads_read.go(over=False)
                await self._receipts_read.go(over=False)
                await pause()
        self.at = last
        self._progress(REGISTER.family, last, last)

    async def _row(self, message: Message) -> None:
        book, row = self._books.row(message)
        if row is None:
            return
        where = book.where(message, getattr(row, "number", None))
        named = getattr(row, "order", None)
        order = await self._orders.carried_out(row, named, where) if named is not None else None
        if isinstance(row, LetterEntered):
            await self._entered(row, message, where)
            self._beside.row(row, order)
        elif isinstance(row, EntryCorrected):
            self._beside.row(row, order)
        elif isinstance(row, EntryMoved):
            await self._moves.row(row, message.body, where)

    async def _entered(self, row: LetterEntered, message: Message, where: str) -> None:
        self._deemings.check(row, where)
        await self._repeats.row(row, message.sequence, message.stored_ns, where)
        if row.moved_from is not None:
            await self._moves.row(row, message.body, where)
        elif row.channel == "mail":
            await self._coverage.account(row, where)
            if row.position is not None:
                self._ledger.enter(row.position, message.sequence, message.body)
        elif row.order is None:
            self._report.broken("order_effect", where, "did not come by mail, and names no order that entered it")

    async def _other(self, message: Message) -> None:
        try:
            event: Event = codec.decode(message.body, LetterRecorded, LetterGuarded, NoticeKept)
        except codec.UndecodableError as error:
            self._report.broken("row", str(message), f"{message.subject}: cannot be read: {error}")
            return
        if event.nats_subject != message.subject:
            self._report.broken("row", str(message), f"lies at {message.subject}, but says {event.nats_subject}")
        if isinstance(event, LetterRecorded):
            self._beside.record(event, message)
        elif isinstance(event, LetterGuarded):
            self._beside.guard(event, message)
        elif isinstance(event, NoticeKept):
            self._report.counts.notices += 1
            where = f"{event.agency} notice ({message})"
            self._repeats.notice(event, where)
            await self._coverage.account(event, where)

    async def _head(self, message: Message, over: bool) -> bool:
        return await self._heads.take(message, over=over)

    async def _receipt(self, message: Message, over: bool) -> bool:
        if message.sequence % SAID_EVERY == 0:
            self._progress(FINDINGS.family, message.sequence, self._ends.receipts)
        return await self._receipts.take(message, self._coverage.newest, over=over)

    async def _finish(self, head_seconds: float) -> None:
        ends = self._ends
        self._books.finish()
        self._beside.finish()
        await self._coverage.finish()
        await self._heads_read.go(over=True)
        await self._receipts_read.go(over=True)
        self._progress(FINDINGS.family, ends.receipts, ends.receipts)
        self._receipts.finish(ends.settled, self._given_up)
        self._heads.finish(ends.settled, head_seconds, self._agencies)
        await self._orders.finish(ends.carried, self._refusals.of, self._books.all)
        self._moves.finish()
        await self._read_mails()

    async def _read_mails(self) -> None:
        mails = Mails(self._report)
        newest = max(self._coverage.newest, self._coverage.reached)
        found = messages(
            self._bus,
            RECEIPTS.family,
            [f"notify.v1.receipted.{self._token}"],
            after=self._mails_at,
            last=self._ends.mails,
        )
        async for message in found:
            mails.take(message, newest)
        self._mails_at = self._ends.mails
