"""Messages of one stream from a position on, in order and without a hole, as fast as they are there.

A pull consumer without acks, asked in JetStream's own words: one request stays open at the server, so that a single
message is delivered at once, and no more than two requests' worth is ever in memory. What is delivered to a
connection that broke is lost to such a consumer, so its deliveries are counted: a hole, silence, a reconnect, or a
consumer that is gone, and a new one is made behind the last message that was taken.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final

import msgspec
import nats.errors
from msgspec import Meta, Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.event import Event
from services.register import log
from services.runtime import errors
from services.runtime.bus import Bus

EXPIRES_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 3.0
"""Without a message or a heartbeat for so long the server has forgotten the request."""

UNUSED_SECONDS: Final = 60.0
"""The server removes the consumer of a reader that is gone."""


class Message(Struct, frozen=True):
    """One message as it was delivered."""

    subject: str
    headers: dict[str, str]
    body: bytes
    sequence: int
    stored_ns: int
    pending: Annotated[int, Meta(description="Messages of the consumer's filter behind this one.")]
    event: Annotated[Event | None, Meta(description="What `decode` made of it; None where it could make nothing.")] = (
        None
    )


Decode = Callable[[str, dict[str, str]], Event | None]
"""Subject and headers to the event that they are. Never raises."""


class Feed:
    """A reader's place in one stream. `arrived` is set when there is something to take, or something broke."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        filters: Sequence[str],
        start: int,
        arrived: asyncio.Event,
        *,
        batch: int,
        headers_only: bool = False,
        decode: Decode | None = None,
    ) -> None:
        """`decode` is called as a message arrives, while whoever takes it waits for something else."""
        self.stream = stream
        self.pending = 0
        """Messages that the stream holds behind the last one delivered, as far as this side was told."""
        self.next = start
        """Sequence of the first message that has not been taken."""
        self._bus = bus
        self._filters = list(filters)
        self._arrived = arrived
        self._batch = batch
        self._headers_only = headers_only
        self._decode = decode
        self._consumer = ""
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._buffer: deque[Message] = deque()
        self._asked = 0
        self._delivered = 0
        self._heard = 0.0
        self._reconnects = bus.nc.stats["reconnects"]
        self._broken = "not opened"

    @property
    def waiting(self) -> int:
        """Messages that lie there and have not been taken."""
        return self.pending + len(self._buffer)

    @property
    def buffered(self) -> bool:
        """Whether there is something to take at once."""
        return bool(self._buffer)

    @property
    def oldest_ns(self) -> int | None:
        """When the stream stored the first message that has not been taken, as far as it was delivered."""
        return self._buffer[0].stored_ns if self._buffer else None

    async def refresh(self) -> None:
        """Open the feed, or open it again where it broke; cheap where all is well.

        Raises the errors of the bus, and Unavailable after a reconnect: the server may have come back with another
        store, and whoever reads has to find out first where it stands.
        """
        if self._bus.nc.stats["reconnects"] != self._reconnects:
            raise errors.Unavailable("the connection was lost")
        reason = self._broken or self._doubt()
        if not reason:
            return
        if self._consumer:
            log.feed_broken(self.stream, reason)
        await self.close()
        await self._open()

    def take(self, most: int) -> list[Message]:
        """What is there at once, at most `most`; never waits."""
        buffer = self._buffer
        found = [buffer.popleft() for _ in range(min(most, len(buffer)))]
        if found:
            self.next = found[-1].sequence + 1
        return found

    async def ask(self) -> None:
        """Let the server send more, where there is room for it. To be called after `take`."""
        if not self._broken and self._asked <= 0 and len(self._buffer) <= self._batch:
            self._asked = self._batch
            request = {
                "batch": self._batch,
                "expires": int(EXPIRES_SECONDS * 1e9),
                "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9),
            }
            try:
                await self._bus.nc.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self._consumer}",
                    msgspec.json.encode(request),
                    reply=self._inbox,
                )
            except (nats.errors.Error, OSError) as error:
                self._break(repr(error))

    async def drained(self) -> bool:
        """Whether everything the stream has for us at this moment was taken, asked of the stream's leader.

        Our consumer lives on one server of a cluster; where that one lags, it says of what it has not got yet that
        there is nothing.
        """
        if self._buffer or self._broken:
            return False
        for subject in self._filters:
            try:
                last = await self._bus.api(f"STREAM.MSG.GET.{self.stream}", {"last_by_subj": subject})
            except errors.Missing as error:
                if error.code != errors.MESSAGE_NOT_FOUND:
                    raise
                continue
            if int(last["message"]["seq"]) >= self.next:
                return False
        return True

    async def close(self) -> None:
        """Leave; what was not taken is let go. Never raises."""
        subscription, self._subscription = self._subscription, None
        consumer, self._consumer = self._consumer, ""
        self._broken = self._broken or "closed"
        self._buffer.clear()
        try:
            if subscription is not None:
                await subscription.unsubscribe()
            if consumer and self._bus.connected:
                # Nobody waits for the answer: in an election there is none.
                await self._bus.nc.publish(f"$JS.API.CONSUMER.DELETE.{self.stream}.{consumer}")
        except (nats.errors.Error, OSError):
            return  # the server removes it by itself

    async def _open(self) -> None:
        name = f"register-{secrets.token_hex(8)}"
        config: dict[str, Any] = {
            "name": name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": max(self.next, 1),
            "ack_policy": "none",
            "replay_policy": "instant",
            "headers_only": self._headers_only,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(UNUSED_SECONDS * 1e9),
        }
        config |= (
            {"filter_subject": self._filters[0]} if len(self._filters) == 1 else {"filter_subjects": self._filters}
        )
        path = f"CONSUMER.CREATE.{self.stream}.{name}" + (f".{self._filters[0]}" if len(self._filters) == 1 else "")
        info = await self._bus.api(path, {"stream_name": self.stream, "config": config, "action": "create"}, again=True)
        self._consumer, self._delivered, self._asked = name, 0, 0
        self.pending = info["num_pending"]
        self._inbox = self._bus.nc.new_inbox()
        try:
            self._subscription = await self._bus.nc.subscribe(self._inbox, cb=partial(self._received, name))
        except (nats.errors.Error, OSError) as error:
            raise errors.Unavailable(f"cannot subscribe: {error!r}") from error
        self._heard, self._broken = time.monotonic(), ""
        await self.ask()

    def _doubt(self) -> str:
        if self._asked > 0 and time.monotonic() - self._heard > SILENCE_SECONDS:
            return "the server is silent"
        return ""

    def _break(self, reason: str) -> None:
        self._broken = self._broken or reason
        self._arrived.set()

    async def _received(self, consumer: str, message: Msg) -> None:
        if consumer != self._consumer or self._broken:
            return  # of a consumer that was left
        self._heard = time.monotonic()
        if not message.reply:
            self._status(message.headers or {})
            await self.ask()
            return
        tokens = message.reply.split(".")
        # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>; newer servers put a
        # domain and an account before the stream.
        base = 2 if len(tokens) == 9 else 4
        delivered = int(tokens[base + 4])
        if delivered != self._delivered + 1:
            self._break(f"delivery {self._delivered + 1} was lost")
            return
        self._delivered = delivered
        self._asked -= 1
        self.pending = int(tokens[base + 6])
        headers = message.headers or {}
        self._buffer.append(
            Message(
                message.subject,
                headers,
                message.data,
                int(tokens[base + 3]),
                int(tokens[base + 5]),
                self.pending,
                self._decode(message.subject, headers) if self._decode is not None else None,
            )
        )
        self._arrived.set()
        await self.ask()

    def _status(self, headers: dict[str, str]) -> None:
        status = headers.get("Status", "")
        if status == "100":
            return  # heartbeat
        if status in ("404", "408"):
            self._asked = 0  # the request is over; `ask` opens another
            return
        self._break(f"{status} {headers.get('Description', '')}".strip())
