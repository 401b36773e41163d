"""The register as a list, with what officers did to its entries, read from the streams alone.

The same list for the same log. A row's record lies directly behind it, the record of a correction directly behind that;
where it is erased the row is listed without it. Effects come after their rows, so they are read first (acts.py);
beside them a list holds no more than AHEAD entries, whatever the size of the book.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from contracts import codec
from contracts.chain import next_link
from contracts.orders import EnterOrdered
from contracts.register import EntryMoved, EntryVoided, LetterEntered, LetterRecorded
from contracts.streams import REGISTER
from contracts.values import Series, sha256_hex
from services.register import acts as done
from services.register.acts import Act, Effects, Pending
from services.register.book import ROWS
from services.register.feed import Message
from services.register.lookup import Found, entry_of
from services.register.scan import AT_ONCE as AT_ONCE
from services.register.scan import end_of_stream, messages
from services.runtime.bus import Bus
from services.runtime.letters import read_message

AHEAD: Final = 64
"""Entries whose orders and records are read side by side."""

PUBLISHED: Final = ("message_id", "sender", "subject")
FURTHER: Final = ("author", "letter_number", "letter_date", "addressee")


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a book."""

    row: LetterEntered
    record: Annotated[LetterRecorded | None, Meta(description="The one that holds; None: erased, or withheld.")]
    link: Annotated[str, Meta(description="Link of this row (contracts/chain.py).")]
    sequence: Annotated[int, Meta(description="Of the row in REGISTER.")]
    left: Annotated[int, Meta(description="Messages still to be read, this row's record included; for a progress bar.")]
    acts: Annotated[tuple[Act, ...], Meta(description="What officers did to it, in order.")] = ()
    entered: Annotated[EnterOrdered | None, Meta(description="The order that entered it, if an officer did.")] = None

    @property
    def state(self) -> str:
        """`entered`, `voided` or `moved`; its number stays used in each."""
        for act in reversed(self.acts):
            if act.kind in ("voided", "moved"):
                return act.kind
        return "entered"

    @property
    def moved(self) -> EntryMoved | None:
        """Where the letter went on, if it was moved."""
        return next((act.effect for act in self.acts if isinstance(act.effect, EntryMoved)), None)

    @property
    def voided(self) -> Act | None:
        """The act that voided it."""
        return next((act for act in self.acts if isinstance(act.effect, EntryVoided)), None)

    @property
    def notes(self) -> tuple[Act, ...]:
        """What was done with the letter (การปฏิบัติ)."""
        return tuple(act for act in self.acts if act.kind == "noted")

    @property
    def withheld(self) -> bool:
        """Whether it is classified, here or where it went on: then nothing of its content is shown."""
        moved = self.moved
        return self.row.series == "classified" or (moved is not None and moved.to_series == "classified")

    def flat(self) -> dict[str, Any]:
        """As plain values in this order.

        The row's fields, its record's message_id, sender and subject, and `link`; behind them what was
        added since: state, the record's other fields, moved_to, entered_by, actions.
        """
        found: dict[str, Any] = msgspec.to_builtins(self.row)
        for name in PUBLISHED:
            found[name] = getattr(self.record, name, None)
        found["link"] = self.link
        found["state"] = self.state
        for name in FURTHER:
            found[name] = getattr(self.record, name, None)
        moved = self.moved
        found["moved_to"] = (
            {"series": moved.to_series, "year": moved.to_year, "number": moved.to_number} if moved is not None else None
        )
        found["entered_by"] = self.entered.by if self.entered is not None else None
        found["actions"] = [act.flat() for act in self.acts]
        return found


