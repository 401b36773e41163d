"""Numbers: one atomic batch after the other, until what was read is dealt with.

1. assess       letter or notice, series, deemed time, year          (assessment.py, pure)
2. learn        the ends of the books that are not known yet         (memory.py)
3. number       rows, records, guards, notices of one batch          (numbering.py, pure)
4. refuse       orders that cannot be carried out, to DEAD           before any row says they were reached
5. commit       all or nothing, with the sequence each book must end at

crash before 5 ends     nothing is stored, or all of it; the position reached is in it, so neither is done twice
conflict in 5           nothing is stored: guards, ends and positions are read again, and what somebody else has
                        numbered in the meantime is left out
no answer to 5          the same; if it is stored after all, what is read again shows it
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.register import LetterRecorded
from contracts.streams import BATCH_LETTERS
from contracts.values import instant
from services.register import log, metrics, numbering
from services.register.agencies import Agencies
from services.register.assessment import Assessment, assess, nobody
from services.register.envelope import EnvelopeError, enveloped
from services.register.intake import Letter, OrderRead
from services.register.known import Known, at_or_before
from services.register.memory import Memory
from services.register.numbering import Batch
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.errors import Busy, Conflict, Unavailable

BUSY_SECONDS: Final = 0.25
"""A batch that somebody abandoned holds one of the server's places for 10 s."""

CONFLICTS: Final = 20
"""So many in a row are no race any more; the worker starts afresh from what REGISTER says."""

OrdersUpTo = Callable[[int], Awaitable[list[OrderRead]]]
"""Reads the orders up to a sequence of ORDERS that have not been handed over yet."""


class OvertakenError(Exception):
    """Conflict after conflict: somebody else numbers, or what we read is not what is stored."""


