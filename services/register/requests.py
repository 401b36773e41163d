"""What the core asks of whoever drives it, and what it is answered. Plain values; core.py says what a driver owes."""

from typing import Annotated

from msgspec import Meta, Struct

from services.register.intake import OrderRead
from services.register.page import Batch, Refusal


class LastSequence(Struct, frozen=True):
    """Sequence of the last message of REGISTER. Answer: int; 0 where there is none."""


class ReachedAsked(Struct, frozen=True):
    """How far the register has read: the newest row, notice and refusal. Answer: list[Reached]."""


class Ends(Struct, frozen=True):
    """The ends of these books. Answer: dict[str, End] with each of them; `book.empty(subject)` where none exists."""

    books: tuple[str, ...]


class Notices(Struct, frozen=True):
    """The newest notice of each of these agencies. Answer: dict[str, tuple[int, Reached]]; sequence 0 where none is."""

    agencies: tuple[str, ...]


class Guards(Struct, frozen=True):
    """Which of these letters (agency, mail) have their guard. Answer: list[str], their mails."""

    letters: tuple[tuple[str, str], ...]


class Opening(Struct, frozen=True):
    """The newest order to open a book of this agency. Answer: int, its sequence in ORDERS; 0 where there is none."""

    agency: str


class OrdersUpTo(Struct, frozen=True):
    """Orders up to this sequence of ORDERS that were not handed over yet, in their order. Answer: list[OrderRead]."""

    sequence: int


class AgencyAsked(Struct, frozen=True):
    """The agency's entry in the directory, its last one, or one of the defaults. Answer: Agency."""

    agency: str


class EarlierOrder(Struct, frozen=True):
    """Whether this order was given before: on the same subject, with the same id, at a lower sequence.

    Answer: Position of the first such message, or None. To be found at least where the earlier one was stored after
    the day before `given_at`: a repeat says the same `given_at`, and a clock may be a day wrong.
    """

    order: OrderRead


class EntryAsked(Struct, frozen=True):
    """An entry of a book. Answer: Standing; None where the book has no such entry; str: why it cannot be read."""

    book: str
    number: int


class Refuse(Struct, frozen=True):
    """Store the refusal in DEAD, durably; once for each order of one `carry_out`. Answer: None."""

    refusal: Refusal


class Commit(Struct, frozen=True):
    """Store `batch.messages`, all or none, as their headers ask. Answer: int, the sequence of the last one.

    Thrown in: Conflict where a header's condition does not hold, Busy where the server has no room; nothing is stored
    then. Everything else ends this core: the outcome is unknown.
    """

    batch: Batch


class Pause(Struct, frozen=True):
    """Wait so long. Answer: None."""

    seconds: Annotated[float, Meta(ge=0)]


Request = (
    LastSequence
    | ReachedAsked
    | Ends
    | Notices
    | Guards
    | Opening
    | OrdersUpTo
    | AgencyAsked
    | EarlierOrder
    | EntryAsked
    | Refuse
    | Commit
    | Pause
)
