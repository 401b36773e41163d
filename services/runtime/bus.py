"""The NATS connection, with the options that are not negotiable."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import msgspec
import nats
import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from contracts import codec, permissions
from contracts.event import Event, Position
from services.runtime import errors, island, log, metrics, replies, settings
from services.runtime.batch import Outgoing, commit
from services.runtime.wire import Client

RECONNECT_SECONDS = 0.5
PING_SECONDS = 10
"""A server that is stopped but not gone is noticed after two unanswered pings."""

AGAIN_SECONDS = 1.5
"""On a cluster, a question without an answer is asked again after so long."""

_QUESTIONS = ("INFO", "STREAM.INFO.", "STREAM.NAMES", "STREAM.MSG.GET.", "CONSUMER.INFO.")
"""What changes nothing, however often it is asked."""


class Bus:
    """One connection of one service. It reconnects for ever; `on_closed` is called if it ends all the same."""

    def __init__(self, nc: Client, config: settings.Nats, service: str) -> None:
        self.nc = nc
        self.js: JetStreamContext = nc.jetstream(timeout=config.request_seconds)
        self.settings = config
        self.service = service
        self.timeout = config.request_seconds
        self._closing = False
        self._looking: asyncio.Task[None] | None = None

    @staticmethod
    async def connect(config: settings.Nats, service: str, on_closed: Callable[[], None] | None = None) -> "Bus":
        """Connect as the user of `service`.

        `on_closed` is called once if the connection ends for good without `close`: the process has to end then,
        since FastStream's pull loops would spin on it.

        Raises:
            Unavailable: no server answered within `request_seconds`, or it does not know us.
        """
        nc = Client()
        bus = Bus(nc, config, service)
        user, _, password = config.users.get(service, "").partition(":")
        connected = metrics.CONNECTED.labels(service)
        last_error: list[str] = [""]

        async def on_error(error: Exception) -> None:
            text = f"{type(error).__name__}: {error}"
            if text != last_error[0]:  # an outage repeats the same one at every attempt
                last_error[0] = text
                log.nats_error(text)

        async def on_disconnected() -> None:
            connected.set(0)
            replies.lost(nc)
            if not bus._closing:
                log.nats_disconnected()

        async def on_reconnected() -> None:
            connected.set(1)
            last_error[0] = ""
            log.nats_reconnected(nc.connected_url.netloc if nc.connected_url else "")

        async def on_close() -> None:
            connected.set(0)
            replies.lost(nc)
            if not bus._closing:
                log.nats_closed(last_error[0])
                if on_closed is not None:
                    on_closed()

        try:
            async with asyncio.timeout(config.request_seconds):
                await nc.connect(
                    # Shuffled here, and once: after a break nats-py would shuffle again, and may draw the same server.
                    servers=random.sample(config.servers, len(config.servers)),
                    dont_randomize=True,
                    name=f"saraban {service}",
                    user=user or None,
                    password=password or None,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # seconds; a float works
                    connect_timeout=config.connect_seconds,  # type: ignore[arg-type]  # as above
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    pending_size=replies.PENDING_BYTES,
                    inbox_prefix=permissions.inbox(service),
                    error_cb=on_error,
                    disconnected_cb=on_disconnected,
                    reconnected_cb=on_reconnected,
                    closed_cb=on_close,
                )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            bus._closing = True
            await nc.close()
            reason = last_error[0] or str(error) or type(error).__name__
            raise errors.Unavailable(f"cannot connect to {', '.join(config.servers)}: {reason}") from error
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # wait_for of Python 3.11 loses a cancellation that comes together with its result.
            await bus.close()
            raise asyncio.CancelledError
        connected.set(1)
        if len(config.servers) > 1:
            bus._looking = asyncio.create_task(island.leave_islands(nc), name="island")
        return bus

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return bool(self.nc.is_connected)

    async def publish(self, event: Event) -> Position:
        """Store one event; returning is the server's durable ack. Raises the errors of `batch.commit`."""
        message = Outgoing(event.nats_subject, codec.encode(event), codec.encode_headers(event))
        return await commit(self.nc, (message,), self.timeout)

    async def api(self, subject: str, request: object = None, *, again: bool = False) -> dict[str, Any]:
        """Ask JetStream's API in its own words: `$JS.API.<subject>`. Raises the error it answers with.

        `again`: it may be asked twice, as every question may.
        """
        body = b"" if request is None else msgspec.json.encode(request)
        answer = await self._asked(f"$JS.API.{subject}", body, again=again or subject.startswith(_QUESTIONS))
        reply: dict[str, Any] = msgspec.json.decode(answer.data, type=dict[str, Any])
        if "error" in reply:
            raise errors.from_answer(reply["error"])
        return reply

    async def _asked(self, subject: str, body: bytes, *, again: bool) -> Msg:
        """The answer; on a cluster a question is asked again, since a leader that died takes it with it."""
        deadline = replies.Deadline(self.timeout)
        while again and len(self.settings.servers) > 1 and deadline.left > AGAIN_SECONDS:
            try:
                return await replies.request(self.nc, subject, body, AGAIN_SECONDS)
            except errors.NotServed:
                raise
            except errors.Unavailable:
                if not self.connected:
                    raise
        return await replies.request(self.nc, subject, body, max(0.001, deadline.left))

    async def close(self) -> None:
        """Send what is pending and close. Never raises, never waits longer than a request."""
        self._closing = True
        if self._looking is not None:
            self._looking.cancel()
        try:
            async with asyncio.timeout(self.timeout):
                await self.nc.close()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            log.nats_error(f"while closing: {error!r}")
