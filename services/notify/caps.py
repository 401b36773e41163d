"""How many receipt mails go to one address, to one domain and from one agency in a day of Thai time (invariant 11)."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from contracts import streams
from contracts.values import BANGKOK, AgencyId
from services.notify import address
from services.runtime.bucket import Bucket
from services.runtime.bus import Bus
from services.runtime.directory import normalise
from services.runtime.errors import Conflict
from services.runtime.settings import Notify

Cap = Literal["cap_address", "cap_domain", "cap_agency"]
TRIES: Final = 50
"""Other processes write the same counters; so many lost races in a row are no race any more."""


class Count(Struct, frozen=True):
    """How many, and on which day."""

    day: str
    count: int


class Caps:
    """The counters, shared by all processes through the bucket."""

    def __init__(self, bus: Bus, settings: Notify, now: Callable[[], datetime]) -> None:
        self._bucket = Bucket(bus, streams.CAPS)
        self._settings = settings
        self._now = now
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, agency: AgencyId, recipient: str) -> Cap | None:
        """Count one mail to this address; says which cap is reached, and then counts nothing."""
        domain = address.domain_of(recipient)
        wanted: tuple[tuple[Cap, str, int], ...] = (
            ("cap_address", f"address.{_token(normalise(recipient))}", self._settings.cap_address),
            ("cap_domain", f"domain.{_token(domain)}", self._settings.cap_domain),
            ("cap_agency", f"agency.{agency}", self._settings.cap_agency),
        )
        taken: list[str] = []
        for cap, key, limit in wanted:
            if not await self._add(key, 1, limit):
                for former in taken:
                    await self._add(former, -1, limit)
                return cap
            taken.append(key)
        return None

    async def _add(self, key: str, step: int, limit: int) -> bool:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # within this process nobody has to lose a race
            for _ in range(TRIES):
                today = f"{self._now().astimezone(BANGKOK):%Y-%m-%d}"
                found = await self._bucket.get(key)
                count, revision = Count(today, 0), 0
                if found is not None:
                    value, revision = found
                    read = msgspec.json.decode(value, type=Count)
                    count = read if read.day == today else count
                if step > 0 and count.count >= limit:
                    return False
                try:
                    fresh = Count(today, max(0, count.count + step))
                    await self._bucket.put(key, msgspec.json.encode(fresh), revision)
                except Conflict:
                    continue
                return True
        raise Conflict(f"{key}: lost {TRIES} races")


def _token(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
