"""Waiting that ends when it has to."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def within(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event`, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def unless(stop: asyncio.Event, what: Coroutine[Any, Any, None]) -> bool:
    """Run `what`, but not longer than until `stop` is set. Returns whether it came to its end."""
    doing = asyncio.create_task(what)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
    if doing.cancelled():
        return False
    doing.result()
    return True
