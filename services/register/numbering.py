"""The numbering core: from what was read, and what is known of the register, to the messages of one batch.

A pure state machine. `number` changes nothing and does no input or output: two workers that know the same make the
same batch, but for the salts. The batch is stored by one atomic write or not at all; `Batch.stored` then says what
is known afterwards. What is asked between two batches stands in core.py, what an order does in effects.py.
"""

from collections.abc import Sequence

import msgspec

from contracts import codec
from contracts.register import LetterEntered, LetterGuarded, LetterRecorded, NoticeKept
from contracts.streams import BATCH_LETTERS, GUARD_TTL_SECONDS
from contracts.values import sha256_hex
from services.register import effects
from services.register.assessment import RULES, Assessment
from services.register.case import Case, books_of
from services.register.known import Known
from services.register.number_text import number_text
from services.register.page import EXPECTED, EXPECTED_STREAM, Batch, BookBegun, Page, Refusal, Salt, Seal

__all__ = ["EXPECTED", "EXPECTED_STREAM", "TTL", "Batch", "Refusal", "needs", "number"]

TTL = "Nats-TTL"


def needs(letters: Sequence[Assessment], cases: Sequence[Case]) -> tuple[set[str], set[str]]:
    """Books, and agencies' notices, whose ends have to be known before `number` is asked."""
    books = {letter.book for letter in letters if letter.notice is None}
    for case in cases:
        books |= books_of(case)
    return books, {letter.letter.event.agency for letter in letters}


def number(letters: Sequence[Assessment], cases: Sequence[Case], known: Known, salt: Salt, seal: Seal) -> Batch:
    """The next batch: of the orders, then of `letters`, as many as it holds, in their order.

    Every book and notice subject that `needs` names MUST be in `known`. Nothing at or before the position reached may
    be among the letters or the orders.
    """
    work = _Work(known, salt, seal)
    for case in cases:
        if not work.order(case):
            return work.page.done()
    for letter in letters[:BATCH_LETTERS]:
        if work.page.full:
            break
        work.letter(letter)
    return work.page.done()


class _Work:
    def __init__(self, known: Known, salt: Salt, seal: Seal) -> None:
        self.page = Page(known, salt, seal)
        self._mails: set[str] = set()

    def order(self, case: Case) -> bool:
        """Carry out or refuse an order; False if it has to wait for the next batch."""
        page, batch = self.page, self.page.batch
        if page.full:
            return False
        reached, page.orders = page.orders, case.read.position
        reason = effects.carry_out(page, case)
        if reason and batch.messages:
            # A refusal counts as reached at once: what lies before it in ORDERS has to be stored by then.
            page.orders = reached
            return False
        batch.orders += 1
        if reason:
            batch.refusals.append(Refusal(case.read, reason))
        return True

    def letter(self, found: Assessment) -> None:
        event, page = found.letter.event, self.page
        page.mail = found.position
        page.batch.letters += 1
        if found.notice is not None:
            self._notice(found, found.notice.kind, found.notice.matches)
        elif event.mail in self._mails or event.mail in page.known.numbered:
            self._notice(found, "repeated", event.mail)
        else:
            self._enter(found)

    def _enter(self, found: Assessment) -> None:
        event, letter, page = found.letter.event, found.letter, self.page
        book = page.book(found.book)
        if not book.entered and not book.opened:
            page.begin(
                book,
                BookBegun(
                    agency=event.agency,
                    series=found.series,
                    year=found.year,
                    first=found.first,
                    number_format=found.number_format,
                    opened_at=event.received_at,
                ),
            )
        number = book.number + 1
        record = self._record(found, number)
        record_body = codec.encode(record)
        row = LetterEntered(
            agency=event.agency,
            series=found.series,
            year=found.year,
            previous=book.link,
            reached=page.reached,
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
        page.enter(book, row, record, record_body)
        page.put(guard, codec.encode(guard), {EXPECTED: "0", TTL: f"{GUARD_TTL_SECONDS}s"})
        self._mails.add(event.mail)
        page.batch.numbered.append(event.mail)

    def _record(self, found: Assessment, number: int) -> LetterRecorded:
        event = found.letter.event
        record = LetterRecorded(
            agency=event.agency,
            series=found.series,
            year=found.year,
            number=number,
            mail=event.mail,
            salt=self.page.salt(),
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
            enveloped=self.page.seal(record, found.certificate),
        )

    def _notice(self, found: Assessment, kind: str, matches: str) -> None:
        event, page = found.letter.event, self.page
        kept = NoticeKept(
            agency=event.agency,
            kind=kind,  # type: ignore[arg-type]  # one of its literals at every call
            mail=event.mail,
            matches=matches,
            received_at=event.received_at,
            position=found.position,
            reached=page.reached,
        )
        page.batch.kinds[kind] = page.batch.kinds.get(kind, 0) + 1
        first = event.agency not in page.batch.notices
        extra = {EXPECTED: str(page.known.notices[event.agency])} if first else {}
        page.batch.notices[event.agency] = len(page.batch.messages)
        page.put(kept, codec.encode(kept), extra)
