"""Rows that carry out an order, against the order: it is of this kind, for this book and this number."""

from contracts import codec
from contracts.event import Position
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    EntryOrder,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.register import BookOpened, BookRow, EntryCorrected, EntryMoved, EntryNoted, EntryVoided, LetterEntered
from services.audit.report import Report
from services.runtime.bus import Bus
from services.runtime.letters import read_message

_KINDS: dict[type[BookRow], tuple[type[Order], ...]] = {
    BookOpened: (BookOpenOrdered,),
    LetterEntered: (EnterOrdered, MoveOrdered),
    EntryVoided: (VoidOrdered,),
    EntryCorrected: (CorrectOrdered,),
    EntryMoved: (MoveOrdered,),
    EntryNoted: (NoteOrdered,),
}
_SAME = ("series", "year", "number", "first", "to_series")


async def check_order(bus: Bus, report: Report, row: BookRow, position: Position, where: str) -> None:
    """Hold a row against the order it names. An order that was erased says nothing against it."""
    found = await read_message(bus.nc, position.stream, position.sequence, bus.timeout)
    if found is None:
        return
    try:
        order: Order = codec.decode(found.body, *_KINDS[type(row)])
    except codec.UndecodableError:
        report.broken("row", where, f"names the order at {position}, which is none for it")
        return
    names = [name for name in _SAME if hasattr(order, name) and hasattr(row, name)]
    # The number and the book of a moved entry's new row are its own.
    moved = isinstance(order, MoveOrdered) and isinstance(row, LetterEntered)
    wrong = [name for name in names if getattr(order, name) != getattr(row, name)]
    if order.agency != row.agency or (isinstance(order, EntryOrder) and wrong and not moved):
        report.broken("row", where, f"is not what the order at {position} says: {', '.join(wrong) or 'agency'}")