async def entries(
    bus: Bus, agency: str | None = None, series: Series | None = None, year: int | None = None
) -> AsyncGenerator[Entry, None]:
    """Entries in the order of the stream, up to the last one at the moment of the call; None stands for all.

    Each book in the order of its numbers. Raises the errors of the bus, and UndecodableError for a row that is none.
    """
    subject = f"register.v1.entered.{agency or '*'}.{series or '*'}.{year or '*'}"
    last = await end_of_stream(bus)
    effects = await done.effects(bus, subject, last)
    waiting: list[Entry] = []
    async with aclosing(_rows(bus, [subject, f"register.v1.record.{agency or '*'}"], last)) as rows:
        async for entry in rows:
            if not waiting and not _has_more(entry, effects):
                yield entry
                continue
            waiting.append(entry)
            if len(waiting) == AHEAD:
                for whole in await _complete(bus, waiting, effects):
                    yield whole
                waiting = []
    for whole in await _complete(bus, waiting, effects):
        yield whole


async def one(bus: Bus, book: str, number: int) -> Entry | None:
    """One entry by its number, with everything that happened to it; None where the book has no such entry."""
    found = await entry_of(bus, book, number)
    if found is None:
        return None
    effects = await done.effects(bus, book, await end_of_stream(bus), found.sequence)
    return await complete(bus, found, effects.get((book, number), []))


async def complete(bus: Bus, found: Found, pending: list[Pending]) -> Entry:
    """An entry from its row and its effects, wherever they were found; its record is fetched."""
    row = codec.decode(found.body, LetterEntered)
    record = await _record(bus, found.sequence + 1, row.record)
    entry = Entry(row=row, record=record, link=next_link(row.previous, found.body), sequence=found.sequence, left=0)
    return await _with_acts(bus, entry, pending)


async def _rows(bus: Bus, filters: list[str], last: int) -> AsyncGenerator[Entry, None]:
    """Rows with the records behind them."""
    held: Entry | None = None
    async with aclosing(messages(bus, filters, last)) as found:
        async for message in found:
            if message.subject.startswith("register.v1.record."):
                if held is not None:
                    yield _with_record(held, message)
                    held = None
                continue
            if held is not None:
                yield held
                held = None
            row = codec.decode(message.body, *ROWS)
            if isinstance(row, LetterEntered):
                link = next_link(row.previous, message.body)
                held = Entry(row=row, record=None, link=link, sequence=message.sequence, left=message.pending)
    if held is not None:
        yield held


def _with_record(entry: Entry, message: Message) -> Entry:
    if message.sequence != entry.sequence + 1 or sha256_hex(message.body) != entry.row.record:
        return entry  # its own was erased, this is another's
    return msgspec.structs.replace(entry, record=codec.decode(message.body, LetterRecorded))


def _has_more(entry: Entry, effects: Effects) -> bool:
    return entry.row.order is not None or (entry.row.nats_subject, entry.row.number) in effects


async def _complete(bus: Bus, waiting: list[Entry], effects: Effects) -> list[Entry]:
    return await asyncio.gather(
        *[_with_acts(bus, entry, effects.get((entry.row.nats_subject, entry.row.number), [])) for entry in waiting]
    )


async def _with_acts(bus: Bus, entry: Entry, pending: list[Pending]) -> Entry:
    """The entry with its effects, their orders, and the record that holds."""
    row, record = entry.row, entry.record
    if (corrected := done.record_of(pending)) is not None:
        digest, sequence = corrected
        record = await _record(bus, sequence, digest)
    entered = await done.order(bus, row.order) if row.order is not None and row.moved_from is None else None
    whole = msgspec.structs.replace(
        entry,
        record=record,
        acts=await done.acts(bus, pending),
        entered=entered if isinstance(entered, EnterOrdered) else None,
    )
    # A letter that went on as classified: the record of its first entry speaks of it in clear.
    hidden = whole.withheld and row.series != "classified"
    return msgspec.structs.replace(whole, record=None) if hidden else whole


async def _record(bus: Bus, sequence: int, digest: str) -> LetterRecorded | None:
    stored = await read_message(bus.nc, REGISTER.family, sequence, bus.timeout)
    if stored is None or sha256_hex(stored.body) != digest:
        return None
    return codec.decode(stored.body, LetterRecorded)
