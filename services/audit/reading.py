"""The messages of a stream, in order and without a hole, a bounded number of octets at a time."""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
import nats.errors
from msgspec import Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.values import instant
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable

BATCH: Final = 256
BYTES: Final = 32 * 1024 * 1024
"""Of one request; the server cuts a client off that has more than its max_pending under way."""

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
    headers: dict[str, str]
    body: bytes
    stored_ns: int
    pending: int

    def __str__(self) -> str:
        return f"{self.stream}:{self.sequence}"


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
    failures = 0
    while last is None or after < last:
        reader = _Reader(bus, stream, subjects, after + 1, headers_only=headers_only, newest_only=newest_only)
        try:
            async for message in reader.read():
                if last is not None and message.sequence > last:
                    return
                yield message
                after, failures = message.sequence, 0
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
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()
        self._reconnects = bus.nc.stats["reconnects"]

    async def read(self) -> AsyncIterator[Message]:
        # Not next_msg: it makes a task for each message.
        self._subscription = await self._bus.nc.subscribe(self._inbox, cb=self._take)
        request = {"stream_name": self._stream, "config": self._config, "action": "create"}
        info = await self._bus.api(f"CONSUMER.CREATE.{self._stream}.{self._name}", request)
        self._made = True
        pending = info["num_pending"]
        size = BYTES
        while pending:
            got, wanted = 0, BATCH if size else 1
            await self._ask(size)
            while pending and got < wanted:
                raw = await self._next()
                if not raw.reply:
                    if self._ended(raw):
                        break
                    continue
                message = self._message(raw)
                got, pending = got + 1, message.pending
                yield message
            # One message may be larger than a request: then it comes alone, whatever its size.
            size = BYTES if got else 0

    async def _take(self, raw: Msg) -> None:
        self._arrived.append(raw)
        self._something.set()

    async def _next(self) -> Msg:
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
        return self._arrived.popleft()

    async def _ask(self, size: int) -> None:
        request = {"batch": BATCH, "max_bytes": size} if size else {"batch": 1}
        request["expires"] = int(EXPIRES_SECONDS * 1e9)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._bus.nc.publish(subject, msgspec.json.encode(request), reply=self._inbox)

    def _ended(self, raw: Msg) -> bool:
        """Whether a status ends the request that is open; one that says that something is wrong ends the reader."""
        headers = raw.headers or {}
        status, words = headers.get("Status", ""), headers.get("Description", "").lower()
        if status == "409" and "batch completed" in words:
            return False  # of a request whose messages have all been counted
        if status in ("404", "408") or (status == "409" and "maxbytes" in words):
            return True
        raise Unavailable(f"{self._stream}: {status} {words}")

    def _message(self, raw: Msg) -> Message:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>; newer servers may put a
        # domain and an account before the stream.
        tokens = raw.reply.split(".")
        base = 2 if len(tokens) == 9 else 4
        sequence, delivered, stored, pending = (int(token) for token in tokens[base + 3 : base + 7])
        if delivered != self._delivered + 1:
            raise Unavailable(f"{self._stream}: delivery {self._delivered + 1} was lost")
        self._delivered = delivered
        return Message(self._stream, sequence, raw.subject, raw.headers or {}, raw.data, stored, pending)

    async def close(self) -> None:
        try:
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._made:
                await self._bus.api(f"CONSUMER.DELETE.{self._stream}.{self._name}")
        except (BusError, nats.errors.Error, OSError):
            return  # the server removes what nobody uses
