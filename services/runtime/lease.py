"""Which worker is the active one: a key that lives three seconds and is renewed each second.

The lease only keeps two workers from doing the same work; that the book stays right when two believe they hold it
is the sequence check's job (DESIGN, the two transactions).
"""

import asyncio
import secrets
import time

import nats.errors
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from contracts.streams import LEASE
from services.runtime import log
from services.runtime.bus import Bus

RENEW_SECONDS = 1.0
MARGIN_SECONDS = 0.5
"""So much before the key can expire at the server, this side no longer believes in it."""

ANSWER_SECONDS = 2.0
"""Longer than a try takes; a leader that died says nothing, and the next try finds another."""

_TROUBLE = (nats.errors.Error, APIError, OSError, TimeoutError)


class Lease:
    """A lease of one key. Waiting is polling: watchers do not hear an expiry."""

    def __init__(self, bus: Bus, key: str = "register", holder: str = "", poll_seconds: float = 0.5) -> None:
        self._bus = bus
        self._key = key
        # A name of this very object: after an unknown outcome it tells our own entry from a namesake's.
        self.holder = f"{holder or 'worker'}/{secrets.token_hex(4)}"
        self._poll_seconds = poll_seconds
        self._revision: int | None = None
        self._until = 0.0
        self._bucket: KeyValue | None = None

    @property
    def held(self) -> bool:
        """Whether this side may still act; false in time when renewing does not work."""
        return self._revision is not None and time.monotonic() < self._until

    async def acquire(self) -> None:
        """Wait until the lease is held, for as long as it takes."""
        while not await self._take():  # noqa: ASYNC110 - an expiry at the server sets no event
            await asyncio.sleep(self._poll_seconds)
        log.lease_taken(self._key, self.holder)

    async def keep(self) -> None:
        """Renew until the lease is lost, then return. To be run beside the work."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                before = time.monotonic()
                async with asyncio.timeout(max(0.05, self._until - before)):
                    bucket = await self._open()
                    self._believe(await bucket.update(self._key, self.holder.encode(), last=self._revision), before)
            except KeyWrongLastSequenceError:
                if not await self._adopt():
                    return self._lose("another worker took it")
            except _TROUBLE as error:
                if not self.held:
                    return self._lose(repr(error))
            if not self.held:
                return self._lose("renewed too late")

    async def release(self) -> None:
        """Give it up, so that a standby need not wait for the expiry. Never raises."""
        revision, self._revision = self._revision, None
        if revision is None:
            return
        try:
            async with asyncio.timeout(self._bus.timeout):
                await (await self._open()).delete(self._key, last=revision)
        except _TROUBLE as error:
            log.lease_lost(self._key, self.holder, f"released without an answer: {error!r}")

    async def _take(self) -> bool:
        before = time.monotonic()
        try:
            async with asyncio.timeout(min(self._bus.timeout, ANSWER_SECONDS)):
                self._believe(await (await self._open()).create(self._key, self.holder.encode()), before)
        except KeyWrongLastSequenceError:
            return await self._adopt()
        except _TROUBLE:
            return False
        return self.held

    async def _adopt(self) -> bool:
        """Whether the entry is ours all the same: the answer to an earlier write was lost."""
        before = time.monotonic()
        try:
            async with asyncio.timeout(min(self._bus.timeout, ANSWER_SECONDS)):
                bucket = await self._open()
                entry = await bucket.get(self._key)
                if entry.value != self.holder.encode() or entry.revision is None:
                    return False
                self._believe(await bucket.update(self._key, self.holder.encode(), last=entry.revision), before)
        except (KeyNotFoundError, *_TROUBLE):
            return False
        return self.held

    def _believe(self, revision: int, since: float) -> None:
        # Counted from before the request was sent: the server began to count no earlier.
        self._revision, self._until = revision, since + LEASE.ttl_seconds - MARGIN_SECONDS

    def _lose(self, reason: str) -> None:
        if self._revision is not None:
            self._revision = None
            log.lease_lost(self._key, self.holder, reason)

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await self._bus.js.key_value(LEASE.name)
        return self._bucket
