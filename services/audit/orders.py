"""Orders and the rows that carry them out: each order once, as it says, or refused with a reason in DEAD.

Both come in the order of ORDERS, so they are walked side by side, as rows and letters are.
"""

from collections.abc import AsyncIterator, Mapping

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.dead import Dead, MessageGivenUp
from contracts.event import Position
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.register import BookOpened, BookRow, EntryCorrected, EntryMoved, EntryNoted, EntryVoided, LetterEntered
from contracts.streams import ORDERS
from contracts.values import BANGKOK, from_instant
from services.audit.book import Book
from services.audit.reading import Message
from services.audit.report import Report

_KINDS: dict[type[BookRow], tuple[type[Order], ...]] = {
    BookOpened: (BookOpenOrdered,),
    LetterEntered: (EnterOrdered, MoveOrdered),
    EntryVoided: (VoidOrdered,),
    EntryCorrected: (CorrectOrdered,),
    EntryMoved: (MoveOrdered,),
    EntryNoted: (NoteOrdered,),
}
_SAME = ("series", "year", "number", "first", "to_series", "channel")
SUBJECTS = ("open", "enter", "void", "correct", "move", "note")
"""Kinds of orders that are the register's."""

PASSED = 10_000
"""Orders without a row that are remembered until DEAD says why."""


class OrdersState(Struct):
    """What is known of the orders that were read."""

    read: int = 0
    """Sequence of the newest order that was read, and taken to be carried out or passed over."""
    done: list[str] = []
    """Types of the rows that name that one."""
    passed: dict[int, str] = {}
    """Orders without a row, and where they lie, in words."""
    ids: dict[str, int] = {}
    """Ids of the newest orders: one that is given twice is carried out once."""


class Orders:
    """The orders, walked beside the rows that name them."""

    def __init__(
        self, report: Report, arriving: AsyncIterator[Message], last: int, state: OrdersState | None = None
    ) -> None:
        self._report = report
        self._arriving = arriving
        self._last = last
        self._ahead: Message | None = None
        self._newest: Message | None = None
        self.state = state or OrdersState()

    async def carried_out(self, row: BookRow, position: Position, where: str) -> Order | None:
        """Hold a row against the order it names. An order that was erased says nothing against it."""
        state, sequence = self.state, position.sequence
        if position.stream != ORDERS.family or sequence > self._last:
            self._report.broken("row", where, f"names the order at {position}, and there is none")
            return None
        if sequence < state.read:
            found = state.passed.pop(sequence, None)
            words = "after one that was given later" if found else "which was carried out before"
            self._report.broken("order_effect", where, f"carries out the order at {position}, {words}")
            return None
        message = await self._find(sequence)
        if type(row).__name__ in state.done:
            self._report.broken("order_effect", where, f"carries out the order at {position} a second time")
        if not state.done:
            self._report.counts.orders += 1
        state.done.append(type(row).__name__)
        return None if message is None else self._compare(row, message, position, where)

    def _compare(self, row: BookRow, message: Message, position: Position, where: str) -> Order | None:
        try:
            order: Order = codec.decode(message.body, *_KINDS[type(row)])
        except codec.UndecodableError:
            self._report.broken("row", where, f"names the order at {position}, which is none for it")
            return None
        names = [name for name in _SAME if hasattr(order, name) and hasattr(row, name)]
        if isinstance(order, MoveOrdered) and isinstance(row, LetterEntered):
            # Its number and year are the new book's; that it is the letter of the entry that was moved: moves.py.
            wrong = [] if order.to_series == row.series else ["to_series"]
        else:
            wrong = [name for name in names if getattr(order, name) != getattr(row, name)]
        if isinstance(order, EnterOrdered) and isinstance(row, LetterEntered):
            if from_instant(order.came_at).astimezone(BANGKOK) != from_instant(row.received_at).astimezone(BANGKOK):
                wrong.append("came_at")
            if row.mail is not None or row.position is not None or row.moved_from is not None:
                wrong.append("letter")
        if order.agency != row.agency or wrong:
            self._report.broken(
                "row", where, f"is not what the order at {position} says: {', '.join(wrong) or 'agency'}"
            )
        return order

    async def _find(self, sequence: int) -> Message | None:
        """Read on to an order. What lies before it and nobody names is passed over."""
        state = self.state
        if sequence == state.read:
            return self._newest  # None: a run that went on in the middle of a move, whose first half was compared
        self._newest = None
        while (message := await self._next()) is not None and message.sequence < sequence:
            self._pass(message)
        if message is not None and message.sequence > sequence:
            self._ahead, message = message, None  # erased
        if message is not None and self._remember(message):
            self._report.broken(
                "order_effect", str(message), "is an order that was given before, and carried out again"
            )
        self._newest = message
        state.read, state.done = sequence, []
        return message

    async def _next(self) -> Message | None:
        if self._ahead is not None:
            found, self._ahead = self._ahead, None
            return found
        return await anext(self._arriving, None)

    def _remember(self, message: Message) -> bool:
        """Whether the order was there before: a repeated publish has the same id."""
        ids = self.state.ids
        found = _id(message)
        before = ids.setdefault(found, message.sequence) if found else message.sequence
        if len(ids) > PASSED:
            del ids[next(iter(ids))]
        return before < message.sequence

    def _pass(self, message: Message) -> None:
        if self._remember(message):
            return
        self.state.passed[message.sequence] = (
            f"{message.subject.split('.')[3]} {message.subject.split('.')[2]} ({message})"
        )
        if len(self.state.passed) > PASSED:
            sequence = next(iter(self.state.passed))
            self._without(self.state.passed.pop(sequence))

    async def finish(self, reached: int, refused: Mapping[int, str], books: Mapping[str, Book]) -> None:
        """Every order up to `reached` must have been carried out, or be refused; later ones wait."""
        state = self.state
        while (message := await self._next()) is not None:
            if message.sequence > reached:
                self._report.counts.waiting_orders += 1
            else:
                self._pass(message)
                state.read, state.done = message.sequence, []
                if _opened_before(message, books):
                    state.passed.pop(message.sequence, None)
        for sequence in [*state.passed]:
            if sequence in refused:
                del state.passed[sequence]
        for where in state.passed.values():
            self._without(where)

    def _without(self, where: str) -> None:
        self._report.broken("order_effect", where, "is an order that was neither carried out nor refused")


class Refusals:
    """The orders that the register refused, from DEAD."""

    def __init__(self, of: dict[int, str] | None = None) -> None:
        self.of: dict[int, str] = of or {}

    def take(self, message: Message) -> None:
        """One message of DEAD; what cannot be read is none of the register's."""
        try:
            event: Dead = codec.decode(message.body, MessageGivenUp)
        except codec.UndecodableError:
            return
        if event.source.stream == ORDERS.family and isinstance(event, MessageGivenUp):
            self.of[event.source.sequence] = event.reason


def _id(message: Message) -> str:
    try:
        return _HAS_ID.decode(message.body).id
    except msgspec.MsgspecError:
        return ""


class _HasId(Struct):
    id: str


_HAS_ID = msgspec.json.Decoder(_HasId)


def _opened_before(message: Message, books: Mapping[str, Book]) -> bool:
    """An order to open a book that is open already at this number: given twice, done once."""
    try:
        order = codec.decode(message.body, BookOpenOrdered)
    except codec.UndecodableError:
        return False
    book = books.get(f"register.v1.entered.{order.agency}.{order.series}.{order.year}")
    return book is not None and book.opened and (not book.first or book.first == order.first)
