"""The audit: reads the streams once, side by side, in a bounded amount of memory.

What is taken as the end of each stream is asked in an order that makes the audit of a running system sound: a receipt
that was counted as there has its row among those read, and a letter that was reached has its row or notice.
"""

from typing import Any

import msgspec

from contracts import codec
from contracts.directory import Agency
from contracts.event import Event, Position, Reached
from contracts.register import EntryCorrected, LetterEntered, LetterGuarded, LetterRecorded, NoticeKept
from contracts.streams import DIRECTORY, MAIL, REGISTER, SIGN_ENTERED
from services.audit.beside import Beside
from services.audit.book import Books
from services.audit.coverage import Coverage
from services.audit.deemed import Deemings
from services.audit.letters import SAID_EVERY, letters, place
from services.audit.limits import check_limits
from services.audit.orders import check_order
from services.audit.reading import Message, messages
from services.audit.receipts import GivenUp, Ledger, Receipts
from services.audit.repeats import Repeats
from services.audit.report import Progress, Report
from services.runtime.bus import Bus
from services.runtime.errors import Missing

BOOK = "register.v1.entered."
RECORD = "register.v1.record."
GUARD = "register.v1.letter."
NOTICE = "register.v1.notice."


def silent(part: str, done: int, total: int) -> None:
    """Say nothing of the progress."""


async def audit(bus: Bus, agency: str | None = None, progress: Progress = silent, *, octets: bool = True) -> Report:
    """Prove the invariants from the streams alone, of one agency or of all, or say which one is broken.

    Changes nothing. Holds while the system runs: what is on its way is counted as waiting. `octets` reads every
    letter whole and digests it; without, MAIL is read by its headers.

    Raises:
        Unavailable: a stream could not be read to its end; nothing is proven then.
    """
    return await _Audit(bus, agency, progress, octets).run()


