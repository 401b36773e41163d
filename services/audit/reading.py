"""The messages of a stream, in order and without a hole, a bounded number of octets at a time.

What one request brings is asked for while what the one before it brought is looked at, and is taken as it stands on the
wire (services/runtime/bulk.py): headers are read only where somebody wants them.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final

import msgspec
import nats.errors
from msgspec import Struct
from nats.aio.subscription import Subscription

from contracts.values import instant
from services.runtime.bulk import Raw
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable

BATCH: Final = 1_000
BYTES: Final = 4 * 1024 * 1024
"""Of one request. As much again is on its way while it is looked at."""

EXPIRES_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.5
"""So often a reader that waits looks whether the connection is still the one it asked over."""

UNUSED_SECONDS: Final = 60.0
ATTEMPTS: Final = 5
"""Times in a row that a reader begins anew without having read anything."""


class Message(Struct, frozen=True):
    """One message as the stream keeps it."""

    stream: str
    sequence: int
    subject: str
    block: bytes
    body: bytes
    stored_ns: int
    pending: int
    """Messages behind it that the stream had when this one was sent."""

    @property
    def headers(self) -> dict[str, str]:
        """Its headers, read anew at each call."""
        return read_headers(self.block)

    def __str__(self) -> str:
        return f"{self.stream}:{self.sequence}"


def read_headers(block: bytes) -> dict[str, str]:
    """Headers as they stand on the wire: `NATS/1.0`, then a line each."""
    try:
        lines = block.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        lines = block.decode("utf-8", "surrogateescape").split("\r\n")
    return {name: value.strip() for name, colon, value in [line.partition(":") for line in lines[1:]] if colon}


async def messages(
    bus: Bus,
    stream: str,
    subjects: Sequence[str],
    *,
    after: int = 0,
    last: int | None = None,
    headers_only: bool = False,
    newest_only: bool = False,
) -> AsyncIterator[Message]:
    """Every message on `subjects`, at most up to sequence `last`; `newest_only`: the last one of each subject.

    Only those behind sequence `after`, if one is given.

    A broken connection is gone on from behind the last message. Raises Unavailable where that does not help.
    """
    found = batches(bus, stream, subjects, after=after, last=last, headers_only=headers_only, newest_only=newest_only)
    async with contextlib.aclosing(found):
        async for batch in found:
            for message in batch:
                yield message


async def batches(
    bus: Bus,
    stream: str,
    subjects: Sequence[str],
    *,
    after: int = 0,
    last: int | None = None,
    headers_only: bool = False,
    newest_only: bool = False,
) -> AsyncGenerator[list[Message], None]:
    """The same, as many at once as one request brought; none of the lists is empty."""
    failures = 0
    while last is None or after < last:
        reader = _Reader(bus, stream, subjects, after + 1, headers_only=headers_only, newest_only=newest_only)
        try:
            async for batch in reader.read():
                over = last is not None and batch[-1].sequence > last
                found = [message for message in batch if message.sequence <= last] if over and last else batch
                if found:
                    yield found
                    after, failures = found[-1].sequence, 0
                if over:
                    return
        except (BusError, nats.errors.Error, OSError) as error:
            failures += 1
            if failures >= ATTEMPTS:
                raise Unavailable(f"{stream} cannot be read behind {after}: {error!r}") from error
            await asyncio.sleep(failures)
            continue
        finally:
            await reader.close()
        return


async def last_before(bus: Bus, stream: str, instant_ns: int) -> int:
    """Sequence behind which the messages lie that a stream has stored since an instant (nanoseconds since the epoch).

    Asked of a reader without a filter: one that starts at a time and has several filters leaves out the first message
    of one of them (nats-server 2.15.1).
    """
    name = f"audit-{secrets.token_hex(8)}"
    config = {
        "name": name,
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": int(UNUSED_SECONDS * 1e9),
        "deliver_policy": "by_start_time",
        "opt_start_time": instant(instant_ns),
    }
    request = {"stream_name": stream, "config": config, "action": "create"}
    info = await bus.api(f"CONSUMER.CREATE.{stream}.{name}", request)
    with contextlib.suppress(BusError):  # the server removes what nobody uses
        await bus.api(f"CONSUMER.DELETE.{stream}.{name}")
    return int(info["delivered"]["stream_seq"])


class _Reader:
    """One consumer, from its making to its end."""

    def __init__(
        self, bus: Bus, stream: str, subjects: Sequence[str], start: int, *, headers_only: bool, newest_only: bool
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._name = f"audit-{secrets.token_hex(8)}"
        self._config: dict[str, Any] = {
            "name": self._name,
            "filter_subjects": list(subjects),
            "ack_policy": "none",
            "headers_only": headers_only,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(UNUSED_SECONDS * 1e9),
            "deliver_policy": "last_per_subject" if newest_only else "by_start_sequence",
        }
        if not newest_only:
            self._config["opt_start_seq"] = start
        self._inbox = bus.nc.new_inbox()
        self._subscription: Subscription | None = None
        self._made = False
        self._delivered = 0
        self._pending = 0
        self._arrived: list[Raw] = []
        self._wanted = 0
        self._something = asyncio.Event()
        self._reconnects = bus.nc.stats["reconnects"]

    async def read(self) -> AsyncIterator[list[Message]]:
        self._subscription = await self._bus.nc.subscribe(self._inbox)
        self._bus.nc.take(self._subscription, self._take)
        request = {"stream_name": self._stream, "config": self._config, "action": "create"}
        info = await self._bus.api(f"CONSUMER.CREATE.{self._stream}.{self._name}", request)
        self._made = True
        self._pending = info["num_pending"]
        if self._pending:
            await self._ask(BYTES)
        while self._pending:
            found = await self._answer()
            # One message may be larger than a request: then it comes alone, whatever its size.
            if self._pending:
                await self._ask(BYTES if found else 0)
            if found:
                yield found

    def _take(self, raw: Raw) -> None:
        self._arrived.append(raw)
        self._something.set()

    async def _answer(self) -> list[Message]:
        """All that the open request brings."""
        found: list[Message] = []
        while len(found) < self._wanted and self._pending:
            ended = False
            for raw in await self._next():
                if raw[1]:
                    found.append(self._message(raw))
                else:
                    ended = self._ended(raw) or ended
            if ended:
                break
        return found

    async def _next(self) -> list[Raw]:
        """What has arrived: whatever the request still lacks, or has to be said about it."""
        deadline = time.monotonic() + EXPIRES_SECONDS * 1.5
        while not self._arrived:
            if self._bus.nc.stats["reconnects"] != self._reconnects:
                raise Unavailable("the connection was lost")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self._stream}: the server is silent")
            self._something.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._something.wait()
        found, self._arrived = self._arrived, []
        return found

    async def _ask(self, size: int) -> None:
        self._wanted = BATCH if size else 1
        request = {"batch": BATCH, "max_bytes": size} if size else {"batch": 1}
        request["expires"] = int(EXPIRES_SECONDS * 1e9)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._bus.nc.publish(subject, msgspec.json.encode(request), reply=self._inbox)

    def _ended(self, raw: Raw) -> bool:
        """Whether a status ends the request that is open; one that says that something is wrong ends the reader."""
        line = raw[2].split(b"\r\n", 1)[0].decode("ascii", "replace")
        status, _, words = line.removeprefix("NATS/1.0").strip().partition(" ")
        words = words.lower()
        if status == "409" and "batch completed" in words:
            return False  # of a request whose messages have all been counted
        if status in ("404", "408") or (status == "409" and "maxbytes" in words):
            return True
        raise Unavailable(f"{self._stream}: {status} {words}")

    def _message(self, raw: Raw) -> Message:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>; newer servers may put a
        # domain and an account before the stream, and a token behind it all.
        subject, reply, block, body = raw
        tokens = reply.split(b".")
        base = 5 if len(tokens) == 9 else 7
        self._delivered += 1
        if int(tokens[base + 1]) != self._delivered:
            raise Unavailable(f"{self._stream}: delivery {self._delivered} was lost")
        self._pending = int(tokens[base + 3])
        sequence, stored_ns = int(tokens[base]), int(tokens[base + 2])
        return Message(self._stream, sequence, subject.decode(), block, body, stored_ns, self._pending)

    async def close(self) -> None:
        try:
            if self._subscription is not None:
                self._bus.nc.leave(self._subscription)
                await self._subscription.unsubscribe()
            if self._made:
                await self._bus.api(f"CONSUMER.DELETE.{self._stream}.{self._name}")
        except (BusError, nats.errors.Error, OSError):
            return  # the server removes what nobody uses
