"""What an officer wants tried again: a message that was given up is handed to its handler once more.

The consumer that gave it up has let it go for good, so the decision itself is the message here (contracts/dead.py).
"""

import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from contracts import codec
from contracts.dead import MessageGivenUp, MessageRetried
from contracts.event import Event
from contracts.values import instant
from services.runtime import log
from services.runtime.bus import Bus
from services.runtime.errors import BusError
from services.runtime.letters import RawMessage, read_message
from services.runtime.settle import Delivery, Handler, Poison, Retry


class Handled(Struct, frozen=True):
    """What a consumer's messages are given to: the same as in `Settlement.on`."""

    handler: Handler[Any]
    kinds: tuple[type[Event], ...]


class Retries:
    """The handler of a service's retries; `consumers` are its durables by their names."""

    def __init__(self, bus: Bus, consumers: Mapping[str, Handled]) -> None:
        self._bus = bus
        self._consumers = consumers

    async def retried(self, delivery: Delivery[MessageRetried]) -> None:
        """Carry the message out; if it fails again, it is given up again, and shows in the list of the dead."""
        decision = delivery.event
        place = decision.source
        message = await read_message(self._bus.nc, place.stream, place.sequence, self._bus.timeout)
        if message is None:
            log.retried(str(place), "erased")
            return
        try:
            await self._carry_out(decision, message, delivery.deliveries)
        except (Retry, BusError):
            raise  # not now: the decision is delivered again
        except Poison as error:
            await self._again(decision, message, error.reason)
        except Exception as error:  # noqa: BLE001 - whatever it is, the officer who asked for it has to see it
            await self._again(decision, message, f"failed again: {error!r}")
        else:
            log.retried(str(place), "done")

    async def _carry_out(self, decision: MessageRetried, message: RawMessage, deliveries: int) -> None:
        handled = self._consumers.get(decision.consumer)
        if handled is None:
            raise Poison(f"this version has no consumer {decision.consumer!r}")
        try:
            event: Event = codec.decode(message.body, *handled.kinds)
        except codec.UndecodableError as error:
            raise Poison(f"cannot be read: {error}") from error
        await handled.handler(
            Delivery(event=event, position=decision.source, deliveries=deliveries, stored_at=message.stored_at)
        )

    async def _again(self, decision: MessageRetried, message: RawMessage, reason: str) -> None:
        await self._bus.publish(
            MessageGivenUp(
                agency=decision.agency,
                service=decision.service,
                consumer=decision.consumer,
                source=decision.source,
                subject=message.subject,
                reason=reason[:2_000],
                attempts=1,
                given_up_at=instant(time.time_ns()),
            )
        )
        log.given_up(message.subject, reason[:2_000])
