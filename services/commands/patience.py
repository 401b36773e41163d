"""Waiting for what happens in another process, which can set no event of ours."""

import asyncio
import contextlib
from collections.abc import Callable

LOOK_SECONDS = 0.05


async def until(condition: Callable[[], bool], seconds: float | None = None) -> bool:
    """Wait until `condition` holds, at most `seconds`; whether it does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - another process cannot set an event of ours
                await asyncio.sleep(LOOK_SECONDS)
            return True
    return condition()