class Transaction:
    """Carries letters and orders into the register."""

    def __init__(self, bus: Bus, known: Known, agencies: Agencies, orders_up_to: OrdersUpTo) -> None:
        self._bus = bus
        self._known = known
        self._agencies = agencies
        self._orders_up_to = orders_up_to
        self._memory = Memory(bus)
        self._refused: set[int] = set()
        self._connection = bus.nc.stats["reconnects"]

    async def begin(self) -> None:
        """Read how far the register has got. To be called once, before any letter is read."""
        self._known.last = await self._memory.last()
        for reached in await self._memory.reached():
            self._known.reach(reached)

    async def carry_out(self, letters: Sequence[Letter], orders: Sequence[OrderRead]) -> None:
        """Number `letters`, in their order, after `orders`; return when all of it is in the register.

        Raises the errors of the bus: what was not done by then has to be read again behind `known.reached`.
        """
        assessed = [await self._assess(letter) for letter in letters]
        given = list(orders)
        conflicts = 0
        while assessed or given:
            try:
                given = await self._learn(assessed, given)
                assessed, given = self._left(assessed, given)
                if not assessed and not given:
                    break
                batch = await self._commit(assessed, given)
            except Conflict as error:
                conflicts += 1
                metrics.CONFLICTS.inc()
                log.conflict(str(error))
                if conflicts >= CONFLICTS:
                    raise OvertakenError(str(error)) from error
                await self._look_again(assessed)
                continue
            except Busy:
                await asyncio.sleep(BUSY_SECONDS)
                continue
            assessed, given, conflicts = assessed[batch.letters :], given[batch.orders :], 0
        self._refused.clear()

    async def _assess(self, letter: Letter) -> Assessment:
        agency = await self._agencies.get(letter.event.agency)
        if letter.unreadable:
            metrics.UNREADABLE.inc()
            log.unreadable(str(letter.position), letter.event.agency)
        try:
            return assess(letter, agency)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not stop the mailbox: numbered, and said so
            log.assessment_failed(str(letter.position), repr(error))
            bare = msgspec.structs.replace(
                letter,
                unreadable=True,
                event=msgspec.structs.replace(letter.event, lines=type(letter.event.lines)(), labels=(), cut=()),
            )
            return assess(bare, nobody(agency.id))

    async def _learn(self, letters: Sequence[Assessment], orders: list[OrderRead]) -> list[OrderRead]:
        """Make sure that `known` has the ends of what the next batch writes to; returns the orders to carry out."""
        known = self._known
        while True:
            books, agencies = numbering.needs(letters[:BATCH_LETTERS], orders)
            unknown_books = sorted(books - known.ends.keys())
            unknown_notices = sorted(agencies - known.notices.keys())
            ends = await self._memory.ends(unknown_books)
            for agency, (sequence, reached) in (await self._memory.notices(unknown_notices)).items():
                known.notices[agency] = sequence
                known.reach(reached)
            for book, end in ends.items():
                known.ends[book] = end
                known.reach(end.reached)
            fresh = {book.split(".")[3] for book, end in ends.items() if not end.sequence}
            before = len(orders)
            for agency in sorted(fresh):
                # An order to open this book may lie in ORDERS and not have been delivered yet.
                orders += await self._orders_up_to(await self._memory.opening(agency))
            if len(orders) == before:
                return orders

    def _left(
        self, letters: Sequence[Assessment], orders: Sequence[OrderRead]
    ) -> tuple[list[Assessment], list[OrderRead]]:
        """What is not behind the position reached: somebody else may have done it."""
        reached = self._known.reached
        return (
            [letter for letter in letters if not at_or_before(letter.position, reached.mail)],
            [order for order in orders if not at_or_before(order.position, reached.orders)],
        )

    async def _commit(self, letters: Sequence[Assessment], orders: Sequence[OrderRead]) -> Batch:
        formats = {order.agency: (await self._agencies.get(order.agency)).number_format for order in orders}
        batch = numbering.number(letters, orders, self._known, formats, _salt, _seal)
        for refusal in batch.refusals:
            await self._refuse(refusal)
        if not batch.messages:
            self._known.reach(batch.reached)
            return batch
        self._check_connection()
        started = time.perf_counter()
        last = await commit(self._bus.nc, batch.messages, self._bus.timeout)
        batch.stored(self._known, last.sequence, time.time())
        self._count(letters[: batch.letters], batch, time.perf_counter() - started)
        return batch

    async def _look_again(self, letters: Sequence[Assessment]) -> None:
        """Read again what may have changed; the last sequence first, so that what comes after it conflicts again."""
        self._check_connection()
        known = self._known
        known.last = await self._memory.last()
        guards = {
            (letter.letter.event.agency, letter.letter.event.mail)
            for letter in letters[:BATCH_LETTERS]
            if letter.notice is None and letter.letter.event.mail not in known.numbered
        }
        known.numbered.add(await self._memory.guarded(sorted(guards)), time.time())
        known.forget()
        for reached in await self._memory.reached():
            known.reach(reached)

    def _check_connection(self) -> None:
        # After a reconnect nothing that is known may be true: the server can have come back with an older store.
        if self._bus.nc.stats["reconnects"] != self._connection:
            raise Unavailable("the connection was lost")

    async def _refuse(self, refusal: numbering.Refusal) -> None:
        order = refusal.order
        if order.position.sequence in self._refused:
            return  # a conflict made us build this batch again
        event = MessageGivenUp(
            agency=order.agency,
            service="register",
            consumer="",
            source=order.position,
            subject=order.subject,
            reason=refusal.reason,
            attempts=1,
            given_up_at=instant(time.time_ns()),
        )
        await self._bus.publish(event)
        self._refused.add(order.position.sequence)
        metrics.REFUSED_ORDERS.inc()
        log.refused(order.subject, str(order.position), refusal.reason)

    def _count(self, letters: Sequence[Assessment], batch: Batch, seconds: float) -> None:
        metrics.COMMIT.observe(seconds)
        if letters:
            metrics.BATCH.observe(len(letters))
        for series, count in batch.series.items():
            metrics.NUMBERS.labels(series).inc(count)
        for kind, count in batch.kinds.items():
            metrics.NOTICES.labels(kind).inc(count)
        if batch.numbered:
            book, (_, end) = max(batch.ends.items(), key=lambda item: item[1][0])
            log.numbered(len(letters), len(batch.numbered), book, end.number, batch.numbered[-1], seconds)
        else:
            log.noticed(len(letters), seconds)


def _salt() -> bytes:
    return secrets.token_bytes(32)


def _seal(clear: LetterRecorded, certificate: str) -> str | None:
    if not certificate:
        log.envelope_failed(clear.agency, "the directory names no registrar_certificate")
        return None
    try:
        return enveloped(codec.encode(clear), certificate)
    except EnvelopeError as error:
        log.envelope_failed(clear.agency, str(error))
        return None
