"""The numbering core: from what was read, and what is known of the register, to the messages of one batch.

A pure state machine. `number` changes nothing and does no input or output: two workers that know the same make the
same batch, but for the salts. The batch is stored by one atomic write or not at all; `Batch.stored` then says what
is known afterwards. Whoever explores schedules of crashes and races drives these two functions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.chain import next_link
from contracts.event import Event, Position, Reached
from contracts.orders import BookOpenOrdered
from contracts.register import BookOpened, LetterEntered, LetterGuarded, LetterRecorded, NoticeKept
from contracts.streams import BATCH_LETTERS, BATCH_MESSAGES, GUARD_TTL_SECONDS
from contracts.values import sha256_hex
from services.register.assessment import RULES, Assessment
from services.register.book import End, book_subject
from services.register.intake import OrderRead
from services.register.known import Known
from services.register.number_text import FALLBACK, number_text
from services.runtime.batch import Outgoing

BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch is closed at this size; the server keeps all of it in memory until it is committed."""

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_STREAM: Final = "Nats-Expected-Last-Sequence"
TTL: Final = "Nats-TTL"

_A_LETTER: Final = 4
"""Most messages of one letter: the opening of its book, row, record, guard."""

Salt = Callable[[], bytes]
"""32 random octets."""

Seal = Callable[[LetterRecorded, str], str | None]
"""A clear record and the registrar's certificate to its envelope; None where there is no usable certificate."""


class Refusal(Struct, frozen=True):
    """An order that cannot be carried out; it goes to DEAD with the reason, and the order position moves on."""

    order: OrderRead
    reason: str


class Batch(Struct):
    """One atomic write, and what it means."""

    messages: list[Outgoing] = []
    refusals: list[Refusal] = []
    orders: int = 0
    """How many orders of the intake are dealt with by it, refused ones too."""
    letters: int = 0
    """How many letters are; none before all orders are."""
    ends: dict[str, tuple[int, End]] = {}
    """Book to the index of its last message in the batch, and its end, the sequence still open."""
    notices: dict[str, int] = {}
    """Agency to the index of its last notice."""
    numbered: list[str] = []
    series: dict[str, int] = {}
    kinds: dict[str, int] = {}
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


def needs(letters: Sequence[Assessment], orders: Sequence[OrderRead]) -> tuple[set[str], set[str]]:
    """Books, and agencies' notices, whose ends have to be known before `number` is asked."""
    books = {letter.book for letter in letters if letter.notice is None}
    for read in orders:
        if isinstance(read.order, BookOpenOrdered):
            books.add(book_subject(read.order.agency, read.order.series, read.order.year))
    return books, {letter.letter.event.agency for letter in letters}


def number(
    letters: Sequence[Assessment],
    orders: Sequence[OrderRead],
    known: Known,
    formats: Mapping[str, str],
    salt: Salt,
    seal: Seal,
) -> Batch:
    """The next batch: of `orders`, then of `letters`, as many as it holds, in their order.

    `formats` has the number format of each agency that an order is for. Every book and notice subject that `needs`
    names MUST be in `known`. Nothing at or before the position reached may be among the letters or the orders.
    """
    work = _Work(known, salt, seal)
    for read in orders:
        if work.full or not work.order(read, formats.get(read.agency, FALLBACK)):
            return work.done()
    for letter in letters[:BATCH_LETTERS]:
        if work.full:
            break
        work.letter(letter)
    return work.done()


class _Book(Struct):
    """A book while a batch is made."""

    end: End
    number: int
    link: str
    opened: bool
    entered: bool
    index: int = -1


