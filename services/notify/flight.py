"""A bound on the octets of letters in memory at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):  # noqa: N818 - a state of the world, not an error
    """No room came free in time."""


class Flight:
    """So many octets at once; a letter larger than all of it flies alone."""

    def __init__(self, octets: int, seconds: float) -> None:
        self._limit = octets
        self._seconds = seconds
        self._used = 0
        self._landed = asyncio.Condition()

    @asynccontextmanager
    async def carry(self, octets: int) -> AsyncIterator[None]:
        """Wait for room and keep it. Raises Full where none comes free in time."""
        weight = min(octets, self._limit)
        try:
            async with asyncio.timeout(self._seconds), self._landed:
                await self._landed.wait_for(lambda: self._used + weight <= self._limit)
                self._used += weight
        except TimeoutError as error:
            raise Full(f"no room for {octets} octets within {self._seconds:g} s") from error
        try:
            yield
        finally:
            async with self._landed:
                self._used -= weight
                self._landed.notify_all()
