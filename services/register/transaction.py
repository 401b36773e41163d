"""Drives the core against NATS: one atomic batch after the other, until what was read is dealt with.

What is decided, and what a driver has to guarantee, stands in core.py.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Final

import msgspec

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.register import LetterRecorded
from contracts.values import instant
from services.register import log, metrics
from services.register.agencies import Agencies
from services.register.assessment import Assessment, assess, nobody
from services.register.core import Core
from services.register.earlier import Earlier
from services.register.envelope import EnvelopeError, enveloped
from services.register.intake import Letter, OrderRead
from services.register.known import Known
from services.register.memory import Memory
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
from services.register.standings import Standings
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.errors import Busy, Conflict, Unavailable

CLUSTER_SECONDS: Final = 3.0
CLUSTER_MESSAGES: Final = 100
"""A cluster stores more messages than that a second; an answer that comes later than this is given up, which is
harmless: what is stored all the same is seen when the register is read again."""

ReadOrders = Callable[[int], Awaitable[list[OrderRead]]]
"""Reads the orders up to a sequence of ORDERS that have not been handed over yet."""


class Transaction:
    """Carries letters and orders into the register."""

    def __init__(self, bus: Bus, known: Known, agencies: Agencies, orders_up_to: ReadOrders) -> None:
        self._bus = bus
        self._agencies = agencies
        self._orders_up_to = orders_up_to
        self._memory = Memory(bus)
        self._earlier = Earlier(self._memory)
        self._standings = Standings(bus, self._memory)
        self._core = Core(known, _salt, _seal, time.time)
        self._connection = bus.nc.stats["reconnects"]

    async def begin(self) -> None:
        """Read how far the register has got. To be called once, before any letter is read."""
        await self._drive(self._core.begin())

    async def carry_out(self, letters: Sequence[Letter], orders: Sequence[OrderRead]) -> None:
        """Number `letters`, in their order, after `orders`; return when all of it is in the register.

        Raises OvertakenError and the errors of the bus: what was not done by then has to be read again behind
        `known.reached`, with a transaction and a `Known` of their own.
        """
        await self._drive(self._core.carry_out([await self._assess(letter) for letter in letters], orders))

    async def _drive(self, work: Generator[Request, Any, None]) -> None:
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                request = work.send(answer) if error is None else work.throw(error)
                answer, error = None, None
                try:
                    answer = await self._answer(request)
                except Conflict as conflict:
                    metrics.CONFLICTS.inc()
                    log.conflict(str(conflict))
                    error = conflict
                except Busy as busy:
                    error = busy
        except StopIteration:
            return
        finally:
            work.close()

    async def _answer(self, request: Request) -> object:
        memory = self._memory
        match request:
            case Commit():
                return await self._commit(request.batch)
            case Refuse():
                await self._refuse(request.refusal)
            case Ends():
                return await memory.ends(request.books)
            case Notices():
                return await memory.notices(request.agencies)
            case Guards():
                return await memory.guarded(request.letters)
            case LastSequence():
                self._check_connection()
                return await memory.last()
            case ReachedAsked():
                return await memory.reached()
            case Opening():
                return await memory.opening(request.agency)
            case OrdersUpTo():
                return await self._orders_up_to(request.sequence)
            case AgencyAsked():
                return await self._agencies.get(request.agency)
            case EarlierOrder():
                return await self._earlier.find(request.order)
            case EntryAsked():
                return await self._standings.find(request.book, request.number)
            case Pause():
                await asyncio.sleep(request.seconds)
        return None

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

    def _patience(self, messages: int) -> float:
        """A leader that died answers nothing: on a cluster nobody waits longer than a living one would take."""
        if self._bus.settings.replicas == 1:
            return self._bus.timeout
        return min(self._bus.timeout, CLUSTER_SECONDS + messages / CLUSTER_MESSAGES)

    async def _commit(self, batch: Batch) -> int:
        self._check_connection()
        started = time.perf_counter()
        last = await commit(self._bus.nc, batch.messages, self._patience(len(batch.messages)))
        self._standings.stored(batch, last.sequence)
        _count(batch, time.perf_counter() - started)
        return last.sequence

    def _check_connection(self) -> None:
        # After a reconnect nothing that is known may be true: the server can have come back with an older store.
        if self._bus.nc.stats["reconnects"] != self._connection:
            raise Unavailable("the connection was lost")

    async def _refuse(self, refusal: Refusal) -> None:
        order = refusal.order
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
        metrics.REFUSED_ORDERS.inc()
        log.refused(order.subject, str(order.position), refusal.reason)


def _count(batch: Batch, seconds: float) -> None:
    metrics.COMMIT.observe(seconds)
    if batch.letters:
        metrics.BATCH.observe(batch.letters)
    for series, count in batch.series.items():
        metrics.NUMBERS.labels(series).inc(count)
    for kind, count in batch.kinds.items():
        metrics.NOTICES.labels(kind).inc(count)
    for kind, count in batch.carried.items():
        metrics.ORDERS.labels(kind).inc(count)
    if batch.carried:
        log.carried_out(batch.carried, str(batch.reached.orders), seconds)
    if batch.numbered:
        book, (_, end) = max(batch.ends.items(), key=lambda item: item[1][0])
        log.numbered(batch.letters, len(batch.numbered), book, end.number, batch.numbered[-1], seconds)
    elif batch.letters:
        log.noticed(batch.letters, seconds)


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
