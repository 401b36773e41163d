"""The end of a book: all that is needed to write its next row."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.event import Reached
from contracts.register import (
    BookOpened,
    BookRow,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
)
from contracts.values import AgencyId, Series

ROWS: Final = (BookOpened, LetterEntered, EntryVoided, EntryCorrected, EntryMoved, EntryNoted)


class End(Struct, frozen=True, kw_only=True):
    """Where a book ends."""

    sequence: Annotated[int, Meta(description="Of its last message in REGISTER; 0: the book is empty.")] = 0
    number: Annotated[int, Meta(description="Newest number; of a book without entries the one before its first.")] = 0
    link: str
    opened: bool = False
    entered: bool = False
    reached: Reached = Reached()


def book_subject(agency: AgencyId, series: Series, year: int) -> str:
    """The subject that is the book."""
    return f"register.v1.entered.{agency}.{series}.{year}"


def empty(book: str) -> End:
    """The end of a book that has no message yet."""
    return End(link=first_link(book))


def end(body: bytes, sequence: int) -> End:
    """The end of a book, read from its last message.

    Raises:
        UndecodableError: the message is no row we know; whoever wrote it, we must not write behind it.
    """
    row: BookRow = codec.decode(body, *ROWS)
    opened = isinstance(row, BookOpened)
    if isinstance(row, BookOpened):
        number = row.first - 1
    elif isinstance(row, LetterEntered):
        number = row.number
    else:
        assert isinstance(row, EntryVoided | EntryCorrected | EntryMoved | EntryNoted)
        number = row.last
    return End(
        sequence=sequence,
        number=number,
        link=next_link(row.previous, body),
        opened=opened,
        entered=not opened,
        reached=row.reached,
    )
