"""Rows of all books as they are written, from a place on, in order and without a hole."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.streams import BOOKS, REGISTER
from services.runtime.bus import Bus
from services.runtime.errors import BusError, Unavailable
from services.sign import scan

_BATCH: Final = 256
_EXPIRES_SECONDS: Final = 30
_HEARTBEAT_SECONDS: Final = 1
_SILENCE_SECONDS: Final = 5.0
"""Without a message or a heartbeat for so long the server has forgotten the request."""


async def follow(bus: Bus, start: int) -> AsyncGenerator[Msg, None]:
    """Every message of every book from REGISTER's sequence `start` on, for ever.

    Whoever leaves closes it (`contextlib.aclosing`).

    Raises:
        Unavailable: a delivery was lost, the connection was, or the server is silent. Whoever reads has to find out
            first where the books stand: the server may have come back with another store.
    """
    name = f"sign-{secrets.token_hex(8)}"
    reconnects = bus.nc.stats["reconnects"]
    await scan.make(bus, REGISTER.family, scan.consumer(name, [BOOKS], scan.from_sequence(start), headers_only=False))
    inbox = bus.nc.new_inbox()
    delivered = 0
    try:
        subscription = await bus.nc.subscribe(inbox)
        try:
            while True:
                if bus.nc.stats["reconnects"] != reconnects:
                    raise Unavailable("the connection was lost")
                await _ask(bus, name, inbox)
                async for message in _answers(subscription):
                    delivered += 1
                    if message.metadata.sequence.consumer != delivered:
                        raise Unavailable(f"delivery {delivered} of {REGISTER.family} was lost")
                    yield message
        finally:
            await subscription.unsubscribe()
    except (nats.errors.Error, OSError) as error:
        raise Unavailable(f"{REGISTER.family} could not be read: {error!r}") from error
    finally:
        if bus.connected:
            with suppress(BusError):  # the server removes it by itself in a minute
                await bus.api(f"CONSUMER.DELETE.{REGISTER.family}.{name}")


async def _ask(bus: Bus, name: str, inbox: str) -> None:
    request = {
        "batch": _BATCH,
        "expires": _EXPIRES_SECONDS * 1_000_000_000,
        "idle_heartbeat": _HEARTBEAT_SECONDS * 1_000_000_000,
    }
    await bus.nc.publish(
        f"$JS.API.CONSUMER.MSG.NEXT.{REGISTER.family}.{name}", msgspec.json.encode(request), reply=inbox
    )


async def _answers(subscription: Subscription) -> AsyncGenerator[Msg, None]:
    """What answers one request, until it is over."""
    left = _BATCH
    while left:
        message = await subscription.next_msg(timeout=_SILENCE_SECONDS)
        status = (message.headers or {}).get("Status", "")
        if message.reply:
            left -= 1
            yield message
        elif status in ("404", "408"):
            return  # the request is over
        elif status != "100":
            raise Unavailable(f"{REGISTER.family} could not be read: {message.headers}")