class _Work:
    def __init__(self, known: Known, salt: Salt, seal: Seal) -> None:
        self.batch = Batch()
        self.mail = known.reached.mail
        self.orders = known.reached.orders
        self._known = known
        self._salt = salt
        self._seal = seal
        self._books: dict[str, _Book] = {}
        self._mails: set[str] = set()

    @property
    def full(self) -> bool:
        return len(self.batch.messages) + _A_LETTER > BATCH_MESSAGES or self.batch.size >= BATCH_BYTES

    def order(self, read: OrderRead, number_format: str) -> bool:
        """Deal with an order; False where that has to wait for the next batch."""
        before, self.orders = self.orders, read.position
        order = read.order
        if isinstance(order, BookOpenOrdered):
            reason = self._open(order, read.position, number_format)
        elif order is None:
            reason = read.problem
        else:
            reason = f"{order.type}: this version of the register does not carry out such orders"
        if reason and self.batch.messages:
            # A refusal is stored before its batch and says that all orders before it are done: they have to be.
            self.orders = before
            return False
        if reason:
            self.batch.refusals.append(Refusal(read, reason))
        self.batch.orders += 1
        return True

    def _open(self, order: BookOpenOrdered, position: Position, number_format: str) -> str:
        subject = book_subject(order.agency, order.series, order.year)
        book = self._book(subject)
        if book.entered:
            return f"{subject} has entries already, up to number {book.number}: a book is opened before its first one"
        if book.opened:
            if book.number + 1 == order.first:
                return ""  # the same order given twice
            return f"{subject} is open already, at {book.number + 1}"
        opening = BookOpened(
            agency=order.agency,
            series=order.series,
            year=order.year,
            previous=book.link,
            reached=Reached(mail=self.mail, orders=self.orders),
            first=order.first,
            number_format=number_format,
            order=position,
            opened_at=order.given_at,
        )
        self._row(book, opening)
        book.opened, book.number = True, order.first - 1
        return ""

    def letter(self, found: Assessment) -> None:
        event = found.letter.event
        self.mail = found.position
        self.batch.letters += 1
        if found.notice is not None:
            self._notice(found, found.notice.kind, found.notice.matches)
        elif event.mail in self._mails or event.mail in self._known.numbered:
            self._notice(found, "repeated", event.mail)
        else:
            self._enter(found)

    def _enter(self, found: Assessment) -> None:
        event, letter = found.letter.event, found.letter
        book = self._book(found.book)
        reached = Reached(mail=self.mail, orders=self.orders)
        if not book.entered and not book.opened:
            book.number = found.first - 1
            if found.first != 1:
                opening = BookOpened(
                    agency=event.agency,
                    series=found.series,
                    year=found.year,
                    previous=book.link,
                    reached=reached,
                    first=found.first,
                    number_format=found.number_format,
                    opened_at=event.received_at,
                )
                self._row(book, opening)
                book.opened = True
        number = book.number + 1
        record = self._record(found, number)
        record_body = codec.encode(record)
        row = LetterEntered(
            agency=event.agency,
            series=found.series,
            year=found.year,
            previous=book.link,
            reached=reached,
            number=number,
            number_text=number_text(found.number_format, number, found.year),
            mail=event.mail,
            sha256=letter.sha256,
            size=letter.size,
            received_at=event.received_at,
            bound_ms=letter.bound_ms,
            within_bound=letter.within_bound,
            deemed_at=found.deemed_at,
            calendar=found.calendar,
            rules=RULES,
            record=sha256_hex(record_body),
            position=found.position,
            remarks=found.remarks,
        )
        guard = LetterGuarded(agency=event.agency, mail=event.mail, series=found.series, year=found.year, number=number)
        self._row(book, row)
        book.number, book.entered = number, True
        self._put(record, record_body)
        self._put(guard, codec.encode(guard), {EXPECTED: "0", TTL: f"{GUARD_TTL_SECONDS}s"})
        self._mails.add(event.mail)
        self.batch.numbered.append(event.mail)
        self.batch.series[found.series] = self.batch.series.get(found.series, 0) + 1

    def _record(self, found: Assessment, number: int) -> LetterRecorded:
        event = found.letter.event
        record = LetterRecorded(
            agency=event.agency,
            series=found.series,
            year=found.year,
            number=number,
            mail=event.mail,
            salt=self._salt().hex(),
            message_id=found.message_id,
            sender=found.letter.sender,
            author=found.author,
            subject=found.subject,
        )
        if found.series != "classified":
            return record
        return msgspec.structs.replace(
            record,
            message_id=None,
            sender=None,
            author=None,
            subject=None,
            enveloped=self._seal(record, found.certificate),
        )

    def _notice(self, found: Assessment, kind: str, matches: str) -> None:
        event = found.letter.event
        kept = NoticeKept(
            agency=event.agency,
            kind=kind,  # type: ignore[arg-type]  # one of its literals at every call
            mail=event.mail,
            matches=matches,
            received_at=event.received_at,
            position=found.position,
            reached=Reached(mail=self.mail, orders=self.orders),
        )
        self.batch.kinds[kind] = self.batch.kinds.get(kind, 0) + 1
        first = event.agency not in self.batch.notices
        extra = {EXPECTED: str(self._known.notices[event.agency])} if first else {}
        self.batch.notices[event.agency] = len(self.batch.messages)
        self._put(kept, codec.encode(kept), extra)

    def _row(self, book: _Book, row: BookOpened | LetterEntered) -> None:
        body = codec.encode(row)
        extra = {EXPECTED: str(book.end.sequence)} if book.index < 0 else {}
        book.index = len(self.batch.messages)
        book.link = next_link(book.link, body)
        self._put(row, body, extra)

    def done(self) -> Batch:
        """The batch, closed."""
        self.batch.reached = Reached(mail=self.mail, orders=self.orders)
        if self.batch.messages:
            # Nobody but the register writes to REGISTER. A server that came back with an older store, or a worker
            # that slept, is told apart here even if none of the books it writes to has changed.
            self.batch.messages[0].headers[EXPECTED_STREAM] = str(self._known.last)
        for subject, book in self._books.items():
            if book.index >= 0:
                end = End(number=book.number, link=book.link, opened=book.opened, entered=book.entered)
                self.batch.ends[subject] = (book.index, end)
        return self.batch

    def _book(self, subject: str) -> _Book:
        book = self._books.get(subject)
        if book is None:
            end = self._known.ends[subject]
            book = self._books[subject] = _Book(end, end.number, end.link, end.opened, end.entered)
        return book

    def _put(self, event: Event, body: bytes, extra: dict[str, str] | None = None) -> None:
        headers = codec.encode_headers(event)
        if extra:
            headers |= extra
        self.batch.messages.append(Outgoing(event.nats_subject, body, headers))
        self.batch.size += len(body)