class _Audit:
    def __init__(self, bus: Bus, agency: str | None, progress: Progress, octets: bool) -> None:
        self._bus = bus
        self._agency = agency
        self._progress = progress
        self._octets = octets
        self._report = Report(agency=agency)
        self._ledger = Ledger()

    async def run(self) -> Report:
        await check_limits(self._bus, self._report)
        # In this order; see the top.
        settled = await self._settled()
        sealed = await self._last("FINDINGS")
        reached = await self._reached()
        entered = await self._last(REGISTER.family)
        years = await self._years()
        await self._walk(entered, years, reached)
        await self._receipts(sealed, settled)
        return self._report

    async def _walk(self, entered: int, years: dict[str, int], reached: Position | None) -> None:
        """REGISTER and MAIL side by side."""
        report, token = self._report, self._agency or "*"
        books, beside, repeats = Books(report), Beside(report), Repeats(report)
        deemings = Deemings(report, await self._agencies())
        arriving = letters(self._bus, sorted(years.items()), self._agency, report, self._progress, octets=self._octets)
        coverage = Coverage(self._bus, report, arriving, years, reached)
        subjects = [f"{BOOK}{token}.>", f"{RECORD}{token}", f"{GUARD}{token}.>", f"{NOTICE}{token}"]
        async for message in messages(self._bus, REGISTER.family, subjects, last=entered):
            if message.sequence % SAID_EVERY == 0:
                self._progress(REGISTER.family, message.sequence, entered)
            if message.subject.startswith(BOOK):
                await self._row(message, books, beside, repeats, deemings, coverage)
            else:
                await self._other(message, beside, repeats, coverage)
        self._progress(REGISTER.family, entered, entered)
        books.finish()
        beside.finish()
        await coverage.finish()

    async def _row(
        self,
        message: Message,
        books: Books,
        beside: Beside,
        repeats: Repeats,
        deemings: Deemings,
        coverage: Coverage,
    ) -> None:
        book, row = books.row(message)
        if row is None:
            return
        order = getattr(row, "order", None)
        if isinstance(row, LetterEntered):
            where = book.where(message, row.number)
            deemings.check(row, where)
            repeats.row(row, message.stored_ns, where)
            if row.channel == "mail" and row.moved_from is None:
                await coverage.account(row, where)
                if row.position is not None:
                    self._ledger.enter(row.position, message.sequence, message.body)
        if isinstance(row, LetterEntered | EntryCorrected):
            beside.row(row)
        if order is not None:
            await check_order(self._bus, self._report, row, order, book.where(message, getattr(row, "number", None)))

    async def _other(self, message: Message, beside: Beside, repeats: Repeats, coverage: Coverage) -> None:
        try:
            event: Event = codec.decode(message.body, LetterRecorded, LetterGuarded, NoticeKept)
        except codec.UndecodableError as error:
            self._report.broken("row", str(message), f"{message.subject}: cannot be read: {error}")
            return
        if event.nats_subject != message.subject:
            self._report.broken("row", str(message), f"lies at {message.subject}, but says {event.nats_subject}")
        if isinstance(event, LetterRecorded):
            beside.record(event, message)
        elif isinstance(event, LetterGuarded):
            beside.guard(event, message)
        elif isinstance(event, NoticeKept):
            self._report.counts.notices += 1
            where = f"{event.agency} notice ({message})"
            repeats.notice(event, where)
            await coverage.account(event, where)

    async def _receipts(self, sealed: int, settled: int) -> None:
        token = self._agency or "*"
        given_up, receipts = GivenUp(), Receipts(self._report, self._ledger)
        async for message in messages(self._bus, "DEAD", [f"dead.v1.sign.{token}"]):
            given_up.take(message)
        async for message in messages(self._bus, "FINDINGS", [f"sign.v1.receipt.{token}"], last=sealed):
            if message.sequence % SAID_EVERY == 0:
                self._progress("FINDINGS", message.sequence, sealed)
            receipts.take(message)
        self._progress("FINDINGS", sealed, sealed)
        receipts.finish(settled, given_up)

    async def _settled(self) -> int:
        """The last row that sign has settled: all up to it have their receipts, or were given up."""
        try:
            info = await self._bus.api(f"CONSUMER.INFO.{SIGN_ENTERED.stream}.{SIGN_ENTERED.durable}")
        except Missing:
            return 0
        floor: int = info["ack_floor"]["stream_seq"]
        return floor

    async def _last(self, stream: str) -> int:
        info = await self._bus.api(f"STREAM.INFO.{stream}")
        last: int = info["state"]["last_seq"]
        return last

    async def _reached(self) -> Position | None:
        """How far the register has read MAIL: the newest position in the newest row and the newest notice."""
        found: list[Position] = []
        for subject in (f"{BOOK}>", f"{NOTICE}*"):
            try:
                reply = await self._bus.api(f"STREAM.MSG.GET.{REGISTER.family}", {"last_by_subj": subject})
            except Missing:
                continue
            position = _reached(reply["message"].get("data", ""))
            if position is not None:
                found.append(position)
        return max(found, key=place, default=None)

    async def _years(self) -> dict[str, int]:
        """The MAIL streams there are, and the last sequence of each."""
        reply = await self._bus.api("STREAM.NAMES", {"offset": 0})
        names = [name for name in reply.get("streams") or [] if name.startswith(f"{MAIL.family}_")]
        return {name: await self._last(name) for name in sorted(names)}

    async def _agencies(self) -> dict[str, Agency]:
        found: dict[str, Agency] = {}
        subject = f"$KV.{DIRECTORY.name}.agency.{self._agency or '*'}"
        async for message in messages(self._bus, f"KV_{DIRECTORY.name}", [subject], newest_only=True):
            if not message.body:
                continue
            try:
                agency = msgspec.json.decode(message.body, type=Agency, strict=True)
            except msgspec.MsgspecError:
                continue  # the register goes on with the value before it; its hash says which calendar it took
            found[agency.id] = agency
        return found


class _HasReached(msgspec.Struct):
    reached: Reached = Reached()


def _reached(body: str) -> Position | None:
    """The reading position in a row or notice as the API gives it; None where it cannot be read."""
    try:
        raw: Any = msgspec.convert(body, bytes)
        return msgspec.json.decode(raw, type=_HasReached).reached.mail
    except msgspec.MsgspecError:
        return None
