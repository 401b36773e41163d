"""One entry of a book by its number, without reading the book.

Numbers grow along a book, so the stream's own `first message of this subject at or behind a sequence` halves the way
each time: some twenty questions in a book of a million.
"""

import base64
from typing import Any

from msgspec import Struct

from contracts import codec
from contracts.event import Event
from contracts.register import BookOpened, LetterEntered
from contracts.streams import REGISTER
from services.register.book import ROWS, end
from services.runtime.bus import Bus
from services.runtime.errors import Missing


class Found(Struct, frozen=True):
    """A message of a book."""

    sequence: int
    body: bytes


async def next_of(bus: Bus, subject: str, sequence: int) -> Found | None:
    """The first message of a subject at or behind a sequence."""
    return await _ask(bus, {"seq": sequence, "next_by_subj": subject})


async def newest_of(bus: Bus, subject: str) -> Found | None:
    """The last message of a subject."""
    return await _ask(bus, {"last_by_subj": subject})


async def entry_of(bus: Bus, book: str, number: int) -> Found | None:
    """The row of a number; None where the book has no such entry."""
    newest = await newest_of(bus, book)
    if newest is None or number > end(newest.body, newest.sequence).number:
        return None
    low, high = 1, newest.sequence  # the row lies at or behind `low` and not behind `high`
    while low <= high:
        middle = (low + high) // 2
        found = await next_of(bus, book, middle)
        if found is None or found.sequence > high:
            high = middle - 1
            continue
        row: Event = codec.decode(found.body, *ROWS)
        if isinstance(row, LetterEntered):
            if row.number == number:
                return found
            before = row.number < number
        else:
            before = _reaches(row) < number
        if before:
            low = found.sequence + 1
        else:
            high = middle - 1
    return None


def _reaches(row: Event) -> int:
    """Newest number at a message that is no entry."""
    return row.first - 1 if isinstance(row, BookOpened) else int(getattr(row, "last", 0))


async def _ask(bus: Bus, request: dict[str, Any]) -> Found | None:
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{REGISTER.family}", request)
    except Missing:
        return None
    message = answer["message"]
    return Found(int(message["seq"]), base64.b64decode(message.get("data", "")))
