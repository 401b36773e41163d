"""An order and what it rests on: its entry, its place in time, what speaks against it whatever the books say. Pure."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from contracts import codec
from contracts.directory import Agency
from contracts.event import Position
from contracts.orders import (
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    VoidOrdered,
)
from contracts.values import from_instant
from services.register.assessment import Place, place
from services.register.book import book_subject
from services.register.intake import OrderRead
from services.register.standing import Standing

ORDER_BYTES: Final = 256 * 1024
"""Largest order that becomes a record; a record that the server does not take would stop the book."""

EARLY: Final = timedelta(minutes=1)
"""So much later than its order a letter may have come: two clocks, or a time typed to the full minute."""

AboutEntry = VoidOrdered | CorrectOrdered | MoveOrdered | NoteOrdered
ABOUT_ENTRY: Final = (VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered)


class Case(Struct, frozen=True, kw_only=True):
    """An order, and what it rests on."""

    read: OrderRead
    agency: Agency
    standing: Standing | None = None
    """The entry it is about."""
    place: Place | None = None
    """Where in time a letter to be entered belongs."""
    problem: str = ""
    """Why it cannot be carried out, whatever the books say."""
    repeats: Position | None = None
    """Where the same order lay before."""


class CannotError(Exception):
    """Why an order cannot be carried out. Raised before anything is written."""


def case_of(
    read: OrderRead, agency: Agency, repeats: Position | None = None, standing: Standing | str | None = None
) -> Case:
    """An order with what it rests on; `standing` is the entry it is about, or why that cannot be read."""
    order = read.order
    found: Place | None = None
    problem = read.problem
    if isinstance(standing, str):
        problem, standing = standing, None
    elif isinstance(order, ABOUT_ENTRY) and standing is None:
        problem = f"there is no entry {order.number} in the book {order.agency} {order.series} {order.year}"
    elif isinstance(order, EnterOrdered | CorrectOrdered) and len(codec.encode(order)) > ORDER_BYTES:
        problem = f"the order is larger than {ORDER_BYTES} octets"
    elif isinstance(order, EnterOrdered):
        try:
            found = _place(order, agency)
        except CannotError as error:
            problem = str(error)
    return Case(read=read, agency=agency, standing=standing, place=found, problem=problem, repeats=repeats)


def books_of(one: Case) -> set[str]:
    """The books that carrying it out may write to."""
    order = one.read.order
    if order is None or one.problem or one.repeats is not None:
        return set()
    if isinstance(order, EnterOrdered):
        return {book_subject(order.agency, order.series, one.place.year)} if one.place else set()
    found = {book_subject(order.agency, order.series, order.year)}
    if isinstance(order, MoveOrdered):
        found.add(book_subject(order.agency, order.to_series, order.year))
    return found


def _place(order: EnterOrdered, agency: Agency) -> Place:
    try:
        came, given = from_instant(order.came_at), from_instant(order.given_at)
        found = place(agency, came)
    except (ValueError, OverflowError) as error:
        raise CannotError(f"came_at {order.came_at}: {error}") from error
    if came > given + EARLY:
        raise CannotError(f"came_at {order.came_at} lies behind the order itself, which was given at {order.given_at}")
    if not 2500 <= found.year <= 2999:
        raise CannotError(f"came_at {order.came_at}: there is no book of {found.year}")
    return found
