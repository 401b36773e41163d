"""One book: its links, its numbers first..n, its opening (invariants 3 and 7)."""

from collections.abc import Iterable

from msgspec import Struct

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.events import Row
from contracts.register import BookOpened, BookRow, EntryCorrected, EntryMoved, EntryNoted, EntryVoided, LetterEntered
from services.audit.reading import Message
from services.audit.report import Report

PASSED_OVER = 1_000
"""Numbers of a book that are remembered as missing."""

LINKS = 20_000
"""Newest links that are remembered, of all books together: signed heads lie close to their rows."""

KINDS: tuple[type[BookRow], ...] = (BookOpened, LetterEntered, EntryVoided, EntryCorrected, EntryMoved, EntryNoted)


class Book(Struct):
    """What is known of a book while it is read."""

    subject: str
    link: str
    first: int = 0
    number: int = 0
    opened: bool = False
    length: int = 0
    sequence: int = 0
    stored_ns: int = 0
    """Of the newest message: how many there are up to it, where it lies, when it was stored."""
    head: int = 0
    """Length of the newest signed head."""
    ended: set[int] = set()
    """Entries that were voided or moved."""
    missing: dict[int, str] = {}
    """Numbers that were passed over, and where; a row that is only out of its place takes its own out again."""

    @property
    def name(self) -> str:
        """`agency series year`, as problems name it."""
        return " ".join(self.subject.split(".")[3:])

    def where(self, message: Message, number: int | None = None) -> str:
        """How a problem names a place in this book."""
        return f"{self.name}{'' if number is None else f' no. {number}'} ({message})"


class Books:
    """All books of an audit, each followed from its first message on."""

    def __init__(self, report: Report, proven: Iterable[Book] = ()) -> None:
        self._report = report
        self.all: dict[str, Book] = {book.subject: book for book in proven}
        self._links: dict[tuple[str, int], str] = {}

    @property
    def whole(self) -> bool:
        """Whether no number is passed over."""
        return not any(book.missing for book in self.all.values())

    def link(self, subject: str, length: int) -> str | None:
        """The link after the first `length` messages of a book; None where it is not remembered."""
        return self._links.get((subject, length))

    def row(self, message: Message) -> tuple[Book, Row | None]:
        """Follow one message of a book; None where it is no row, which is then said."""
        book = self.all.get(message.subject)
        if book is None:
            book = self.all[message.subject] = Book(message.subject, first_link(message.subject))
            self._report.counts.books += 1
        book.length, book.sequence, book.stored_ns = book.length + 1, message.sequence, message.stored_ns
        try:
            row: Row = codec.decode(message.body, *KINDS)  # type: ignore[assignment]  # KINDS is what Row is made of
        except codec.UndecodableError as error:
            self._report.broken("row", book.where(message), f"is no row of a book: {error}")
            # Its octets count for the links all the same: the next row says whether it was always there.
            self._linked(book, next_link(book.link, message.body))
            return book, None
        number = None if isinstance(row, BookOpened) else row.number
        where = book.where(message, number)
        if row.nats_subject != message.subject:
            self._report.broken("row", where, f"says that it belongs to {row.nats_subject}")
        if row.previous != book.link:
            self._report.broken(
                "link",
                where,
                "does not continue the row before it: a row is missing, changed or out of its place",
            )
        self._linked(book, next_link(row.previous, message.body))
        if isinstance(row, BookOpened):
            self._opened(book, row, where)
        elif isinstance(row, LetterEntered):
            self._entered(book, row, where)
        else:
            self._about(book, row, where)
        return book, row

    def _linked(self, book: Book, link: str) -> None:
        book.link = self._links[book.subject, book.length] = link
        if len(self._links) > LINKS:
            del self._links[next(iter(self._links))]

    def _opened(self, book: Book, row: BookOpened, where: str) -> None:
        if book.first:
            self._report.broken("opening", where, "opens a book that has entries already")
        elif book.opened:
            self._report.broken("opening", where, "opens a book that is open already")
        book.opened, book.number = True, row.first - 1

    def _entered(self, book: Book, row: LetterEntered, where: str) -> None:
        self._report.counts.rows += 1
        expected = book.number + 1
        if row.number in book.missing:
            del book.missing[row.number]
            self._report.broken("number", where, f"number {row.number} comes after {book.number}")
        elif row.number > expected and not book.first:
            self._report.broken("number", where, f"the book begins with {row.number} instead of {expected}")
        elif row.number > expected:
            self._passed_over(book, range(expected, row.number), where)
        elif row.number < expected and book.first and row.number >= book.first:
            self._report.broken("number", where, f"number {row.number} is given twice; the next was {expected}")
        elif row.number < expected:
            self._report.broken("number", where, f"number {row.number} is before the first of the book")
        book.first = book.first or row.number
        book.number = max(book.number, row.number)

    def _passed_over(self, book: Book, numbers: range, where: str) -> None:
        if len(book.missing) + len(numbers) > PASSED_OVER:
            self._report.broken("number", where, f"numbers {numbers[0]} to {numbers[-1]} are missing before it")
            return
        book.missing.update(dict.fromkeys(numbers, where))

    def finish(self) -> None:
        """No more rows: what was passed over is missing."""
        for book in self.all.values():
            for number, where in book.missing.items():
                self._report.broken("number", where, f"number {number} is missing before it")

    def _about(self, book: Book, row: EntryVoided | EntryCorrected | EntryMoved | EntryNoted, where: str) -> None:
        if not book.first <= row.number <= book.number or not book.first:
            self._report.broken("row", where, f"speaks of number {row.number}, which the book does not have")
        if row.last != book.number:
            self._report.broken("number", where, f"says that the newest number was {row.last}; it was {book.number}")
        if isinstance(row, EntryVoided | EntryMoved):
            if row.number in book.ended:
                self._report.broken("order_effect", where, "was voided or moved before: an entry ends once")
            book.ended.add(row.number)
