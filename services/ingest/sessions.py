"""The sessions of one process: their number, their deadlines, their end."""

import asyncio
import contextlib
from collections import Counter
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, Protocol, cast

from services.ingest import log, metrics
from services.ingest.admission import Flight
from services.ingest.networks import parsed
from services.ingest.replies import TOO_MANY_SESSIONS, Reply

SWEEP_SECONDS: Final = 0.5
"""One timer looks at all deadlines: a timer for each command would cost more than the command."""

LAST_WORD_SECONDS: Final = 1.0
"""For the last reply to those whose letter did not come to its end."""


class Sweepable(Protocol):
    """What a session lets be done to it."""

    def late(self, now: float) -> bool:
        """Whether its peer has been too slow, at this moment of the loop's time."""

    def expire(self) -> None:
        """Its peer was too slow."""

    def drain(self) -> None:
        """End as soon as no letter is in the middle."""

    def cut(self) -> None:
        """End with a word, also in the middle of a letter."""

    def abort(self) -> None:
        """End now."""


class Sessions:
    """All that are open."""

    def __init__(self, limit: int, per_address: int, flight: Flight) -> None:
        self._limit = limit
        self._per_address = per_address
        self._flight = flight
        self._open: set[Sweepable] = set()
        self._from: Counter[str] = Counter()
        self._draining = False
        self._none = asyncio.Event()
        self._none.set()

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._open) >= self._limit

    @property
    def crowded(self) -> bool:
        """Whether idle sessions should make room: more than three quarters are taken."""
        return len(self._open) * 4 > self._limit * 3

    def add(self, session: Sweepable) -> None:
        """A session begins."""
        self._open.add(session)
        self._none.clear()
        metrics.CONNECTIONS.inc()
        if self._draining:  # the kernel had handed it to us when we stopped listening
            session.drain()

    def remove(self, session: Sweepable) -> None:
        """A session is over."""
        self._open.discard(session)
        if not self._open:
            self._none.set()

    def enter(self, address: str) -> str | None:
        """Count a session for its peer's address; None if that one has too many. Returns what `leave` is told."""
        place = _place(address)
        if self._from[place] >= self._per_address:
            return None
        self._from[place] += 1
        return place

    def leave(self, place: str) -> None:
        """The session that `enter` counted is over."""
        self._from[place] -= 1
        if not self._from[place]:
            del self._from[place]

    async def run(self) -> None:
        """Look at all deadlines twice a second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for session in tuple(self._open):
                if session.late(now):
                    session.expire()
            metrics.SESSIONS.set(len(self._open))
            metrics.FLIGHT.set(self._flight.held)

    async def drain(self, seconds: float) -> None:
        """End all sessions: idle ones at once, those in the middle of a letter when it is done or the time is up."""
        log.draining(len(self._open))
        self._draining = True
        for session in tuple(self._open):
            session.drain()
        await self._end(seconds)
        left = tuple(self._open)
        for session in left:
            session.cut()
        await self._end(LAST_WORD_SECONDS)
        for session in tuple(self._open):
            session.abort()
        await asyncio.sleep(0)  # they note what they did not take before the attempts are brought in for the last time
        log.drained(len(left))

    async def _end(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()


class TurnedAway(asyncio.Protocol):
    """A connection that cannot be served: told so, and closed."""

    def __init__(self, reply: Reply = TOO_MANY_SESSIONS) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say 421 and close."""
        metrics.REFUSED.labels(self._reply.name).inc()
        cast("asyncio.Transport", transport).write(self._reply.line)  # uvloop's is no subclass
        transport.close()


@lru_cache(maxsize=4_096)
def _place(address: str) -> str:
    """Whom an address stands for: itself, or the /64 of an IPv6 address, which is one customer's."""
    place = parsed(address)
    return f"{int(place) >> 64:x}/64" if isinstance(place, IPv6Address) else address
