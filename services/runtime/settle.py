"""How a message of a durable consumer is settled: done, tried again, or given up. Used by sign and notify.

A handler says the outcome, never the transport: it returns (done), raises `Retry` or raises `Poison`. What it raises
besides is retried with a growing pause and given up after ATTEMPTS failures; trouble with NATS itself is retried
for ever. Nothing is given up without its dead letter stored first.

FastStream serves the messages, one at a time per worker, so that none waits in memory while its time runs out.
Consumers are made by provision.py and watched by consumers.py; here they are only bound to.
"""

import asyncio
import logging
import random
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import nats.errors
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsMessage
from faststream.security import SASLPlaintext
from msgspec import Struct
from nats.aio.msg import Msg
from structlog.contextvars import bound_contextvars

from contracts import codec, permissions
from contracts.dead import MessageGivenUp
from contracts.event import Event, Position
from contracts.streams import Consumer
from contracts.values import UNASSIGNED, instant
from services.runtime import log, metrics, replies
from services.runtime.bus import PING_SECONDS, RECONNECT_SECONDS, Bus
from services.runtime.consumers import Binding, ConsumerLost, Watch
from services.runtime.errors import BusError
from services.runtime.island import leave_islands
from services.runtime.pulls import pace
from services.runtime.readiness import Readiness

ATTEMPTS = 20
"""Failures of one message before it is given up."""

LONGEST_PAUSE_SECONDS = 60.0
FETCH_SECONDS = 5.0
REMEMBERED = 4_096
"""Messages whose failures are counted; more than all consumers' max_ack_pending together."""

E = TypeVar("E", bound=Event)

_ACK_TOKENS = 9
"""Parts of an ack subject without a domain: $JS.ACK.stream.consumer.delivered.sequence.number.time.pending."""

_AGENCY = re.compile(r"[a-z]+\.v1\.[a-z]+\.([a-z0-9][a-z0-9_-]{0,62})(\.|$)")


