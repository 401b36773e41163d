"""What has been done for a letter: one slip a letter, in the bucket OUTBOX, held by one worker at a time.

A mail goes out between two writes of the slip: normally once; a crash after the relay's 250 and before the second write
repeats it with the same Message-ID. Since the slip is the letter's and not a mail's, a provisional receipt and a final
one can never overtake each other.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from contracts import streams
from contracts.event import Position
from contracts.values import Instant, MailId
from services.runtime.bucket import Bucket
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Conflict

HOLD_SECONDS: Final = 15.0
"""A worker that died holding a slip keeps it so long; one that lives renews it."""

RENEW_SECONDS: Final = 5.0

State = Literal["open", "sent", "failed", "held", "unanswered", "withheld", "superseded"]


class Errand(Struct, kw_only=True, omit_defaults=True):
    """One mail that has to go to one place."""

    state: State = "open"
    since: Instant = ""
    due: Instant = ""
    attempts: int = 0
    code: int | None = None
    reason: str = ""
    place: str = ""
    counted: bool = False
    too_large: bool = False
    bare: bool = False
    """A cover mail that went without the original, which its relay did not take."""
    at: Instant = ""
    """When it was settled."""

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done for it."""
        return self.state != "open"

    def settle(self, state: State, at: Instant, reason: str = "", code: int | None = None) -> None:
        """Nothing more is to be done."""
        self.state, self.at, self.reason, self.code, self.due = state, at, reason or self.reason, code, ""


class Slip(Struct, kw_only=True, omit_defaults=True):
    """What has been done for one letter."""

    mail: MailId
    released: bool = False
    """An officer said that its receipt shall go whatever the gate says."""
    holder: str = ""
    until: float = 0.0
    told: set[str] = field(default_factory=set)
    """Events that are published."""
    errands: dict[str, Errand] = field(default_factory=dict)

    def errand(self, name: str, now: Instant) -> Errand:
        """The errand of this name, made if it is new."""
        found = self.errands.get(name)
        if found is None:
            found = self.errands[name] = Errand(since=now)
        return found

    def covers(self) -> dict[str, Errand]:
        """The cover mails, by mailbox."""
        return {name.removeprefix(COVER): errand for name, errand in self.errands.items() if name.startswith(COVER)}


COVER: Final = "cover "


class Taken(Exception):  # noqa: N818 - a state of the world, not an error
    """Another worker holds the slip."""

    def __init__(self, seconds: float) -> None:
        super().__init__("another worker holds the letter")
        self.seconds = seconds


class Hold:
    """A slip that is ours until we let it go."""

    def __init__(self, bucket: Bucket, key: str, slip: Slip, revision: int) -> None:
        self._bucket = bucket
        self._key = key
        self._revision = revision
        self._lock = asyncio.Lock()
        self.slip = slip

    async def save(self) -> None:
        """Write what has changed, durably. Raises Conflict where the slip is no longer ours."""
        async with self._lock:
            await self._write()

    async def renew(self) -> None:
        """Keep it beyond the time it was taken for."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(BusError):  # the next save says so, where it is lost
                await self.save()

    async def let_go(self) -> None:
        """Write what has changed and leave it to others."""
        async with self._lock:
            self.slip.holder, self.slip.until = "", 0.0
            await self._write(renewing=False)

    async def _write(self, *, renewing: bool = True) -> None:
        if renewing:
            self.slip.until = time.time() + HOLD_SECONDS
        value = msgspec.json.encode(self.slip, order="deterministic")
        self._revision = await self._bucket.put(self._key, value, self._revision)


class Outbox:
    """All slips."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = Bucket(bus, streams.OUTBOX)

    async def read(self, position: Position) -> Slip | None:
        """The slip as it is, without taking it."""
        found = await self._bucket.get(_key(position))
        return None if found is None else _read(found[0])

    @asynccontextmanager
    async def hold(self, position: Position, mail: MailId) -> AsyncIterator[Hold]:
        """Take the slip of a letter, made if it is new. Raises Taken where another worker has it."""
        hold = await self._take(position, mail)
        renewing = asyncio.create_task(hold.renew())
        try:
            yield hold
        finally:
            renewing.cancel()
            with suppress(BusError):  # it runs out by itself; what was not written is done again
                await hold.let_go()

    async def _take(self, position: Position, mail: MailId) -> Hold:
        key = _key(position)
        slip = Slip(mail=mail, holder=uuid.uuid4().hex)
        hold = Hold(self._bucket, key, slip, 0)
        try:
            await hold.save()
        except Conflict:
            pass
        else:
            return hold
        found = await self._bucket.get(key)
        if found is None:
            raise Taken(1.0)
        value, revision = found
        slip = _read(value)
        left = slip.until - time.time()
        if slip.holder and left > 0:
            raise Taken(left)
        slip.holder = uuid.uuid4().hex
        hold = Hold(self._bucket, key, slip, revision)
        try:
            await hold.save()
        except Conflict:
            raise Taken(1.0) from None
        return hold


def _key(position: Position) -> str:
    return f"{position.stream}.{position.sequence}"


def _read(value: bytes) -> Slip:
    return msgspec.json.decode(value, type=Slip)
