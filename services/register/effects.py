"""What each order does to the books. Pure: its rows are written, or a reason is given and nothing is.

open     the book begins at a number; refused once it has an entry, or is open at another number
enter    the next number, for a letter that came on paper or through e-CMS; deemed time and year as for any letter
void     the entry shows as ยกเลิก; refused if there is no such entry, if it is void or was moved
correct  another record holds from now on: what the order says over what was said before; refused where that was
         erased, or the entry was moved (the order belongs to the entry it became)
move     the entry ends here and goes on under the next number of another series of the same year, with the same letter
         and times, and no guard of its own; refused as void is, and to the same series
note     what was done with the letter; refused if there is no such entry

The classified series holds nothing in clear. An order brings its envelope, which replaces the former one whole;
without it, it is refused where the agency has a registrar certificate, and where it has none the record stays as it is,
empty at first. An entry moved in is enveloped; one that is moved out keeps its envelope, which only the registrar
can open, and a correction may then say in clear what may be said. The record in the series it left stays until it is
erased.

An order given twice (the same id) is carried out once; the second one changes nothing and is not refused.
"""

from datetime import UTC
from typing import Any, Final

import msgspec

from contracts import codec
from contracts.directory import Agency
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    VoidOrdered,
)
from contracts.register import (
    BookOpened,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    LetterRecorded,
)
from contracts.values import Series, from_instant, sha256_hex
from services.register.assessment import RULES
from services.register.book import book_subject
from services.register.case import AboutEntry, CannotError, Case
from services.register.envelope import is_envelope
from services.register.number_text import number_text
from services.register.page import BookBegun, Effect, Page
from services.register.standing import Standing

_FIELDS: Final = ("letter_number", "letter_date", "sender", "addressee", "subject")
_CLEAR: Final = dict.fromkeys((*_FIELDS, "message_id", "author"))


def carry_out(page: Page, one: Case) -> str:
    """Write what the order says; the reason where it cannot be carried out, and nothing is written then."""
    order = one.read.order
    if one.repeats is not None:
        return ""
    if one.problem or order is None:
        return one.problem or "no order"
    try:
        match order:
            case BookOpenOrdered():
                _open(page, one, order)
            case EnterOrdered():
                _enter(page, one, order)
            case VoidOrdered():
                _void(page, one, order)
            case CorrectOrdered():
                _correct(page, one, order)
            case MoveOrdered():
                _move(page, one, order)
            case NoteOrdered():
                _note(page, one, order)
    except CannotError as error:
        return str(error)
    kind = order.form.split(".")[2]
    page.batch.carried[kind] = page.batch.carried.get(kind, 0) + 1
    return ""


def _open(page: Page, one: Case, order: BookOpenOrdered) -> None:
    subject = book_subject(order.agency, order.series, order.year)
    book = page.book(subject)
    if book.entered:
        raise CannotError(
            f"{subject} has entries already, up to number {book.number}: a book is opened before its first one"
        )
    if book.opened:
        if book.number + 1 == order.first:
            return  # somebody else had the same thought
        raise CannotError(f"{subject} is open already, at {book.number + 1}")
    opening = BookOpened(
        agency=order.agency,
        series=order.series,
        year=order.year,
        previous=book.link,
        reached=page.reached,
        first=order.first,
        number_format=one.agency.number_format,
        order=one.read.position,
        opened_at=order.given_at,
    )
    page.open(book, opening)


