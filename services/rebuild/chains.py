"""The register as far as it was made again: what the core asks of it, answered from memory."""

from collections import OrderedDict

from msgspec import Struct

from contracts.chain import first_link, next_link
from contracts.event import Reached
from contracts.orders import EntryOrder
from contracts.register import (
    BookOpened,
    BookRow,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    LetterRecorded,
    NoticeKept,
)
from contracts.streams import GUARD_TTL_SECONDS
from services.rebuild.evidence import Head
from services.rebuild.report import Differs, Report
from services.register import book
from services.register.book import End, book_subject
from services.register.intake import OrderRead
from services.register.standing import Standing

Entry = tuple[str, int]


class _Chain(Struct):
    end: End
    link: str
    length: int = 0


class Chains:
    """Ends, guards of a fortnight, and the entries that some order speaks of."""

    def __init__(self, orders: list[OrderRead], heads: dict[str, dict[int, Head]], report: Report) -> None:
        self.last = 0
        self.reached = Reached()
        self.notices: dict[str, tuple[int, Reached]] = {}
        self._books: dict[str, _Chain] = {}
        self._guards: OrderedDict[str, float] = OrderedDict()
        self._heads = heads
        self._report = report
        self._spoken_of = {
            (book_subject(read.order.agency, read.order.series, read.order.year), read.order.number)
            for read in orders
            if isinstance(read.order, EntryOrder) and hasattr(read.order, "number")
        }
        self._entries: dict[Entry, Standing] = {}

    def end(self, subject: str) -> End:
        """The end of a book."""
        chain = self._books.get(subject)
        return chain.end if chain else book.empty(subject)

    def entry(self, subject: str, number: int) -> Standing | None:
        """How an entry stands that an order speaks of."""
        return self._entries.get((subject, number))

    def guarded(self, mail: str, now: float) -> bool:
        """Whether the guard of a letter lives."""
        while self._guards and now - next(iter(self._guards.values())) >= GUARD_TTL_SECONDS:
            self._guards.popitem(last=False)
        return mail in self._guards

    def row(
        self, subject: str, row: BookRow, body: bytes, sequence: int, now: float, record: LetterRecorded | None
    ) -> None:
        """The next row of a book, by its octets. Raises Differs where it does not continue it or was not signed so."""
        chain = self._books.setdefault(subject, _Chain(book.empty(subject), first_link(subject)))
        if row.previous != chain.link:
            raise Differs(
                f"{subject}: the row of sequence {sequence} does not continue the one before it: a row between them is "
                "held by nothing that is left, or was changed"
            )
        chain.link, chain.length = next_link(chain.link, body), chain.length + 1
        chain.end = book.end(body, sequence)
        self.reached, self.last = row.reached, sequence
        head = self._heads.get(subject, {}).pop(chain.length, None)
        if head is not None and (head.link, head.sequence) != (chain.link, sequence):
            raise Differs(
                f"{subject}: its signed head of length {chain.length} is {head.link[:16]}… at {head.sequence}; "
                f"the book comes to {chain.link[:16]}… at {sequence}: a row up to there was "
                "changed, or nothing holds it any more"
            )
        self._report.heads += head is not None
        if isinstance(row, LetterEntered):
            self._report.rows += 1
            if row.mail is not None and row.order is None:
                self._guards[row.mail] = now
        self._keep(subject, row, record)

    def notice(self, notice: NoticeKept, sequence: int) -> None:
        """A notice."""
        self._report.notices += 1
        self.notices[notice.agency] = (sequence, notice.reached)
        self.reached, self.last = notice.reached, sequence

    def unmet(self) -> list[str]:
        """Signed heads that the books do not come to."""
        return [
            f"{subject}: a head of length {length} was signed, and what can be made again has the length "
            f"{self._books[subject].length if subject in self._books else 0}: nothing holds the rows between any more"
            for subject, heads in sorted(self._heads.items())
            for length in sorted(heads)[-1:]
        ]

    def _keep(self, subject: str, row: BookRow, record: LetterRecorded | None) -> None:
        if isinstance(row, BookOpened):
            return
        assert isinstance(row, LetterEntered | EntryVoided | EntryCorrected | EntryMoved | EntryNoted)
        key = (subject, row.number)
        if key not in self._spoken_of:
            return
        if isinstance(row, LetterEntered):
            self._entries[key] = Standing(row=row, record=record)
            return
        before = self._entries.get(key)
        if before is None:
            return
        self._entries[key] = Standing(
            row=before.row,
            record=record if isinstance(row, EntryCorrected) else before.record,
            voided=before.voided or isinstance(row, EntryVoided),
            moved=row if isinstance(row, EntryMoved) else before.moved,
        )
