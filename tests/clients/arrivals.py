"""The letters that are stored from now on, as any service reads them."""

import asyncio
from dataclasses import dataclass

from nats.js import JetStreamContext, api

from contracts.event import Position
from contracts.mail import MailReceived
from services.runtime.bus import Bus
from services.runtime.letters import read_letter
from tests.conftest import THIS_YEAR

MAIL = f"MAIL_{THIS_YEAR}"
SECONDS = 30


@dataclass(frozen=True)
class Arrival:
    """One letter of one agency."""

    event: MailReceived
    octets: bytes


class Arrivals:
    """Reads MAIL from the moment it was begun."""

    def __init__(self, bus: Bus, subscription: JetStreamContext.PushSubscription) -> None:
        self._bus = bus
        self._subscription = subscription

    @classmethod
    async def begin(cls, bus: Bus) -> "Arrivals":
        """Nothing that is stored after this returns is missed."""
        config = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.NEW, headers_only=True)
        subject = MailReceived.form.format(agency="*")
        return cls(bus, await bus.js.subscribe(subject, stream=MAIL, ordered_consumer=True, config=config))

    async def next(self) -> Arrival:
        """The next letter; waits for it."""
        async with asyncio.timeout(SECONDS):
            message = await self._subscription.next_msg(SECONDS)
            position = Position(stream=MAIL, sequence=message.metadata.sequence.stream)
            return Arrival(*await read_letter(self._bus.nc, position, SECONDS))

    async def by_message_id(self, count: int) -> dict[str, Arrival]:
        """So many letters, which came in any order."""
        found = [await self.next() for _ in range(count)]
        assert len({arrival.event.lines.message_id for arrival in found}) == count
        return {arrival.event.lines.message_id: arrival for arrival in found}

    async def no_more(self) -> bool:
        """Whether everything that is stored has been read."""
        info = await self._subscription.consumer_info()
        return info.num_pending == 0 and self._subscription.pending_msgs == 0