def _enter(page: Page, one: Case, order: EnterOrdered) -> None:
    assert one.place is not None, "there is a problem otherwise"
    number = _number(page, one.agency, order.series, one.place.year)
    classified = order.series == "classified"
    record = LetterRecorded(
        agency=order.agency,
        series=order.series,
        year=one.place.year,
        number=number,
        mail=None,
        salt=page.salt(),
        message_id=None,
        sender=None if classified else order.sender,
        subject=None if classified else order.subject,
        letter_number=None if classified else order.letter_number,
        letter_date=None if classified else order.letter_date,
        addressee=None if classified else order.addressee,
        enveloped=_envelope(one, order),
    )
    row = LetterEntered(
        agency=order.agency,
        series=order.series,
        year=one.place.year,
        previous="",
        reached=page.reached,
        number=number,
        number_text=number_text(one.agency.number_format, number, one.place.year),
        channel=order.channel,
        mail=None,
        sha256=None,
        size=None,
        received_at=from_instant(order.came_at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        bound_ms=None,
        within_bound=None,
        deemed_at=one.place.deemed_at,
        calendar=one.place.calendar,
        rules=RULES,
        record="",
        position=None,
        order=one.read.position,
    )
    _append(page, one, row, record)


def _void(page: Page, one: Case, order: VoidOrdered) -> None:
    standing = _standing(one)
    if standing.ended:
        raise CannotError(standing.ended)
    _effect(page, one, order, EntryVoided)


def _correct(page: Page, one: Case, order: CorrectOrdered) -> None:
    standing = _standing(one)
    if standing.gone:
        raise CannotError(f"{standing.gone}: correct the entry there")
    if standing.record is None:
        raise CannotError(f"the record of {standing.row.number_text} was erased: there is nothing to correct")
    said = {name: value for name in _FIELDS if (value := getattr(order, name)) is not None}
    envelope = _envelope(one, order)
    if order.series == "classified":
        changes: dict[str, str | None] = {"enveloped": envelope} if envelope is not None else {}
    elif said:
        changes = dict(said)
    else:
        raise CannotError("the order says nothing to be corrected")
    record = msgspec.structs.replace(standing.record, salt=page.salt(), **changes)
    body = codec.encode(record)
    _effect(page, one, order, EntryCorrected, record=sha256_hex(body))
    page.put(record, body)


def _move(page: Page, one: Case, order: MoveOrdered) -> None:
    standing = _standing(one)
    if standing.ended:
        raise CannotError(standing.ended)
    if order.to_series == order.series:
        raise CannotError(f"{standing.row.number_text} is in the series {order.series} already")
    number = _number(page, one.agency, order.to_series, order.year)
    row = msgspec.structs.replace(
        standing.row,
        series=order.to_series,
        reached=page.reached,
        number=number,
        number_text=number_text(one.agency.number_format, number, order.year),
        order=one.read.position,
        moved_from=standing.row.number_text,
    )
    record = _moved_record(page, one.agency, standing, order.to_series, number)
    _effect(page, one, order, EntryMoved, to_series=order.to_series, to_year=order.year, to_number=number)
    _append(page, one, row, record)


def _note(page: Page, one: Case, order: NoteOrdered) -> None:
    _effect(page, one, order, EntryNoted)


def _standing(one: Case) -> Standing:
    assert one.standing is not None, "there is a problem otherwise"
    return one.standing


def _effect(page: Page, one: Case, order: AboutEntry, kind: type[Effect], **own: Any) -> None:
    """A row about the entry in its book; `own` is what rows of this kind have beside it."""
    book = page.book(book_subject(order.agency, order.series, order.year))
    page.effect(
        book,
        kind(
            agency=order.agency,
            series=order.series,
            year=order.year,
            previous=book.link,
            reached=page.reached,
            number=order.number,
            order=one.read.position,
            last=book.number,
            **own,
        ),
    )


def _number(page: Page, agency: Agency, series: Series, year: int) -> int:
    """The next number of a book that may not have begun."""
    book = page.book(book_subject(agency.id, series, year))
    return book.number + 1 if book.entered or book.opened else agency.first_number(series, year)


def _append(page: Page, one: Case, row: LetterEntered, record: LetterRecorded) -> None:
    """`row` with its link and its record at the end of its book, under the number that `_number` said."""
    book = page.book(book_subject(row.agency, row.series, row.year))
    if not book.entered and not book.opened:
        order = one.read.order
        assert order is not None
        page.begin(
            book,
            BookBegun(
                agency=row.agency,
                series=row.series,
                year=row.year,
                first=row.number,
                number_format=one.agency.number_format,
                opened_at=order.given_at,
            ),
        )
    body = codec.encode(record)
    page.enter(book, msgspec.structs.replace(row, previous=book.link, record=sha256_hex(body)), record, body)


def _moved_record(page: Page, agency: Agency, standing: Standing, series: Series, number: int) -> LetterRecorded:
    """The record of the entry under its new number; empty where it was erased, since erased it stays."""
    row = standing.row
    before = standing.record or LetterRecorded(
        agency=row.agency,
        series=row.series,
        year=row.year,
        number=row.number,
        mail=row.mail,
        salt="",
        message_id=None,
        sender=None,
        subject=None,
    )
    record = msgspec.structs.replace(before, series=series, number=number, salt=page.salt())
    if series != "classified" or all(getattr(record, name) is None for name in _CLEAR):
        return record
    return msgspec.structs.replace(record, enveloped=page.seal(record, agency.registrar_certificate), **_CLEAR)


def _envelope(one: Case, order: EnterOrdered | CorrectOrdered) -> str | None:
    """The order's envelope, if it is one, and is there where it has to be."""
    enveloped = order.enveloped
    if order.series != "classified":
        if enveloped is not None:
            raise CannotError(f"an envelope belongs to the classified series, not to {order.series}")
        return None
    if enveloped is None:
        if one.agency.registrar_certificate:
            raise CannotError(
                "an order about a classified letter brings its particulars enveloped for the registrar: these lie in "
                "clear in ORDERS now, and should be erased there"
            )
        return None
    if any(getattr(order, name) for name in _FIELDS):
        raise CannotError("particulars stand in clear beside their envelope, in ORDERS: they should be erased there")
    if not is_envelope(enveloped):
        raise CannotError("enveloped is no EnvelopedData (CMS) in DER and base64")
    return enveloped
