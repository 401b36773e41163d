"""Messages of a stream as it is now, read once from a place to the end."""

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
import nats.errors
from nats.aio.msg import Msg

from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable

_BATCH: Final = 512
UNUSED_SECONDS: Final = 60
"""The server removes the consumer of a reader that is gone."""

LAST_OF_EACH: Final[Mapping[str, object]] = {"deliver_policy": "last_per_subject"}
"""A start: only the newest message of each subject."""


def since(moment: datetime) -> Mapping[str, object]:
    """A start: what was stored from `moment` on. Not together with several filters of which one may be rare."""
    return {"deliver_policy": "by_start_time", "opt_start_time": moment.isoformat()}


def from_sequence(sequence: int) -> Mapping[str, object]:
    """A start: this sequence of the stream."""
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": max(1, sequence)}


def consumer(
    name: str, filters: Sequence[str], start: Mapping[str, object], *, headers_only: bool
) -> dict[str, object]:
    """A consumer of one reader, which leaves nothing behind."""
    return {
        "name": name,
        "filter_subjects": list(filters),
        "ack_policy": "none",
        "replay_policy": "instant",
        "headers_only": headers_only,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": UNUSED_SECONDS * 1_000_000_000,
        **start,
    }


async def make(bus: Bus, stream: str, config: Mapping[str, object]) -> int:
    """Make a consumer; returns how many messages wait for it. Raises the errors of the bus."""
    # The name stands in the subject and not the filter, since there may be several; permissions.py allows both forms.
    info = await bus.api(
        f"CONSUMER.CREATE.{stream}.{config['name']}", {"stream_name": stream, "config": config, "action": "create"}
    )
    return int(info["num_pending"])


async def scan(
    bus: Bus, stream: str, filters: Sequence[str], start: Mapping[str, object], *, headers_only: bool = False
) -> AsyncGenerator[Msg, None]:
    """Every message of `filters` from `start` to the end of the stream as it is at the first step. In order.

    Whoever stops early closes it (`contextlib.aclosing`). Raises the errors of the bus.
    """
    name = f"sign-{secrets.token_hex(8)}"
    waiting = await make(bus, stream, consumer(name, filters, start, headers_only=headers_only))
    inbox = bus.nc.new_inbox()
    try:
        subscription = await bus.nc.subscribe(inbox)
        try:
            while waiting > 0:
                asked = min(waiting, _BATCH)
                request = {"batch": asked, "expires": int(bus.timeout * 1e9)}
                await bus.nc.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", msgspec.json.encode(request), reply=inbox
                )
                for _ in range(asked):
                    message = await subscription.next_msg(timeout=bus.timeout)
                    if not message.reply:
                        raise Unavailable(f"{stream} could not be read: {message.headers}")
                    yield message
                waiting -= asked
        finally:
            await subscription.unsubscribe()
    except (nats.errors.Error, OSError) as error:
        raise Unavailable(f"{stream} could not be read: {error!r}") from error
    finally:
        with suppress(BusError):  # the server removes it by itself in a minute
            await bus.api(f"CONSUMER.DELETE.{stream}.{name}")
