"""Reading a stream as it grows, without leaving anything behind on the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import nats.errors
import nats.js.errors
from msgspec import Struct
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts import codec
from contracts.event import Event
from services.runtime.bus import Bus
from services.runtime.errors import Missing, Unavailable

FETCH = 100
WAIT_SECONDS = 5.0
PAUSE_SECONDS = 0.5
IDLE_SECONDS = 60.0
"""The server removes a reader that has not asked for so long."""


class Stored(Struct, frozen=True, kw_only=True):
    """One message as it lies in its stream."""

    stream: str
    sequence: int
    stored_at: datetime
    subject: str
    headers: Mapping[str, str]
    body: bytes
    event: Event | None
    """None: it is none of the events this version knows."""
    pending: int
    """Messages that come after it, as of its delivery."""


async def follow(
    bus: Bus,
    stream: str,
    subject: str = ">",
    *,
    after: int | None = None,
    since: datetime | None = None,
    headers_only: bool = False,
    until_now: bool = False,
) -> AsyncIterator[Stored]:
    """Messages of a stream in their order: those to come, those after a sequence, or those since an instant.

    `until_now` ends with the last one that was stored when it was read. A lost connection is waited out; nothing is
    given twice and nothing is left out.
    """
    seen = after
    if seen is None and since is None:
        seen = await last_sequence(bus, stream)
    while True:
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            headers_only=headers_only or None,
            inactive_threshold=IDLE_SECONDS,
            deliver_policy=DeliverPolicy.BY_START_TIME if seen is None else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if seen is None else seen + 1,
            opt_start_time=None if seen is not None or since is None else since.astimezone(UTC),
            mem_storage=True,
        )
        try:
            reader = await bus.js.pull_subscribe(subject, stream=stream, config=config)
        except (TimeoutError, nats.errors.Error):
            await _pause(bus)
            continue
        try:
            info = await reader.consumer_info()
            if until_now and not info.num_pending:
                return
            while True:
                messages = await _fetch(reader)
                _check_cancelled()
                for message in messages:
                    stored = _stored(message)
                    seen = stored.sequence
                    yield stored
                    if until_now and not stored.pending:
                        return
        except (nats.errors.Error, nats.js.errors.NotFoundError):
            await _pause(bus)  # the reader is gone, or the connection: from the last one seen
        finally:
            with contextlib.suppress(TimeoutError, nats.errors.Error):
                await reader.unsubscribe()


def _check_cancelled() -> None:
    """Be cancelled, if we were: wait_for of Python 3.11 loses a cancellation that comes together with its result."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _pause(bus: Bus) -> None:
    """Before trying again. A connection that was closed does not come back."""
    _check_cancelled()
    if bus.nc.is_closed:
        raise Unavailable("the connection is closed")
    await asyncio.sleep(PAUSE_SECONDS)


async def last_sequence(bus: Bus, stream: str) -> int:
    """Sequence of the newest message of a stream. Raises Missing where there is no such stream."""
    found = await bus.api(f"STREAM.INFO.{stream}")
    return int(found["state"]["last_seq"])


async def names(bus: Bus, family: str) -> list[str]:
    """The streams of a family that exist: one a year for MAIL. In the order of the years."""
    found = await bus.api("STREAM.NAMES", {"offset": 0})
    every = [str(name) for name in found.get("streams") or []]
    chosen = sorted(name for name in every if name == family or name.startswith(f"{family}_"))
    if not chosen:
        raise Missing(f"there is no stream {family}")
    return chosen


async def _fetch(reader: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await reader.fetch(FETCH, timeout=WAIT_SECONDS)
    except TimeoutError:  # nothing came
        return []


def _stored(message: Msg) -> Stored:
    about = message.metadata
    headers: dict[str, str] = dict(message.headers or {})
    return Stored(
        stream=about.stream,
        sequence=about.sequence.stream,
        stored_at=about.timestamp,
        subject=message.subject,
        headers=headers,
        body=message.data,
        event=_event(message.subject, headers, message.data),
        pending=about.num_pending,
    )


def _event(subject: str, headers: dict[str, Any], body: bytes) -> Event | None:
    try:
        return codec.decode_received(headers) if subject.startswith("mail.v1.received.") else codec.decode(body)
    except codec.UndecodableError:
        return None
