"""The agency a letter is for, also where the directory does not have it (any more).

A letter that was accepted gets its number. An agency taken out of the directory is numbered as its last entry says;
one that was never in it as the defaults say, which the log and the calendar's hash show.
"""

import asyncio
import time
from typing import Final

import nats.errors
from nats.js.errors import NoKeysError

from contracts.directory import Agency
from contracts.streams import DIRECTORY
from services.register import log
from services.register.assessment import nobody
from services.runtime import directory as directories
from services.runtime.bus import Bus
from services.runtime.directory import KEY, Directory
from services.runtime.errors import Unavailable

AGAIN_SECONDS: Final = 30.0
"""An answer of the bucket's history is good for so long."""


class Agencies:
    """Looks an agency up: in the directory as it is followed, then in the bucket's history."""

    def __init__(self, bus: Bus, directory: Directory) -> None:
        self._bus = bus
        self._directory = directory
        self._former: dict[str, tuple[float, Agency]] = {}

    async def get(self, agency_id: str) -> Agency:
        """The agency's entry, the last one it had, or one made of the defaults. Raises Unavailable."""
        agency = self._directory.agency(agency_id)
        if agency is not None:
            self._former.pop(agency_id, None)
            return agency
        asked, former = self._former.get(agency_id, (0.0, None))
        if former is None or time.monotonic() - asked > AGAIN_SECONDS:
            # Not only for one that was taken out: the ingress may have heard of a new one before we do.
            former = await self._last(agency_id)
            self._former[agency_id] = (time.monotonic(), former)
        return former

    async def _last(self, agency_id: str) -> Agency:
        try:
            async with asyncio.timeout(self._bus.timeout):
                bucket = await self._bus.js.key_value(DIRECTORY.name)
                history = await bucket.history(KEY + agency_id)
        except NoKeysError:
            history = []
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise Unavailable(f"the directory cannot be read: {error!r}") from error
        for entry in reversed(history):
            if entry.operation is None and entry.value:
                try:
                    agency = directories.read(entry.value)
                except ValueError:
                    continue  # the directory did not take it either
                log.agency_unknown(agency_id, "its last entry in the directory")
                return agency
        log.agency_unknown(agency_id, "the defaults: it was never in the directory")
        return nobody(agency_id)
