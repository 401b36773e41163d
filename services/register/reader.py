"""What the register reads: the letters of all years in their order, and the orders."""

import asyncio
import re
import time
from typing import Final

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.streams import MAIL, MAIL_RECEIVED, ORDERS
from contracts.values import from_instant
from services.register import intake
from services.register.feed import Feed, Message
from services.register.intake import ORDER_KINDS, Letter, OrderRead
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable
from services.runtime.letters import read_message

NEW_YEAR_SECONDS: Final = 1.0
"""So often, when there is nothing to do, it is looked whether MAIL has gone on to another year."""

LOOK_SECONDS: Final = 0.5
"""… and no longer: letters wait meanwhile."""

_MAIL: Final = re.compile(rf"{MAIL.family}_\d{{4}}")
_ORDERS_AT_ONCE: Final = 4  # an order may be as large as a message may be


class StreamBehindError(Exception):
    """MAIL ends before the position reached: an older copy was brought back. To go on would skip letters."""


class MailReader:
    """Letters of MAIL_<year> after MAIL_<year>, each in the order of its stream."""

    def __init__(self, bus: Bus, after: Position | None, arrived: asyncio.Event, batch: int) -> None:
        self._bus = bus
        self._after = after
        self._arrived = arrived
        self._batch = batch
        self._feed: Feed | None = None
        self._looked = 0.0
        self._ended = ""

    @property
    def waiting(self) -> int:
        """Letters that lie in the stream and have not been taken."""
        return self._feed.waiting if self._feed else 0

    @property
    def buffered(self) -> bool:
        """Whether there are letters to take at once."""
        return self._feed is not None and self._feed.buffered

    @property
    def oldest_ns(self) -> int | None:
        """When MAIL stored the oldest letter that has not been taken, as far as it was delivered."""
        return self._feed.oldest_ns if self._feed else None

    async def take(self, most: int) -> list[Letter]:
        """The next letters, as many as are there at once; empty if there is none. Raises the errors of the bus."""
        if self._feed is None or not self._feed.waiting:
            await self._turn_the_year()
        if self._feed is None:
            return []
        await self._feed.refresh()
        stream = self._feed.stream
        found = [await self._letter(stream, message) for message in self._feed.take(most)]
        await self._feed.ask()
        return found

    async def close(self) -> None:
        """Leave."""
        if self._feed is not None:
            await self._feed.close()

    async def _turn_the_year(self) -> None:
        """Go to the first year there is, or to the next one when the present one has no more letters."""
        if time.monotonic() - self._looked < NEW_YEAR_SECONDS:
            return
        self._looked = time.monotonic()
        at = self._feed.stream if self._feed else self._after.stream if self._after else ""
        try:
            async with asyncio.timeout(None if self._feed is None else LOOK_SECONDS):
                years = await self._years()
        except (TimeoutError, Unavailable):
            if self._feed is None:
                raise
            return  # the servers elect who answers this; letters of this year come all the same
        if self._feed is None:
            later = [name for name in years if name >= at]
        else:
            later = [name for name in years if name > at]
            # Asked after the next year was seen: the present one had given up its subjects before that. Asked twice:
            # what its servers were still agreeing on at the first look is there at the second.
            if not later:
                return
            drained = await self._feed.drained()
            if not drained or self._ended != at:
                self._ended = at if drained else ""
                return
            await self._feed.close()
        if later:
            self._feed = await self._feed_of(later[0])

    async def _years(self) -> list[str]:
        found = await self._bus.api("STREAM.NAMES", {"offset": 0})
        return sorted(name for name in found.get("streams") or [] if _MAIL.fullmatch(name))

    async def _feed_of(self, stream: str) -> Feed:
        start = 1
        if self._after is not None and self._after.stream == stream:
            start = self._after.sequence + 1
            info = await self._bus.api(f"STREAM.INFO.{stream}")
            if info["state"]["last_seq"] < self._after.sequence:
                raise StreamBehindError(
                    f"{stream} ends at {info['state']['last_seq']}, but letters up to {self._after} are in the register"
                )
        return Feed(
            self._bus,
            stream,
            [MAIL_RECEIVED],
            start,
            self._arrived,
            batch=self._batch,
            headers_only=True,
            decode=_received,
        )

    async def _letter(self, stream: str, message: Message) -> Letter:
        position = Position(stream=stream, sequence=message.sequence)
        event = message.event
        if not isinstance(event, MailReceived):
            whole = await read_message(self._bus.nc, stream, message.sequence, self._bus.timeout)
            body = whole.body if whole is not None else b""
            return intake.salvaged(message.subject, message.headers, body, position, message.stored_ns)
        if event.parts:
            position = Position(stream=stream, sequence=message.sequence, parts=event.parts)
        return intake.letter(event, position, message.stored_ns)


def _received(subject: str, headers: dict[str, str]) -> MailReceived | None:
    try:
        event = codec.decode_received(headers)
        from_instant(event.received_at)
    except (codec.UndecodableError, ValueError):
        return None
    return event if subject == MAIL_RECEIVED.replace("*", event.agency) else None  # whose letter is it, otherwise?


class OrderReader:
    """Orders that change a book, in the order they were given."""

    def __init__(self, bus: Bus, after: Position | None, arrived: asyncio.Event) -> None:
        subjects = [kind.form.format(agency="*") for kind in ORDER_KINDS]
        start = after.sequence + 1 if after is not None else 1
        self.arrived = arrived
        self._feed = Feed(bus, ORDERS.family, subjects, start, arrived, batch=_ORDERS_AT_ONCE)

    async def take(self) -> list[OrderRead]:
        """The next orders, as many as are there at once; empty if there is none. Raises the errors of the bus."""
        await self._feed.refresh()
        found = self._feed.take(_ORDERS_AT_ONCE)
        await self._feed.ask()
        return [
            intake.order(message.subject, message.body, Position(stream=ORDERS.family, sequence=message.sequence))
            for message in found
        ]

    def reads_up_to(self, sequence: int) -> bool:
        """Whether every order up to `sequence` has been taken."""
        return self._feed.next > sequence

    async def close(self) -> None:
        """Leave."""
        await self._feed.close()
