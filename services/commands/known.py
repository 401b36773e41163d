"""The directory as a command needs it: read once."""

import asyncio
from collections.abc import Mapping

from contracts.directory import Agency
from services.commands.errors import CommandError
from services.runtime.bus import Bus
from services.runtime.directory import Directory

LOAD_SECONDS = 20.0


async def known_agencies(bus: Bus) -> Mapping[str, Agency]:
    """The directory as it is now."""
    directory = await Directory.watch(bus)
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            await directory.wait_loaded()
        return dict(directory.agencies)
    except TimeoutError:
        raise CommandError("the directory cannot be read; was `saraban provision` run?") from None
    finally:
        await directory.close()
