"""What letters' senders could show when they came, kept from the early look until the examination takes it.

A key-value bucket with a life of some days: the early look and the examination may be done by different workers, and
by others again after a crash. A result is settled, or will be asked for once more; the examination waits for that, for
a time that has a bound whatever becomes of the early look.
"""

import asyncio
import time
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from contracts import findings
from contracts.event import Position
from contracts.findings import Authentication, Findings
from contracts.streams import SENDERS
from contracts.values import Instant, from_instant
from services.runtime.bucket import Bucket
from services.runtime.bus import Bus
from services.runtime.settle import Retry

WAIT_SECONDS: Final = 5.0
"""How long an examination stands and waits for an early look that is due at any moment."""

AGAIN_SECONDS: Final = 5.0
"""After that, how long its letter waits at the server, where it holds up nobody."""

ABSENT_SECONDS: Final = 60.0
"""Age of a row without a look from which the examination asks the DNS itself."""

OVERDUE_SECONDS: Final = 60.0
"""How long after its patience an unsettled result is taken as it is: whoever should have asked again does not."""

_LOOK_SECONDS: Final = 0.25


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sender's results so far."""

    authentication: Authentication | None
    """None: the letter ended the child that looked at it, and `warnings` say so; or it has no event, or was erased."""
    warnings: tuple[findings.Warning, ...] = ()
    first_at: Instant
    """When it was asked for first."""
    next_at: Instant | None = None
    """When it will be asked for once more; None: settled."""

    def given_to(self, found: Findings) -> Findings:
        """The findings of a letter with what is known of its sender."""
        return msgspec.structs.replace(
            found, authentication=self.authentication, warnings=(*self.warnings, *found.warnings)
        )


class Senders:
    """The bucket."""

    def __init__(self, bus: Bus, patience_seconds: float) -> None:
        self._bucket = Bucket(bus, SENDERS)
        self._patience = patience_seconds
        self._moved = asyncio.Condition()

    async def get(self, letter: Position) -> tuple[Kept | None, int]:
        """What is known of the sender of the letter at this position, and its revision; 0 where nothing is."""
        found = await self._bucket.get(_key(letter))
        if found is None:
            return None, 0
        value, revision = found
        try:
            return msgspec.json.decode(value, type=Kept), revision
        except msgspec.MsgspecError:
            return None, revision  # of another version: looked at once more, and written over

    async def put(self, letter: Position, kept: Kept, revision: int) -> None:
        """Keep it. Raises Conflict where another worker wrote in between."""
        await self._bucket.put(_key(letter), msgspec.json.encode(kept), revision)
        async with self._moved:
            self._moved.notify_all()

    async def settled(self, letter: Position, stored_at: datetime) -> Kept | None:
        """The sender's results as they shall stand in the findings, of a letter whose row is stored since `stored_at`.

        None: nobody looked at it in time, and nobody is expected to.

        Raises:
            Retry: it is being looked at, or will be once more.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            kept, _ = await self.get(letter)
            if kept is not None:
                if kept.next_at is None or _age(kept.first_at) > self._patience + OVERDUE_SECONDS:
                    return kept
                raise Retry(max(1.0, 1.0 - _age(kept.next_at)), "the sender's DNS is asked once more")
            if time.time() - stored_at.timestamp() > ABSENT_SECONDS:
                return None
            if time.monotonic() > deadline:
                raise Retry(AGAIN_SECONDS, "the sender was not looked at yet")
            await self._move()

    async def _move(self) -> None:
        """Wait for whatever this process keeps next; what another one keeps is seen a moment later."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS), self._moved:
                await self._moved.wait()
        except TimeoutError:
            return


def _key(letter: Position) -> str:
    return f"{letter.stream}.{letter.sequence}"


def _age(instant: Instant) -> float:
    return time.time() - from_instant(instant).timestamp()
