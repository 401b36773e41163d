"""The active worker: holds the lease, reads, numbers; starts afresh from what REGISTER says whenever in doubt."""

import asyncio
import time
from typing import Final

from services.register import log, metrics
from services.register.agencies import Agencies
from services.register.core import OvertakenError
from services.register.intake import OrderRead
from services.register.known import Known
from services.register.memory import BookDamagedError
from services.register.reader import MailReader, OrderReader, StreamBehindError
from services.register.told import OlderThanToldError, told
from services.register.transaction import Transaction
from services.register.waiting import unless, within
from services.runtime import settings
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable
from services.runtime.lease import Lease
from services.runtime.readiness import Readiness

TICK_SECONDS: Final = 0.5
"""So often an idle worker looks whether all is well. Letters do not wait for it."""

FIRST_PAUSE_SECONDS: Final = 0.1
LAST_PAUSE_SECONDS: Final = 5.0

_TROUBLE = (BusError, BookDamagedError, OlderThanToldError, StreamBehindError, OvertakenError)


class Worker:
    """One register worker. `run` returns when `stop` is set."""

    def __init__(
        self, bus: Bus, agencies: Agencies, lease: Lease, readiness: Readiness, config: settings.Register
    ) -> None:
        self._bus = bus
        self._agencies = agencies
        self._lease = lease
        self._readiness = readiness
        self._config = config
        self._oldest_ns: int | None = None
        self._reason = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by until the lease is free, then number until it is lost; again and again."""
        measuring = asyncio.create_task(self._measure(), name="lag")
        try:
            while not stop.is_set():
                metrics.LEASE_HELD.set(0)
                self._readiness.set("register", True)
                log.standing_by()
                if not await unless(stop, self._lease.acquire()):
                    break
                metrics.LEASE_HELD.set(1)
                keeping = asyncio.create_task(self._lease.keep(), name="lease")
                try:
                    await self._hold(stop)
                finally:
                    keeping.cancel()
                    await asyncio.wait({keeping})
                    await self._lease.release()
        finally:
            metrics.LEASE_HELD.set(0)
            measuring.cancel()

    async def _hold(self, stop: asyncio.Event) -> None:
        """Number as long as the lease is held; trouble makes a pause, and what is known is thrown away."""
        pause = FIRST_PAUSE_SECONDS
        while self._lease.held and not stop.is_set():
            began = time.monotonic()
            try:
                await self._number(stop)
            except _TROUBLE as error:
                self._blocked(error)
            if time.monotonic() - began > LAST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS  # it had gone well for a while
            await unless(stop, asyncio.sleep(pause))
            pause = min(pause * 2, LAST_PAUSE_SECONDS)
        self._oldest_ns = None
        metrics.WAITING.set(0)

    async def _number(self, stop: asyncio.Event) -> None:
        """One session: from what REGISTER says, until the lease is lost, `stop` is set, or something is wrong."""
        arrived = asyncio.Event()
        known = Known(self._config.remembered)

        async def orders_up_to(sequence: int) -> list[OrderRead]:
            return await _orders_up_to(orders, sequence, self._bus.timeout)

        transaction = Transaction(self._bus, known, self._agencies, orders_up_to)
        known_to_others = await told(self._bus)  # first: what is told has its row by then
        await transaction.begin()
        known_to_others.check(known)
        mail = MailReader(self._bus, known.reached.mail, arrived, self._config.fetch)
        orders = OrderReader(self._bus, known.reached.orders, arrived)
        log.active(str(known.reached.mail or "the beginning"))
        try:
            while self._lease.held and not stop.is_set():
                arrived.clear()
                given = await orders.take()
                letters = await mail.take(self._config.fetch)
                self._oldest_ns = letters[0].stored_ns if letters else mail.oldest_ns
                metrics.WAITING.set(len(letters) + mail.waiting)
                if given or letters:
                    await transaction.carry_out(letters, given)
                    self._oldest_ns = mail.oldest_ns
                    metrics.WAITING.set(mail.waiting)
                elif not mail.buffered:
                    await within(arrived, TICK_SECONDS)
                self._unblocked()
        finally:
            await mail.close()
            await orders.close()

    def _blocked(self, error: Exception) -> None:
        reason = str(error) or repr(error)
        self._readiness.set("register", False, reason)
        if reason != self._reason:
            self._reason = reason
            log.blocked(reason)

    def _unblocked(self) -> None:
        if self._reason:
            self._reason = ""
            log.unblocked()
        self._readiness.set("register", True)

    async def _measure(self) -> None:
        while True:
            oldest = self._oldest_ns
            metrics.LAG.set(max(0.0, (time.time_ns() - oldest) / 1e9) if oldest is not None else 0.0)
            await asyncio.sleep(1.0)


async def _orders_up_to(orders: OrderReader, sequence: int, timeout: float) -> list[OrderRead]:
    found: list[OrderRead] = []
    deadline = time.monotonic() + timeout
    while not orders.reads_up_to(sequence):
        if time.monotonic() > deadline:
            raise Unavailable(f"order {sequence} was not delivered")
        taken = await orders.take()
        found += taken
        if not taken:
            await within(orders.arrived, TICK_SECONDS)
            orders.arrived.clear()
    return found
