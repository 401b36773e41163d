"""Waiting for what another task or process does, with a deadline that fails the test."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(happened: Callable[[], T], seconds: float = 60.0) -> T:
    """Look until `happened` gives something true, and return it; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not (found := happened()):  # noqa: ASYNC110 - what is looked at is in another process or library
            await asyncio.sleep(0.02)
        return found


async def until_it(happens: Callable[[], Awaitable[T]], seconds: float = 60.0) -> T:
    """The same where looking has to wait itself."""
    async with asyncio.timeout(seconds):
        while not (found := await happens()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        return found


def until_sync(happened: Callable[[], T], seconds: float = 60.0) -> T:
    """The same without an event loop."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.02)
    return found
