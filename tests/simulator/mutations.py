"""Ways to break the core. Each must be found by some schedule: a simulator that finds nothing proves nothing."""

from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec
import pytest

from contracts import codec
from contracts.event import Event, Reached
from contracts.register import BookOpened, LetterEntered, LetterGuarded, NoticeKept
from services.register import numbering, page
from services.register.core import Core
from services.register.known import Known, Numbered
from services.register.page import EXPECTED, EXPECTED_STREAM, Batch, Page
from services.register.requests import ReachedAsked, Request

Patch = pytest.MonkeyPatch


def no_sequences(patch: Patch) -> None:
    """Nothing is expected of the stream or of a book: only guards fence."""
    _changed(
        patch, lambda message: _without(message, EXPECTED_STREAM, EXPECTED if ".entered." in message.subject else "")
    )


def no_last_sequence(patch: Patch) -> None:
    """Nothing is expected of the stream as a whole."""
    _changed(patch, lambda message: _without(message, EXPECTED_STREAM))


def no_guard_checked(patch: Patch) -> None:
    """Guards are written whether there is one or not, and none is looked for."""
    _changed(patch, lambda message: _without(message, EXPECTED if ".letter." in message.subject else ""))


def copies_not_remembered(patch: Patch) -> None:
    """A letter that has its number is not recognised when it comes again."""
    patch.setattr(Numbered, "__contains__", lambda self, mail: False)


def reached_not_read(patch: Patch) -> None:
    """A worker that starts does not ask how far the register has read."""

    def reach(self: Core) -> Generator[Request, Any, None]:
        yield ReachedAsked()

    patch.setattr(Core, "_reach", reach)


def reached_not_written(patch: Patch) -> None:
    """Rows do not say how far the register has read."""
    before = codec.encode

    def encode(event: Event) -> bytes:
        if isinstance(event, BookOpened | LetterEntered | NoticeKept):
            event = msgspec.structs.replace(event, reached=Reached())
        return before(event)

    patch.setattr(codec, "encode", encode)


def nothing_left_out(patch: Patch) -> None:
    """What somebody else has done in the meantime is done again."""
    patch.setattr(Core, "_left", lambda self, letters, orders: (list(letters), list(orders)))


def not_read_again(patch: Patch) -> None:
    """After a conflict everything is believed that was known before it."""

    def look_again(self: Core, letters: Any) -> Generator[Request, Any, None]:
        yield from ()

    patch.setattr(Core, "_look_again", look_again)


def ends_not_forgotten(patch: Patch) -> None:
    """After a conflict the ends of the books are not read again."""
    patch.setattr(Known, "forget", lambda self: None)


def orders_not_waited_for(patch: Patch) -> None:
    """A book begins although an order to open it lies in ORDERS."""
    before = Core._learn

    def learn(self: Core, letters: Any, orders: Any) -> Generator[Request, Any, Any]:
        work = before(self, letters, orders)
        answer: Any = None
        try:
            while True:
                request = work.send(answer)
                answer = [] if type(request).__name__ == "OrdersUpTo" else (yield request)
        except StopIteration as stop:
            return stop.value

    patch.setattr(Core, "_learn", learn)


def refused_too_early(patch: Patch) -> None:
    """An order is refused before those in front of it are stored."""
    before = numbering._Work.order

    def order(self: Any, case: Any) -> bool:
        messages, self.page.batch.messages = self.page.batch.messages, []
        if not before(self, case):
            self.page.batch.messages = messages
            return False
        self.page.batch.messages = messages + self.page.batch.messages
        return True

    patch.setattr(numbering._Work, "order", order)


def links_stand_still(patch: Patch) -> None:
    """Every row of a batch continues the one before the batch."""
    patch.setattr(page, "next_link", lambda previous, body: previous)


def numbers_stand_still(patch: Patch) -> None:
    """What was numbered is forgotten at once: the end of the book is that before the batch."""
    before = Batch.stored

    def stored(self: Batch, known: Known, last: int, now: float) -> None:
        numbers = {book: end.number for book, end in known.ends.items()}
        before(self, known, last, now)
        for book, number in numbers.items():
            if book in known.ends and book in self.ends:
                known.ends[book] = msgspec.structs.replace(known.ends[book], number=number)

    patch.setattr(Batch, "stored", stored)


def no_guard(patch: Patch) -> None:
    """No guard is written at all."""
    before = Page.put

    def put(self: Page, event: Any, body: bytes, extra: dict[str, str] | None = None) -> None:
        if not isinstance(event, LetterGuarded):
            before(self, event, body, extra)

    patch.setattr(Page, "put", put)


MUTATIONS: Final[tuple[Callable[[Patch], None], ...]] = (
    no_sequences,
    no_last_sequence,
    no_guard_checked,
    copies_not_remembered,
    reached_not_read,
    reached_not_written,
    nothing_left_out,
    not_read_again,
    ends_not_forgotten,
    orders_not_waited_for,
    refused_too_early,
    links_stand_still,
    numbers_stand_still,
    no_guard,
)


def _changed(patch: Patch, change: Callable[[Any], None]) -> None:
    before = Page.done

    def done(self: Page) -> Batch:
        batch = before(self)
        for message in batch.messages:
            change(message)
        return batch

    patch.setattr(Page, "done", done)


def _without(message: Any, *headers: str) -> None:
    for header in headers:
        message.headers.pop(header, None)
