"""One entry of a book by its number, also of a book that is damaged."""

from contracts import codec
from contracts.event import Event
from contracts.register import LetterEntered
from services.register.lookup import entry_of
from services.runtime.bus import Bus


async def entry(bus: Bus, book: str, number: int) -> LetterEntered | None:
    """The row of a number; None where it is not there, or cannot be found. Raises the errors of the bus."""
    try:
        found = await entry_of(bus, book, number)
        row: Event | None = codec.decode(found.body, LetterEntered) if found is not None else None
    except codec.UndecodableError:
        return None  # a message on the way is no row, which is said where the book is followed
    return row if isinstance(row, LetterEntered) else None
