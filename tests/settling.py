"""A settlement at work for a test: what its handler was given, what it owes, what it gave up on."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.orders import ReleaseOrdered
from contracts.streams import NOTIFY_RELEASES, Consumer
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.runtime.readiness import Readiness
from services.runtime.settle import Delivery, Settlement
from tests.waiting import until_it

Handler = Callable[[Delivery[ReleaseOrdered]], Awaitable[None]]


def release(number: int = 1) -> ReleaseOrdered:
    return ReleaseOrdered(
        agency="demo",
        id=secrets.token_hex(16),
        by="Officer",
        reason="asked for",
        given_at="2026-05-29T03:00:00.000000Z",
        series="received",
        year=2569,
        number=number,
    )


class Worker:
    """A running settlement, and what its handler was given."""

    def __init__(self, bus: Bus, settlement: Settlement, readiness: Readiness) -> None:
        self.bus = bus
        self.settlement = settlement
        self.readiness = readiness
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] = asyncio.create_task(settlement.run(self.stop))

    async def pending(self) -> tuple[int, int]:
        info = await self.bus.api(f"CONSUMER.INFO.{NOTIFY_RELEASES.stream}.{NOTIFY_RELEASES.durable}")
        return info["num_pending"], info["num_ack_pending"]

    async def settled(self) -> None:
        """Wait until the consumer owes nothing and is owed nothing."""
        await until_it(self._owes_nothing)

    async def _owes_nothing(self) -> bool:
        return await self.pending() == (0, 0)


@asynccontextmanager
async def working(
    bus: Bus, handler: Handler, consumer: Consumer = NOTIFY_RELEASES, **options: Any
) -> AsyncIterator[Worker]:
    readiness = Readiness("notify")
    settlement = Settlement(bus, readiness)
    settlement.on(consumer, handler, ReleaseOrdered, **options)
    worker = Worker(bus, settlement, readiness)
    try:
        yield worker
    finally:
        worker.stop.set()
        await asyncio.wait({worker.task}, timeout=30)
        assert worker.task.done(), "it did not stop"


async def dead_letters(bus: Bus) -> list[MessageGivenUp]:
    found = []
    last = (await bus.api("STREAM.INFO.DEAD"))["state"]["last_seq"]
    for sequence in range(1, last + 1):
        message = await read_message(bus.nc, "DEAD", sequence)
        assert message is not None
        found.append(codec.decode(message.body, MessageGivenUp))
    return found
