"""The durable write: what comes back from `commit` lies synced in MAIL."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from contracts.event import Position
from services.ingest.gathering import SMALL_OCTETS, Gathering
from services.runtime import batch, errors
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus

HEADERS_ROOM: Final = 65_536
"""Headers count towards max_payload, and exceeding it closes the connection for good."""

PART_BYTES: Final = 2_097_152
"""Parts are handed to the socket one by one; eight times this would keep every other session waiting."""

BATCHES: Final = 16
"""Atomic batches under way at once; the server has 50 places, of which an abandoned batch holds one for 10 s."""

BUSY_SECONDS: Final = 0.25

ELECTION_SECONDS: Final = 15.0
"""A cluster that lost a leader has another after 4 to 9 s; who has not by then is told to come again."""

TURN_SECONDS: Final = 2.0
"""At the turn of the year the subjects go from one stream to the next, and for a moment no stream has them."""

SLOWEST_OCTETS: Final = 1_000_000
"""Octets a second that a cluster stores at the least; below it, an answer is given up."""


class Mailroom:
    """Hands letters to NATS, no more octets at once than the window allows, in the order they asked."""

    def __init__(self, bus: Bus, max_payload: int, window_bytes: int, commit_seconds: float) -> None:
        self._bus = bus
        self._max_payload = max_payload
        self._window = Window(window_bytes)
        self._cluster = bus.settings.replicas > 1
        self._gathering = Gathering(bus, bus.settings.request_seconds if self._cluster else math.inf)
        self._batches = asyncio.Semaphore(BATCHES)
        self._seconds = commit_seconds
        self.full = ""
        """Why the server cannot store anything, as its health page says; empty where it can."""

    @property
    def connected(self) -> bool:
        """Whether a letter could be stored at this moment."""
        return self._bus.connected

    @property
    def whole_bytes(self) -> int:
        """Most octets of a letter that fit one message; the server has the last word."""
        return min(self._max_payload, self._bus.nc.max_payload) - HEADERS_ROOM

    @property
    def part_bytes(self) -> int:
        """Octets of a part of a letter that does not fit one message."""
        return min(PART_BYTES, self.whole_bytes)

    async def commit(self, octets: int, prepare: Callable[[], Awaitable[Sequence[Outgoing]]]) -> Position:
        """Store all messages that `prepare` makes, or none; return the position of the last.

        `prepare` is called when it is their turn: messages that wait would be a second copy of the letters in memory.

        Raises:
            Unavailable: no answer within the deadline, or no connection; it may be stored all the same.
            StoreFull: disk or stream is full. Refused, Busy: the server said so. Nothing is stored.
        """
        deadline = asyncio.get_running_loop().time() + self._seconds
        if self.full:
            raise errors.StoreFull(self.full)
        if not self._window.enter_now(octets):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._window.enter(octets)
            except TimeoutError:
                raise errors.Unavailable(f"no turn in time, and {self._window.waiting} more letters wait") from None
        try:
            return await self._stored(octets, await prepare(), deadline)
        except errors.Unavailable as error:
            if self.full:  # a full disk gives no answer: the health page said it while we waited
                raise errors.StoreFull(self.full) from error
            raise
        finally:
            self._window.leave(octets)

    async def _stored(self, octets: int, messages: Sequence[Outgoing], deadline: float) -> Position:
        """Where nobody takes it at this moment nothing is stored: wait a little, and the sender need not come again."""
        taken = asyncio.get_running_loop().time() + (ELECTION_SECONDS if self._cluster else TURN_SECONDS)
        while True:
            try:
                if len(messages) > 1:
                    async with self._batches:
                        return await self._commit_batch(octets, messages, deadline)
                if octets <= SMALL_OCTETS:
                    return await self._gathering.commit(messages[0], deadline)
                return await batch.commit(self._bus.nc, messages, self._patience(octets, deadline))
            except errors.NotServed:
                if self._left(min(deadline, taken)) <= BUSY_SECONDS:
                    raise
            await asyncio.sleep(BUSY_SECONDS)

    async def _commit_batch(self, octets: int, messages: Sequence[Outgoing], deadline: float) -> Position:
        while True:
            try:
                return await batch.commit(self._bus.nc, messages, self._patience(octets, deadline))
            except errors.Busy:
                if self._left(deadline) <= BUSY_SECONDS:
                    raise
            await asyncio.sleep(BUSY_SECONDS)

    def _patience(self, octets: int, deadline: float) -> float:
        """A leader that died answers nothing: on a cluster nobody waits longer than a living one would take."""
        if not self._cluster:
            return self._left(deadline)
        return min(self._left(deadline), self._bus.settings.request_seconds + octets / SLOWEST_OCTETS)

    @staticmethod
    def _left(deadline: float) -> float:
        return max(0.001, deadline - asyncio.get_running_loop().time())


class Window:
    """Octets under way to NATS. Whoever is larger than the whole window goes alone; nobody is overtaken."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def enter_now(self, octets: int) -> bool:
        """Take room if nobody has to wait for it."""
        if self._queue or not self._fits(octets):
            return False
        self._held += octets
        return True

    async def enter(self, octets: int) -> None:
        """Wait for room and take it. Every `enter` that returns needs its `leave`."""
        if self.enter_now(octets):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (octets, turn)
        self._queue.append(place)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(octets)
            elif place in self._queue:
                self._queue.remove(place)
                self._call()
            raise

    def leave(self, octets: int) -> None:
        """Give room back."""
        self._held -= octets
        self._call()

    def _fits(self, octets: int) -> bool:
        return not self._held or self._held + octets <= self._limit

    def _call(self) -> None:
        while self._queue and self._fits(self._queue[0][0]):
            octets, turn = self._queue.popleft()
            if not turn.done():  # else it was told to stop, and has not heard of it yet
                self._held += octets
                turn.set_result(None)
