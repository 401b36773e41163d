"""The pure core over MAIL and ORDERS once more, held against what REGISTER says, and beyond its end against receipts.

What must be equal: which letter has a row and which a notice, in which book, under which number, with which digest,
size, instant, place in MAIL and, where the calendar is still the same, deemed time; which order wrote which row; and
every signed head. What cannot be known from MAIL and ORDERS: the salts, so the digests of records and by them the
links; how far the register had read when it wrote (`reached`); what the directory said then. Those are taken from the
octets that are left, in REGISTER or in final receipts, and the links prove them.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.event import Position, Reached
from contracts.register import BookOpened, BookRow, LetterEntered, LetterRecorded, NoticeKept
from services.rebuild.chains import Chains
from services.rebuild.evidence import Evidence, Place
from services.rebuild.log import KINDS, Log, Written
from services.rebuild.report import Addition, Differs, Report
from services.register.agencies import Agencies
from services.register.assessment import Assessment, assess
from services.register.core import Core
from services.register.intake import Letter, OrderRead
from services.register.known import Known, Numbered
from services.register.page import Batch, Refusal
from services.register.requests import (
    AgencyAsked,
    Commit,
    EarlierOrder,
    Ends,
    EntryAsked,
    Guards,
    LastSequence,
    Notices,
    Opening,
    OrdersUpTo,
    Pause,
    ReachedAsked,
    Refuse,
    Request,
)
from services.runtime.batch import Outgoing

NOT_KNOWN: Final = ("record", "previous", "reached")
NOT_COMPARED: Final = ("number_text", "number_format", "rules")
"""The directory's words and our version's, of the day on which the row was written."""


class Extent(Struct, frozen=True):
    """How far the streams go."""

    register: int
    """What is missing is written behind it."""
    orders: int
    """Orders up to here the register does not read again, by what REGISTER and DEAD say."""


class Replay:
    """One run over everything."""

    def __init__(
        self,
        agencies: Agencies,
        evidence: Evidence,
        log: Log,
        orders: Sequence[OrderRead],
        extent: Extent,
        report: Report,
    ) -> None:
        self._agencies = agencies
        self._evidence = evidence
        self._log = log
        self._orders = list(orders)
        self._given = 0
        self._ids: dict[tuple[str, str], Position] = {}
        self._end = extent.register
        self._read_already = extent.orders
        self._report = report
        self._chains = Chains(self._orders, evidence.heads, report)
        self._known = Known(remembered=10_000_000, books=10_000_000)
        self._core = Core(self._known, lambda: secrets.token_bytes(32), lambda clear, pem: None, lambda: self._now)
        self._now = 0.0
        self._place: Place = ("", 0)

    async def run(self, letters: AsyncIterator[Letter]) -> None:
        """Replay `letters`, oldest first. Raises Differs."""
        async for letter in letters:
            place = (letter.position.stream, letter.position.sequence)
            await self._erased(before=place)
            await self._ordered()
            if await self._log.peek() is None and place > self._evidence.last:
                break  # nobody has heard of it yet: the register numbers it when it runs
            await self._orders_before(place)
            self._place = place
            ahead = await self._log.peek()
            self._now = (ahead[0].stored_ns if ahead else letter.stored_ns) / 1e9
            agency = await self._agencies.get(letter.event.agency)
            await self._drive([assess(letter, agency)], [])
        await self._erased(before=("~", 0))
        await self._ordered()
        await self._orders_behind()
        left = await self._log.peek()
        if left is not None:
            raise Differs(f"{left[0]}: MAIL and ORDERS give no such message")
        self._report.problems += self._chains.unmet()

    async def _ordered(self) -> None:
        """Carry out the orders whose rows are the next ones."""
        while (sequence := await self._log.next_order()) is not None:
            ahead = await self._log.peek()
            self._now = ahead[0].stored_ns / 1e9 if ahead else self._now
            before = ahead
            await self._give(sequence)
            if await self._log.peek() is before:
                raise Differs(f"{ahead and ahead[0]}: order {sequence} gives no such row")

    async def _orders_before(self, place: Place) -> None:
        """Those that were dealt with before the letter, by what its row or notice says."""
        ahead = await self._log.peek()
        if ahead is not None:
            reached = ahead[1].reached
        elif place in self._evidence.rows:
            reached = codec.decode(self._evidence.rows[place], LetterEntered).reached
        else:
            return
        if reached.orders is not None:
            await self._give(reached.orders.sequence)

    async def _orders_behind(self) -> None:
        """Those behind all letters: as long as heads speak of more rows, or the register would pass them over."""
        while await self._log.peek() is None and self._given < len(self._orders):
            sequence = self._orders[self._given].position.sequence
            if sequence > self._read_already and not self._chains.unmet():
                break  # it carries it out when it runs
            await self._give(sequence)

    async def _give(self, last: int) -> None:
        while self._given < len(self._orders) and self._orders[self._given].position.sequence <= last:
            read = self._orders[self._given]
            self._given += 1
            sequence = read.position.sequence
            if sequence in self._evidence.refused.of and sequence != await self._log.next_order():
                self._earlier(read)  # one that is given again later repeats it
                self._known.reach(Reached(orders=read.position))
            else:
                await self._drive([], [read])

    def _earlier(self, read: OrderRead) -> Position | None:
        """Where the same order was given before."""
        first = self._ids.setdefault((read.subject, read.order.id if read.order else ""), read.position)
        return first if first.sequence < read.position.sequence else None

    async def _erased(self, before: Place) -> None:
        """Letters that REGISTER speaks of and MAIL does not hold any more: their rows are taken as they are."""
        while (place := await self._log.next_letter()) is not None and place < before:
            while True:
                found = await self._log.take()
                assert found is not None  # next_letter has seen it
                message, event = found
                self._take(event, message.subject, message.body, message.sequence, message.stored_ns / 1e9, None)
                if not isinstance(event, BookOpened):
                    break
            self._report.erased += 1
            await self._ordered()

    # -- the core's driver --------------------------------------------------------------------------------------------

    async def _drive(self, letters: list[Assessment], orders: list[OrderRead]) -> None:
        known = self._known
        known.forget()
        known.last = self._chains.last if await self._log.peek() else max(self._end, self._chains.last)
        known.reach(self._chains.reached)
        known.numbered = Numbered(bound=1_000)
        known.numbered.add(
            [mail for one in letters if self._chains.guarded(mail := one.letter.event.mail, self._now)], self._now
        )
        work = self._core.carry_out(letters, orders)
        answer: Any = None
        try:
            while True:
                answer = await self._answer(work.send(answer))
        except StopIteration:
            return
        finally:
            work.close()

    async def _answer(self, request: Request) -> object:
        chains = self._chains
        match request:
            case Commit():
                return await self._commit(request.batch)
            case Ends():
                return {book: chains.end(book) for book in request.books}
            case Notices():
                return {agency: chains.notices.get(agency, (0, chains.reached)) for agency in request.agencies}
            case AgencyAsked():
                return await self._agencies.get(request.agency)
            case EarlierOrder():
                return self._earlier(request.order)
            case EntryAsked():
                return chains.entry(request.book, request.number)
            case LastSequence():
                return self._known.last
            case Opening():
                return 0  # the order is given when what it wrote is the next row
            case Guards() | ReachedAsked() | OrdersUpTo():
                return []
            case Refuse():
                await self._refuse(request.refusal)
            case Pause():
                pass
        return None

    async def _refuse(self, refusal: Refusal) -> None:
        """In the part of REGISTER that is lost an order had its rows, or DEAD says why not."""
        position = refusal.order.position
        if await self._log.peek() is None:
            self._report.problems.append(
                f"the order at {position} cannot be carried out from what is left ({refusal.reason}), and DEAD does "
                "not say that it was refused: what it spoke of is held by nothing any more"
            )

    async def _commit(self, batch: Batch) -> int:
        """Hold the batch against what is written; behind the end of REGISTER it is what has to be written."""
        if await self._log.peek() is None:
            return self._add(batch)
        records = _records(batch)
        for n, message in enumerate(batch.messages):
            if message.subject.split(".")[2] not in ("entered", "notice"):
                continue
            found = await self._log.take()
            if found is None:
                raise Differs(f"{message.subject}: REGISTER ends in the middle of a batch")
            stored, event = found
            made = codec.decode(message.body, *KINDS)
            self._compare(made, event, f"REGISTER:{stored.sequence} {stored.subject}")
            self._take(event, stored.subject, stored.body, stored.sequence, stored.stored_ns / 1e9, records.get(n))
        return self._chains.last if await self._log.peek() else max(self._end, self._chains.last)

    def _add(self, batch: Batch) -> int:
        records, lost = _records(batch), []
        last = max(self._end, self._chains.last)
        messages: list[Outgoing] = []
        for n, message in enumerate(batch.messages):
            kind, body = message.subject.split(".")[2], message.body
            if kind in ("entered", "notice"):
                made: Written = codec.decode(body, *KINDS)
                if isinstance(made, LetterEntered) and made.order is None:
                    made, body = self._from_receipt(made, body)
                    if body is not message.body:
                        lost.append(n + 1)
                elif not isinstance(made, NoticeKept):
                    self._report.carried_again += made.order is not None
                self._take(made, message.subject, body, last + n + 1, self._now, records.get(n))
            elif n in lost:
                body = _nothing(codec.decode(body, LetterRecorded))
            messages.append(Outgoing(message.subject, body, message.headers))
        self._report.additions.append(Addition(messages, [last + n + 1 for n in lost]))
        self._chains.last = last + len(messages)
        return self._chains.last

    def _from_receipt(self, made: LetterEntered, body: bytes) -> tuple[LetterEntered, bytes]:
        told = self._evidence.told.get(self._place)
        if told is not None and (told.series, told.year, told.number) != (made.series, made.year, made.number):
            raise Differs(
                f"the letter at {made.position} would be number {made.number} of {made.series} {made.year}, and a mail "
                f"has told that it is number {told.number} of {told.series} {told.year}"
            )
        octets = self._evidence.rows.get(self._place)
        if octets is None:
            self._report.numbered_again += 1
            return made, body
        row = codec.decode(octets, LetterEntered)
        self._compare(made, row, f"the receipt of the letter at {made.position}")
        self._report.restored += 1
        return row, octets

    def _take(
        self, event: Written, subject: str, body: bytes, sequence: int, now: float, record: LetterRecorded | None
    ) -> None:
        if isinstance(event, NoticeKept):
            self._chains.notice(event, sequence)
        else:
            assert isinstance(event, BookRow)
            self._chains.row(subject, event, body, sequence, now, record)

    def _compare(self, made: Written, written: Written, where: str) -> None:
        one, other = msgspec.to_builtins(made), msgspec.to_builtins(written)
        left_out = {*NOT_KNOWN, *NOT_COMPARED}
        if one.get("calendar") != other.get("calendar"):
            self._report.other_calendars += 1
            left_out |= {"calendar", "deemed_at"}
        wrong = [
            f"{name} is {other.get(name)}, and MAIL and ORDERS give {one.get(name)}"
            for name in sorted(one.keys() | other.keys())
            if name not in left_out and one.get(name) != other.get(name)
        ]
        if wrong:
            raise Differs(f"{where}: {'; '.join(wrong)}")


def _records(batch: Batch) -> dict[int, LetterRecorded]:
    """The record beside each row, by the row's index."""
    return {
        n - 1: codec.decode(message.body, LetterRecorded)
        for n, message in enumerate(batch.messages)
        if message.subject.startswith("register.v1.record.")
    }


def _nothing(record: LetterRecorded) -> bytes:
    """Stands where a record lay whose salt nobody has, until it is erased: says nothing."""
    return codec.encode(
        LetterRecorded(
            agency=record.agency, series=record.series, year=record.year, number=record.number, mail=record.mail,
            salt=record.salt, message_id=None, sender=None, subject=None,
        )
    )  # fmt: skip
