"""An order on its way: checked where that is cheap, published, and waited for until the register has carried it out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from contracts.dead import MessageGivenUp
from contracts.directory import Agency
from contracts.event import Event, Position
from contracts.orders import EntryOrder, MoveOrdered, Order, VoidOrdered
from contracts.register import BookOpened, EntryMoved, EntryVoided, LetterEntered
from contracts.streams import ORDERS
from services.commands.errors import CommandError
from services.commands.known import known_agencies
from services.commands.place import connected, find
from services.commands.stream import follow, last_sequence
from services.register.book import book_subject
from services.register.listing import Entry, one
from services.runtime.bus import Bus

KEPT = 3
"""Exit code of an order that is kept, but was not carried out while somebody waited."""


class Given(Struct, frozen=True):
    """An order that lies in ORDERS, and the row it became; None where nobody waited, or it changed nothing."""

    position: Position
    row: Event | None


@contextlib.asynccontextmanager
async def desk(state: Path | None, config: Path | None, agency: str) -> AsyncIterator[tuple[Bus, Agency]]:
    """A connection, and the agency that the order is for: one for nobody would lie there for ever."""
    async with connected(find(state, config)) as bus:
        agencies = await known_agencies(bus)
        if agency not in agencies:
            raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(agencies)) or 'none'}", 2)
        yield bus, agencies[agency]


async def entry(bus: Bus, order: EntryOrder, number: int) -> Entry:
    """The entry that an order speaks of. Raises CommandError where there is none, or nothing is left to do with it."""
    found = await one(bus, book_subject(order.agency, order.series, order.year), number)
    if found is None:
        raise CommandError(f"there is no entry {number} in the book {order.agency}/{order.series}/{order.year}")
    said = found.row.number_text
    if isinstance(order, VoidOrdered | MoveOrdered):
        if (void := found.voided) is not None:
            by = f" by {void.order.by}: {void.order.reason}" if void.order is not None else ""
            raise CommandError(f"{said} is void already{by}")
        if (moved := found.moved) is not None:
            where = f"{moved.to_series}/{moved.to_year} number {moved.to_number}"
            raise CommandError(f"{said} was moved to {where} already; give the order for the entry there")
    return found


async def give(bus: Bus, order: Order, seconds: float) -> Given:
    """Publish the order, and wait at most so long until the register has answered it; 0: do not wait.

    Raises CommandError with the register's reason where it refused, or with KEPT where it did not answer in time.
    """
    after, dead = await last_sequence(bus, "REGISTER"), await last_sequence(bus, "DEAD")
    stored = await bus.publish(order)
    position = Position(stream=ORDERS.family, sequence=stored.sequence)
    if not seconds:
        return Given(position, None)
    try:
        async with asyncio.timeout(seconds):
            return Given(position, await _outcome(bus, order, position, after, dead))
    except TimeoutError:
        raise CommandError(
            f"the order is kept ({position}), but the register has not answered within {seconds:g} s: it carries it "
            "out when it runs again; do not give it a second time",
            KEPT,
        ) from None


async def _outcome(bus: Bus, order: Order, position: Position, after: int, dead: int) -> Event:
    carried = asyncio.create_task(_row(bus, order, position, after))
    refused = asyncio.create_task(_refusal(bus, order, position, dead))
    try:
        done, _ = await asyncio.wait((carried, refused), return_when=asyncio.FIRST_COMPLETED)
        if refused in done:
            raise CommandError(f"the register refused: {refused.result()}")
        return carried.result()
    finally:
        for task in (carried, refused):
            task.cancel()
        await asyncio.gather(carried, refused, return_exceptions=True)


async def _row(bus: Bus, order: Order, position: Position, after: int) -> Event:
    """The row that carries the order out; of a move the one in the book it leaves."""
    async for stored in follow(bus, "REGISTER", f"register.v1.entered.{order.agency}.*.*", after=after):
        row = stored.event
        if getattr(row, "order", None) != position or row is None:
            continue
        if isinstance(order, MoveOrdered) and not isinstance(row, EntryMoved):
            continue  # the entry it became, in the other book
        return row
    raise CommandError("REGISTER ended")  # follow does not end by itself


async def _refusal(bus: Bus, order: Order, position: Position, after: int) -> str:
    async for stored in follow(bus, "DEAD", f"dead.v1.register.{order.agency}", after=after):
        if isinstance(stored.event, MessageGivenUp) and stored.event.source == position:
            return stored.event.reason
    raise CommandError("DEAD ended")  # follow does not end by itself


def words(row: Event) -> str:
    """What the register did, in a few words."""
    match row:
        case BookOpened():
            return f"the book opens at {row.first}"
        case LetterEntered():
            return f"{row.number_text}  ({row.series} {row.number}/{row.year})"
        case EntryVoided():
            return f"number {row.number} is void (ยกเลิก)"
        case EntryMoved():
            return f"number {row.number} went on as {row.to_series} {row.to_number}/{row.to_year}"
        case _:
            return f"number {getattr(row, 'number', '')}: done"
