"""One batch while it is made: rows chained to their books, records, guards and notices. Pure."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.chain import next_link
from contracts.event import Event, Reached
from contracts.register import (
    BookOpened,
    BookRow,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    LetterRecorded,
)
from contracts.streams import BATCH_MESSAGES
from contracts.values import AgencyId, Instant, Series
from services.register.book import End
from services.register.intake import OrderRead
from services.register.known import Known
from services.runtime.batch import Outgoing

BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch is closed at this size; the server keeps all of it in memory until it is committed."""

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_STREAM: Final = "Nats-Expected-Last-Sequence"

_AT_ONCE: Final = 4
"""Most messages of one letter or order: the opening of a book, a row in another, row, record or guard."""

Salt = Callable[[], bytes]
"""32 random octets."""

Seal = Callable[[LetterRecorded, str], str | None]
"""A clear record and the registrar's certificate to its envelope; None where there is no usable certificate."""

Effect = EntryVoided | EntryCorrected | EntryMoved | EntryNoted


class Refusal(Struct, frozen=True):
    """An order that cannot be carried out; it goes to DEAD with the reason, and the order position moves on."""

    order: OrderRead
    reason: str


class Batch(Struct):
    """One atomic write, and what it means."""

    messages: list[Outgoing] = []
    refusals: list[Refusal] = []
    """They come before every message of the batch: nothing that is not stored yet lies before them in ORDERS."""
    orders: int = 0
    """How many orders of the intake are dealt with by it, refused ones too."""
    letters: int = 0
    """How many letters are; none before all orders are."""
    ends: dict[str, tuple[int, End]] = {}
    """Book to the index of its last message in the batch, and its end, the sequence still open."""
    notices: dict[str, int] = {}
    """Agency to the index of its last notice."""
    effects: list[tuple[int, Effect]] = []
    """What orders did to entries, and the index of the message."""
    numbered: list[str] = []
    series: dict[str, int] = {}
    kinds: dict[str, int] = {}
    carried: dict[str, int] = {}
    """Orders carried out, by their kind."""
    reached: Reached = Reached()
    size: int = 0

    def stored(self, known: Known, last: int, now: float) -> None:
        """Bring `known` up to date: the batch lies in REGISTER and its last message has the sequence `last`."""
        before_first = last - len(self.messages) + 1
        for book, (index, end) in self.ends.items():
            known.ends.pop(book, None)  # so that the order stays that of use
            known.ends[book] = msgspec.structs.replace(end, sequence=before_first + index)
        known.bound()
        for agency, index in self.notices.items():
            known.notices[agency] = before_first + index
        known.numbered.add(self.numbered, now)
        known.reach(self.reached)
        known.last = last


class Book(Struct):
    """A book while a batch is made."""

    end: End
    number: int
    link: str
    opened: bool
    entered: bool
    index: int = -1


class BookBegun(Struct, frozen=True, kw_only=True):
    """How a book begins that no order opened: as the directory says."""

    agency: AgencyId
    series: Series
    year: int
    first: int
    number_format: str
    opened_at: Instant


class Page:
    """Collects a batch over what is known; changes nothing of that."""

    def __init__(self, known: Known, salt: Salt, seal: Seal) -> None:
        self.batch = Batch()
        self.known = known
        self.mail = known.reached.mail
        self.orders = known.reached.orders
        self.seal = seal
        self._salt = salt
        self._books: dict[str, Book] = {}

    @property
    def full(self) -> bool:
        """Whether nothing more has its place for certain."""
        return len(self.batch.messages) + _AT_ONCE > BATCH_MESSAGES or self.batch.size >= BATCH_BYTES

    @property
    def reached(self) -> Reached:
        """How far the register has read with what is on the page."""
        return Reached(mail=self.mail, orders=self.orders)

    def salt(self) -> str:
        """A new one, as records write it."""
        return self._salt().hex()

    def book(self, subject: str) -> Book:
        """A book whose end is known."""
        book = self._books.get(subject)
        if book is None:
            end = self.known.ends[subject]
            book = self._books[subject] = Book(end, end.number, end.link, end.opened, end.entered)
        return book

    def open(self, book: Book, opening: BookOpened) -> None:
        """Open a book that is empty."""
        self._row(book, opening)
        book.opened, book.number = True, opening.first - 1

    def begin(self, book: Book, begun: BookBegun) -> None:
        """Let an empty book begin; it is opened first where that is not at 1."""
        book.number = begun.first - 1
        if begun.first != 1:
            opening = BookOpened(
                agency=begun.agency,
                series=begun.series,
                year=begun.year,
                previous=book.link,
                reached=self.reached,
                first=begun.first,
                number_format=begun.number_format,
                opened_at=begun.opened_at,
            )
            self.open(book, opening)

    def enter(self, book: Book, row: LetterEntered, record: LetterRecorded, record_body: bytes) -> None:
        """The next row of a book, and its record directly behind it."""
        self._row(book, row)
        book.number, book.entered = row.number, True
        self.put(record, record_body)
        self.batch.series[row.series] = self.batch.series.get(row.series, 0) + 1

    def effect(self, book: Book, effect: Effect) -> None:
        """What an order did to an entry of this book."""
        self.batch.effects.append((len(self.batch.messages), effect))
        self._row(book, effect)

    def put(self, event: Event, body: bytes, extra: dict[str, str] | None = None) -> None:
        """Any message, with headers of its own."""
        headers = codec.encode_headers(event)
        if extra:
            headers |= extra
        self.batch.messages.append(Outgoing(event.nats_subject, body, headers))
        self.batch.size += len(body)

    def done(self) -> Batch:
        """The batch, closed."""
        self.batch.reached = self.reached
        if self.batch.messages:
            # Nobody but the register writes to REGISTER. A server that came back with an older store, or a worker
            # that slept, is told apart here even if none of the books it writes to has changed.
            self.batch.messages[0].headers[EXPECTED_STREAM] = str(self.known.last)
        for subject, book in self._books.items():
            if book.index >= 0:
                end = End(number=book.number, link=book.link, opened=book.opened, entered=book.entered)
                self.batch.ends[subject] = (book.index, end)
        return self.batch

    def _row(self, book: Book, row: BookRow) -> None:
        body = codec.encode(row)
        extra = {EXPECTED: str(book.end.sequence)} if book.index < 0 else {}
        book.index = len(self.batch.messages)
        book.link = next_link(book.link, body)
        self.put(row, body, extra)
