"""A service's durable consumers, watched: FastStream notices neither one that is deleted nor a connection that is lost.

A deleted consumer is a silent hot loop, a connection that ended for good a frozen event loop, and a reconnect that was
refused for what FastStream holds to be final is never tried again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from msgspec import Struct

from contracts.event import Event
from contracts.streams import Consumer
from services.runtime import metrics
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Missing
from services.runtime.readiness import Readiness

WATCH_SECONDS = 5.0
STALLED_SECONDS = 60.0
"""Messages wait, nobody works, nothing is delivered for so long: the pull loop is broken."""

PART = "consumers"


class ConsumerLost(Exception):  # noqa: N818 - what happened
    """The consumer is gone, stalled, or its connection ended: the process has to start anew."""


class Binding(Struct, kw_only=True):
    """One consumer and who carries out what it delivers."""

    consumer: Consumer
    handler: Callable[[Any], Awaitable[None]]
    kinds: tuple[type[Event], ...]
    deadline: float
    workers: int
    active: int = 0
    """Handlers at work."""
    moved: float = 0.0
    """When a message was last taken or settled."""


class Watch:
    """Looks at the consumers of one service, and says in `readiness` how they are."""

    def __init__(self, bus: Bus, readiness: Readiness, bindings: Sequence[Binding]) -> None:
        self._bus = bus
        self._readiness = readiness
        self._bindings = bindings
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def say_lost(self, reason: str) -> None:
        """End `run` with ConsumerLost."""
        if not self._lost.done():
            self._lost.set_result(reason)

    async def wait_for_consumers(self, stop: asyncio.Event) -> bool:
        """Wait until all are provisioned; False if `stop` was set first."""
        while not stop.is_set():
            missing = []
            try:
                for binding in self._bindings:
                    try:
                        await self._info(binding.consumer)
                    except Missing:
                        missing.append(f"{binding.consumer.durable} is not provisioned")
            except BusError as error:
                missing.append(str(error))
            if not missing:
                return True
            self._readiness.set(PART, ready=False, reason="; ".join(missing))
            await _first(WATCH_SECONDS / 5, stop.wait())
        return False

    async def run(self, stop: asyncio.Event, connected: Callable[[], bool]) -> None:
        """Look until `stop` is set; `connected` tells of FastStream's connection. Raises ConsumerLost."""
        for binding in self._bindings:
            binding.moved = time.monotonic()
        away_since: float | None = None
        self._readiness.set(PART, ready=True)
        while not stop.is_set():
            await _first(WATCH_SECONDS, stop.wait(), asyncio.shield(self._lost))
            if stop.is_set():
                return
            if self._lost.done():
                raise ConsumerLost(self._lost.result())
            try:
                for binding in self._bindings:
                    await self._look_at(binding)
            except Missing as error:
                raise ConsumerLost(f"a consumer was deleted: {error}") from error
            except BusError as error:
                self._readiness.set(PART, ready=False, reason=str(error))
                continue
            # Our own connection answers; FastStream's may have stopped trying, which it tells nobody.
            away_since = None if connected() else away_since or time.monotonic()
            if away_since is not None and time.monotonic() - away_since > STALLED_SECONDS:
                raise ConsumerLost("the connection of the consumers does not come back")
            self._readiness.set(PART, ready=away_since is None, reason="the consumers are not connected")

    async def _look_at(self, binding: Binding) -> None:
        info = await self._info(binding.consumer)
        metrics.PENDING.labels(binding.consumer.durable).set(info["num_pending"])
        waiting = info["num_pending"] > 0 and info["num_ack_pending"] < binding.consumer.max_ack_pending
        if not waiting or binding.active:
            binding.moved = time.monotonic()
        elif time.monotonic() - binding.moved > STALLED_SECONDS:
            raise ConsumerLost(f"{binding.consumer.durable}: {info['num_pending']} messages wait and none is delivered")

    async def _info(self, consumer: Consumer) -> dict[str, Any]:
        return await self._bus.api(f"CONSUMER.INFO.{consumer.stream}.{consumer.durable}")


async def _first(seconds: float, *waits: Awaitable[object]) -> None:
    """Wait until one of `waits` is over, at most `seconds`."""
    tasks: Iterable[asyncio.Future[object]] = [asyncio.ensure_future(cast("Any", wait)) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
