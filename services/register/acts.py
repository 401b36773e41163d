"""What officers did to the entries of a book: the messages behind its rows, each with the order it carries out.

An effect may come any time after its row. So a list reads the effects of its books first and the rows afterwards;
it holds the effects alone (some hundred octets each), whatever the books' size, and no effects at all where
the stream's own count says that a book has none.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from contracts import codec
from contracts.event import Position
from contracts.orders import CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, Order, VoidOrdered
from contracts.register import EntryCorrected, EntryMoved, EntryNoted, EntryVoided
from contracts.streams import ORDERS, REGISTER
from services.register.book import ROWS, end
from services.register.lookup import newest_of, next_of
from services.register.scan import messages
from services.runtime.bus import Bus
from services.runtime.letters import read_message

Effect = EntryVoided | EntryCorrected | EntryMoved | EntryNoted
EFFECTS: Final = (EntryVoided, EntryCorrected, EntryMoved, EntryNoted)
ORDER_TYPES: Final = (EnterOrdered, VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered)

_KINDS: Final = {EntryVoided: "voided", EntryCorrected: "corrected", EntryMoved: "moved", EntryNoted: "noted"}
_ROW: Final = b'{"type":"register.entered.v1"'
"""How a row begins; an effect does not, so that rows need not be decoded to be passed over."""
COUNTED_BOOKS: Final = 64
"""Up to so many books are asked one by one whether they have effects."""


class Act(Struct, frozen=True, kw_only=True):
    """One effect of an order on an entry."""

    effect: Effect
    sequence: Annotated[int, Meta(description="Of the effect in REGISTER.")]
    order: Annotated[Order | None, Meta(description="None: erased.")]

    @property
    def kind(self) -> str:
        """voided, corrected, moved or noted."""
        return _KINDS[type(self.effect)]

    @property
    def text(self) -> str | None:
        """What was done with the letter, of a note."""
        return self.order.text if isinstance(self.order, NoteOrdered) else None

    def flat(self) -> dict[str, Any]:
        """As plain values: kind, at, by, reason, and a note's text. None where the order was erased."""
        found: dict[str, Any] = {"kind": self.kind}
        found["at"] = self.order.given_at if self.order is not None else None
        found["by"] = self.order.by if self.order is not None else None
        found["reason"] = self.order.reason if self.order is not None else None
        if isinstance(self.effect, EntryNoted):
            found["text"] = self.text
        if isinstance(self.effect, EntryMoved):
            found |= {name: getattr(self.effect, name) for name in ("to_series", "to_year", "to_number")}
        return found


Pending = tuple[Effect, int]
"""An effect and its sequence; its order is read when its entry is shown."""
Effects = dict[tuple[str, int], list[Pending]]
"""Book and number to what happened to the entry, in order."""


async def effects(bus: Bus, subject: str, last: int, after: int = 0) -> Effects:
    """The effects in the books of `subject` (which may have wildcards), up to sequence `last`."""
    found: Effects = defaultdict(list)
    books = await _books_with_effects(bus, subject) if not after else [subject]
    if not books:
        return found
    async with aclosing(messages(bus, books, last, after)) as rows:
        async for message in rows:
            if message.body.startswith(_ROW):
                continue
            row = codec.decode(message.body, *ROWS)
            if isinstance(row, EFFECTS):
                found[message.subject, row.number].append((row, message.sequence))
    return found


async def acts(bus: Bus, pending: list[Pending]) -> tuple[Act, ...]:
    """The same with their orders."""
    return tuple(
        [Act(effect=effect, sequence=sequence, order=await order(bus, effect.order)) for effect, sequence in pending]
    )


async def order(bus: Bus, position: Position) -> Order | None:
    """An order as it was given; None where it was erased."""
    stored = await read_message(bus.nc, ORDERS.family, position.sequence, bus.timeout)
    if stored is None:
        return None
    try:
        found: Order = codec.decode(stored.body, *ORDER_TYPES)
    except codec.UndecodableError:
        return None  # of a later version; the effect stands in the book all the same
    return found


async def _books_with_effects(bus: Bus, subject: str) -> list[str]:
    """Of the books of a subject those that hold more messages than entries and their opening."""
    info = await bus.api(f"STREAM.INFO.{REGISTER.family}", {"subjects_filter": subject})
    counts: dict[str, int] = info["state"].get("subjects") or {}
    if len(counts) > COUNTED_BOOKS:
        return [subject]
    return [book async for book in _more_than_entries(bus, counts)]


async def _more_than_entries(bus: Bus, counts: dict[str, int]) -> AsyncIterator[str]:
    for book, count in sorted(counts.items()):
        first, newest = await next_of(bus, book, 1), await newest_of(bus, book)
        if first is None or newest is None:
            continue
        begun = end(first.body, first.sequence)
        entries = end(newest.body, newest.sequence).number - begun.number + (0 if begun.opened else 1)
        if count > entries + begun.opened:
            yield book


def record_of(pending: list[Pending]) -> tuple[str, int] | None:
    """Digest and sequence of the record that the newest correction put in place of the first; None without one."""
    for effect, sequence in reversed(pending):
        if isinstance(effect, EntryCorrected):
            return effect.record, sequence + 1  # directly behind it
    return None
