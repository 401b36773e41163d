"""Small letters that wait at the same moment are stored together.

The server syncs message after message: at some 0.4 ms each, 50 waiting letters of 4 KiB take 20 ms. An atomic batch
costs about four syncs whatever it holds, and writes every octet twice, so it pays from a dozen small letters on
(measured: 16 letters 0.28 ms each instead of 0.40, 50 letters 0.13, 100 letters 0.09) and never for large ones. A few
letters always go by themselves: whoever comes alone must not wait for company.
"""

import asyncio
import math
from collections import deque
from typing import Final

from contracts.event import Position
from services.ingest import metrics
from services.runtime import batch, errors
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus

SMALL_OCTETS: Final = 16_384
"""Letters up to this gain by company."""

ALONE: Final = 4
"""So many are under way by themselves, enough that the server is never without work; the others wait for a place."""

COMPANY: Final = 12
"""So many that wait go together."""

MOST: Final = 300

BATCHES: Final = 2
"""The next one travels while the server syncs the one before."""


class _Waiting:
    """A letter without a place."""

    __slots__ = ("deadline", "message", "outcome")

    def __init__(self, message: Outgoing, deadline: float, outcome: "asyncio.Future[Position | None]") -> None:
        self.message = message
        self.deadline = deadline
        self.outcome = outcome
        """Where it lies; None: it has its place, and its own session sends it."""


class Gathering:
    """Gives each letter its place: by itself, or in a batch with others."""

    def __init__(self, bus: Bus, answer_seconds: float = math.inf) -> None:
        """`answer_seconds`: for so long an answer is waited for, whatever the deadline."""
        self._bus = bus
        self._answer_seconds = answer_seconds
        self._queue: deque[_Waiting] = deque()
        self._alone = 0
        self._batches: set[asyncio.Task[None]] = set()

    async def commit(self, message: Outgoing, deadline: float) -> Position:
        """Store one message durably; raises what `runtime.batch.commit` does. `deadline` is in the loop's time."""
        if not self._queue and self._alone < ALONE:
            self._alone += 1
        else:
            position = await self._wait(message, deadline)
            if position is not None:
                return position
        try:
            return await batch.commit(self._bus.nc, (message,), self._left(deadline))
        finally:
            self._alone -= 1
            self._call()

    async def _wait(self, message: Outgoing, deadline: float) -> Position | None:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Position | None] = loop.create_future()
        waiting = _Waiting(message, deadline, outcome)
        self._queue.append(waiting)
        self._call()
        timer = loop.call_at(deadline, self._expire, waiting)
        try:
            return await outcome
        except asyncio.CancelledError:
            if waiting in self._queue:
                self._queue.remove(waiting)
            elif (
                outcome.done() and not outcome.cancelled() and outcome.exception() is None and outcome.result() is None
            ):
                self._alone -= 1  # it had just got its place
                self._call()
            raise
        finally:
            timer.cancel()

    def _expire(self, waiting: _Waiting) -> None:
        if waiting in self._queue:
            self._queue.remove(waiting)
            _settle(waiting.outcome, errors.Unavailable("no place before the deadline; nothing is stored"))

    def _call(self) -> None:
        while self._queue:
            if len(self._queue) >= COMPANY and len(self._batches) < BATCHES:
                company = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
                task = asyncio.create_task(self._together(company))
                self._batches.add(task)
                task.add_done_callback(self._landed)
            elif self._alone < ALONE:
                waiting = self._queue.popleft()
                if not waiting.outcome.done():  # else it was told to stop, and has not heard of it yet
                    self._alone += 1
                    waiting.outcome.set_result(None)
            else:
                return

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._call()

    async def _together(self, company: list[_Waiting]) -> None:
        metrics.COMPANY.observe(len(company))
        messages = [waiting.message for waiting in company]
        try:
            last = await batch.commit(self._bus.nc, messages, self._left(company[0].deadline))
        except (errors.Unavailable, errors.StoreFull) as error:
            for waiting in company:
                _settle(waiting.outcome, error)
        except errors.BusError:
            # Nothing is stored, and perhaps because of one of them: each by itself.
            await asyncio.gather(*(self._by_itself(waiting) for waiting in company))
        except BaseException as error:
            for waiting in company:
                _settle(waiting.outcome, error if isinstance(error, Exception) else errors.Unavailable(repr(error)))
            raise
        else:
            first = last.sequence - len(company) + 1
            for number, waiting in enumerate(company, first):
                if not waiting.outcome.done():
                    waiting.outcome.set_result(Position(stream=last.stream, sequence=number))

    async def _by_itself(self, waiting: _Waiting) -> None:
        try:
            position = await batch.commit(self._bus.nc, (waiting.message,), self._left(waiting.deadline))
        except errors.BusError as error:
            _settle(waiting.outcome, error)
        else:
            if not waiting.outcome.done():
                waiting.outcome.set_result(position)

    def _left(self, deadline: float) -> float:
        return max(0.001, min(self._answer_seconds, deadline - asyncio.get_running_loop().time()))


def _settle(outcome: "asyncio.Future[Position | None]", error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
