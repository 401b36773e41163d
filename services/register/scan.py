"""Messages of a stream up to a fixed end, whatever happens to the connection meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from contracts.streams import REGISTER
from services.register.feed import Feed, Message
from services.register.waiting import within
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable

AT_ONCE: Final = 500
LOOK_SECONDS: Final = 0.5


async def end_of_stream(bus: Bus, stream: str = REGISTER.family) -> int:
    """Sequence of the newest message: a list shows what was there when it was asked for."""
    info = await bus.api(f"STREAM.INFO.{stream}")
    return int(info["state"]["last_seq"])


async def messages(
    bus: Bus,
    filters: Sequence[str],
    last: int,
    after: int = 0,
    stream: str = REGISTER.family,
    *,
    headers_only: bool = False,
) -> AsyncGenerator[Message, None]:
    """Messages behind `after` up to sequence `last`, in order. Raises Unavailable where waiting does not help."""
    silent = 0
    while after < last:
        arrived = asyncio.Event()
        feed = Feed(bus, stream, filters, after + 1, arrived, batch=AT_ONCE, headers_only=headers_only)
        try:
            while True:
                await feed.refresh()
                arrived.clear()
                found = feed.take(AT_ONCE)
                await feed.ask()
                for message in found:
                    if message.sequence > last:
                        return
                    after, silent = message.sequence, 0
                    yield message
                if not feed.waiting:
                    return
                if not found:
                    await within(arrived, LOOK_SECONDS)
        except Unavailable:
            silent += 1
            if silent * LOOK_SECONDS > bus.timeout:
                raise
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            await feed.close()
