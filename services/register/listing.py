"""The register as a list, read from the stream alone: `saraban register list|show|export`, in constant memory.

A row's record lies directly behind it. Where it is erased the row is listed without it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from contracts import codec
from contracts.chain import next_link
from contracts.register import LetterEntered, LetterRecorded
from contracts.streams import REGISTER
from contracts.values import Series, sha256_hex
from services.register.book import ROWS
from services.register.feed import Feed, Message
from services.register.waiting import within
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable

AT_ONCE: Final = 500
LOOK_SECONDS: Final = 0.5


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a book."""

    row: LetterEntered
    record: Annotated[LetterRecorded | None, Meta(description="None: erased.")]
    link: Annotated[str, Meta(description="Link of this row (contracts/chain.py).")]
    sequence: Annotated[int, Meta(description="Of the row in REGISTER.")]
    left: Annotated[int, Meta(description="Messages still to be read, this row's record included; for a progress bar.")]

    def flat(self) -> dict[str, Any]:
        """The row's fields, its record's message_id, sender and subject, and `link`, as plain values in this order."""
        found: dict[str, Any] = msgspec.to_builtins(self.row)
        for name in ("message_id", "sender", "subject"):
            found[name] = getattr(self.record, name, None)
        found["link"] = self.link
        return found


async def entries(
    bus: Bus, agency: str | None = None, series: Series | None = None, year: int | None = None
) -> AsyncGenerator[Entry, None]:
    """Entries in the order of the stream, up to the last one at the moment of the call; None stands for all.

    Each book in the order of its numbers. Raises the errors of the bus, and UndecodableError for a row that is none.
    """
    held: Entry | None = None
    filters = [
        f"register.v1.entered.{agency or '*'}.{series or '*'}.{year or '*'}",
        f"register.v1.record.{agency or '*'}",
    ]
    async with aclosing(_messages(bus, filters)) as messages:
        async for message in messages:
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


async def _messages(bus: Bus, filters: list[str]) -> AsyncGenerator[Message, None]:
    """Messages up to the stream's end as it is now; a lost connection is waited out."""
    info = await bus.api(f"STREAM.INFO.{REGISTER.family}")
    last, after = int(info["state"]["last_seq"]), 0
    silent = 0
    while after < last:
        arrived = asyncio.Event()
        feed = Feed(bus, REGISTER.family, filters, after + 1, arrived, batch=AT_ONCE)
        try:
            while True:
                await feed.refresh()
                arrived.clear()
                found = feed.take(AT_ONCE)
                await feed.ask()
                for message in found:
                    if message.sequence > last:
                        return
                    after, silent = message.sequence, 0
                    yield message
                if not feed.waiting:
                    return
                if not found:
                    await within(arrived, LOOK_SECONDS)
        except Unavailable:
            silent += 1
            if silent * LOOK_SECONDS > bus.timeout:
                raise
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            await feed.close()