class Retry(Exception):  # noqa: N818 - an outcome, not an error
    """Not now: deliver it again after `delay_seconds`. As often as it takes; it never becomes poison."""

    def __init__(self, delay_seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds
        self.reason = reason


class Poison(Exception):  # noqa: N818 - an outcome, not an error
    """Never: this message cannot be carried out however often it is tried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Delivery(Struct, Generic[E], frozen=True, kw_only=True):
    """One message in the hands of a handler."""

    event: E
    position: Position
    deliveries: int
    """How often it was delivered, this time included."""
    stored_at: datetime
    """When its stream stored it."""


Handler = Callable[[Delivery[E]], Awaitable[None]]


class Settlement:
    """The consumers of one service. Say `on` for each, then `run`."""

    def __init__(self, bus: Bus, readiness: Readiness) -> None:
        self._bus = bus
        self._readiness = readiness
        self._bindings: list[Binding] = []
        self._failures: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._broker: NatsBroker | None = None
        self._watch: Watch | None = None

    def on(
        self,
        consumer: Consumer,
        handler: Handler[E],
        *kinds: type[E],
        deadline_seconds: float | None = None,
        workers: int = 1,
    ) -> None:
        """Give the events of `kinds` that `consumer` delivers to `handler`; its other events are acknowledged.

        `workers` handlers run at once; with one, events are handled in the order of delivery. A handler that takes
        longer than `deadline_seconds` (default: three quarters of the consumer's ack_wait) is cancelled and retried.
        """
        self._bindings.append(
            Binding(
                consumer=consumer,
                handler=handler,
                kinds=kinds,
                deadline=deadline_seconds or consumer.ack_wait_seconds * 0.75,
                workers=workers,
            )
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then let the handlers that run finish.

        Waits for consumers that are not provisioned yet, and says so in `readiness`.
        Raises ConsumerLost where going on would be pointless.
        """
        watch = Watch(self._bus, self._readiness, self._bindings)
        if not await watch.wait_for_consumers(stop):
            return
        self._watch = watch
        broker = self._broker = self._build()
        looking: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(self._bus.timeout):
                await broker.start()
            for subscriber in broker.subscribers:
                pace(subscriber, broker.connection)
            if len(self._bus.settings.servers) > 1:
                looking = asyncio.create_task(leave_islands(broker.connection), name="island")
            await watch.run(stop, lambda: bool(broker.connection.is_connected))
        except TimeoutError as error:
            raise ConsumerLost("no connection for the consumers") from error
        finally:
            if looking is not None:
                looking.cancel()
            self._readiness.set("consumers", ready=False, reason="stopping")
            await self._stop(broker)

    def _build(self) -> NatsBroker:
        config, service = self._bus.settings, self._bus.service
        user, _, password = config.users.get(service, "").partition(":")
        broker = NatsBroker(
            random.sample(config.servers, len(config.servers)),
            dont_randomize=True,  # shuffled once: the next server after a break shall be another one
            name=f"saraban {service} consumers",
            security=SASLPlaintext(user, password) if user else None,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # seconds; a float works
            connect_timeout=config.connect_seconds,  # type: ignore[arg-type]  # as above
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            pending_size=replies.PENDING_BYTES,
            inbox_prefix=permissions.inbox(service),
            closed_cb=self._closed,
            graceful_timeout=self._graceful(),  # then it cancels handlers: longer than any deadline
            apply_types=False,
            logger=logging.getLogger("saraban.faststream"),  # its own one writes two lines a message
            log_level=logging.DEBUG,
        )
        for binding in self._bindings:
            for _ in range(binding.workers):
                self._subscribe(broker, binding)
        return broker

    def _subscribe(self, broker: NatsBroker, binding: Binding) -> None:
        async def whole(message: NatsMessage) -> NatsMessage:
            return message  # FastStream's own reading of JSON is lax; contracts/codec.py reads it in `_settle`

        async def handle(message: NatsMessage) -> None:
            await self._settle(binding, message.raw_message)

        subscriber = broker.subscriber(
            binding.consumer.filter_subject,
            durable=binding.consumer.durable,
            stream=JStream(binding.consumer.stream, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
            inbox_prefix=permissions.inbox(self._bus.service).encode() + b".",
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=whole,
        )
        subscriber(handle)

    async def _closed(self) -> None:
        """The connection ended for good: FastStream's pull loops would spin on it and freeze the event loop."""
        if self._broker is not None:
            for subscriber in self._broker.subscribers:
                subscriber.running = False
        if self._watch is not None:
            self._watch.say_lost("the connection of the consumers ended")

    async def _stop(self, broker: NatsBroker) -> None:
        """Let the running handlers finish, then close. What fails here only means redelivery."""
        try:
            async with asyncio.timeout(self._graceful() + self._bus.timeout):
                await broker.stop()
        except Exception as error:  # noqa: BLE001 - FastStream wraps what it likes into groups
            log.settlement_stop(repr(error))
            # It gives up half-way while NATS is away, and would reconnect for ever.
            with suppress(Exception):  # there may be no connection at all, or a socket that cannot be drained
                await broker.connection.close()

    def _graceful(self) -> float:
        return max(binding.deadline for binding in self._bindings) + 5

    # -- one message ------------------------------------------------------------------------------------------------

    async def _settle(self, binding: Binding, message: Msg) -> None:
        begun = time.monotonic()
        binding.active += 1
        binding.moved = begun
        try:
            found = message.metadata
            position = Position(stream=found.stream, sequence=found.sequence.stream)
            with bound_contextvars(
                consumer=binding.consumer.durable, position=str(position), delivery=found.num_delivered
            ):
                outcome = await self._outcome(binding, message, position, found.num_delivered, _stored_at(message))
        except Exception as error:  # noqa: BLE001 - FastStream would drop it silently; the server delivers it again
            log.settlement_failed(repr(error))
            outcome = "unsettled"
        finally:
            binding.active -= 1
            binding.moved = time.monotonic()
        metrics.HANDLED.labels(self._bus.service, outcome).inc()
        metrics.HANDLING.labels(self._bus.service).observe(time.monotonic() - begun)

    async def _outcome(
        self, binding: Binding, message: Msg, position: Position, deliveries: int, stored_at: datetime
    ) -> str:
        try:
            event: Event = codec.decode(message.data)
            if isinstance(event, binding.kinds):
                delivery = Delivery(event=event, position=position, deliveries=deliveries, stored_at=stored_at)
                await self._carry_out(binding, message, delivery)
        except codec.UndecodableError as error:
            return await self._give_up(binding, message, position, deliveries, f"cannot be read: {error}")
        except Poison as error:
            return await self._give_up(binding, message, position, deliveries, error.reason)
        except Retry as error:
            log.settlement_retry(error.delay_seconds, error.reason)
            await message.nak(delay=max(0.001, error.delay_seconds))
            return "retry"
        except BusError as error:
            pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(deliveries - 1, 6))
            log.settlement_retry(pause, repr(error))
            await message.nak(delay=pause)
            return "retry"
        except Exception as error:  # noqa: BLE001 - whatever a handler raises besides: try again, but not for ever
            return await self._failed(binding, message, position, deliveries, error)
        await message.ack_sync(timeout=self._bus.timeout)
        self._failures.pop((position.stream, position.sequence), None)
        return "done"

    async def _carry_out(self, binding: Binding, message: Msg, delivery: Delivery[Any]) -> None:
        beating = asyncio.create_task(_beat(message, binding.consumer.ack_wait_seconds / 4))
        try:
            async with asyncio.timeout(binding.deadline):
                await binding.handler(delivery)
        finally:
            beating.cancel()

    async def _failed(
        self, binding: Binding, message: Msg, position: Position, deliveries: int, error: Exception
    ) -> str:
        key = (position.stream, position.sequence)
        failures = self._failures.pop(key, 0) + 1
        if failures >= ATTEMPTS:
            return await self._give_up(binding, message, position, deliveries, f"failed {failures} times: {error!r}")
        self._failures[key] = failures
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (failures - 1))
        log.handler_failed(failures, pause, repr(error))
        await message.nak(delay=pause)
        return "failed"

    async def _give_up(self, binding: Binding, message: Msg, position: Position, deliveries: int, reason: str) -> str:
        agency = _AGENCY.match(message.subject)
        letter = MessageGivenUp(
            agency=agency.group(1) if agency else UNASSIGNED,
            service=self._bus.service,
            consumer=binding.consumer.durable,
            source=position,
            subject=message.subject,
            reason=reason[:2_000],
            attempts=deliveries,
            given_up_at=instant(time.time_ns()),
        )
        try:
            await self._bus.publish(letter)
        except BusError as error:
            log.settlement_retry(LONGEST_PAUSE_SECONDS, f"no dead letter yet: {error!r}")
            await message.nak(delay=LONGEST_PAUSE_SECONDS)
            return "retry"
        await message.term()
        self._failures.pop((position.stream, position.sequence), None)
        log.given_up(message.subject, reason[:2_000])
        return "poison"


def _stored_at(message: Msg) -> datetime:
    """When the message was stored: exactly what a direct get says. The client's own reading rounds through a float."""
    tokens = message.reply.split(".")
    ns = int(tokens[7] if len(tokens) == _ACK_TOKENS else tokens[9])
    seconds, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


async def _beat(message: Msg, seconds: float) -> None:
    """Tell the server that the message is worked on, before its ack_wait is over."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await message.in_progress()
        except (nats.errors.Error, OSError) as error:
            log.settlement_beat(repr(error))


__all__ = ["ConsumerLost", "Delivery", "Handler", "Poison", "Retry", "Settlement"]
