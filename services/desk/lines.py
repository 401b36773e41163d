"""What a printed book says of an entry, taken from the entry and from what was found in the letter."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from contracts.findings import LetterExamined, Particular
from contracts.orders import CorrectOrdered
from contracts.register import EntryCorrected
from contracts.values import BANGKOK, Series, from_instant
from services.register.acts import Act
from services.register.listing import Entry

SURE: Final = 0.5
"""Below this confidence a particular is not printed, as on the receipt: an invented number is worse than none."""


class Note(Struct, frozen=True):
    """Something an officer did, in words, by whom and when."""

    text: str
    by: str
    at: str


class Line(Struct, frozen=True, kw_only=True):
    """One line of the book. None: not known; an erased record has `erased`, a classified letter `withheld`."""

    number: int
    number_text: str
    received_at: str
    deemed_at: str
    channel: str
    place: Annotated[str, Meta(description="Position of the letter in MAIL; empty without one.")]
    withheld: bool
    erased: bool
    letter_number: str | None
    letter_date: str | None
    sender: str | None
    author: str | None
    addressee: str | None
    subject: str | None
    fixed: Annotated[tuple[str, ...], Meta(description="Fields that an officer wrote: nothing read overrides them.")]
    voided: Note | None
    moved_to: tuple[Series, int, int] | None
    moved_from: str | None
    corrected: Note | None
    entered_by: str | None
    notes: tuple[Note, ...]
    remarks: tuple[str, ...]

    @property
    def day(self) -> str:
        """The day it counts for, in Thai time: YYYY-MM-DD."""
        return thai_moment(self.deemed_at).date().isoformat()


class Read(Struct, frozen=True, kw_only=True):
    """What of a letter's findings a book prints."""

    letter_number: str | None
    letter_date: str | None
    issuer: str | None
    addressee: str | None
    subject: str | None


def thai_moment(text: str) -> datetime:
    """An instant of the contracts in Thai time."""
    return from_instant(text).astimezone(BANGKOK)


def line(entry: Entry) -> Line:
    """The line of an entry."""
    row, record = entry.row, None if entry.withheld else entry.record
    moved, void = entry.moved, entry.voided
    corrections = [act for act in entry.acts if isinstance(act.effect, EntryCorrected)]
    return Line(
        number=row.number,
        number_text=row.number_text,
        received_at=row.received_at,
        deemed_at=row.deemed_at,
        channel=row.channel,
        place=str(row.position) if row.position is not None else "",
        withheld=entry.withheld,
        erased=not entry.withheld and entry.record is None,
        letter_number=record.letter_number if record else None,
        letter_date=record.letter_date if record else None,
        sender=record.sender if record else None,
        author=record.author if record else None,
        addressee=record.addressee if record else None,
        subject=record.subject if record else None,
        fixed=_fixed(entry),
        voided=_note(void, void.order.reason if void.order is not None else "") if void is not None else None,
        moved_to=(moved.to_series, moved.to_year, moved.to_number) if moved is not None else None,
        moved_from=row.moved_from,
        corrected=_note(corrections[-1], "") if corrections else None,
        entered_by=entry.entered.by if entry.entered is not None else None,
        notes=tuple(_note(act, act.text or "(ลบแล้ว)") for act in entry.notes),
        remarks=row.remarks,
    )


def read(event: LetterExamined) -> Read:
    """What a book prints of the findings."""
    found = event.findings.particulars
    # The subject line is what the sender wrote above the letter; what was read from a page does not replace it.
    subject = found.subject if found.subject is not None and found.subject.source == "subject" else None
    return Read(
        letter_number=_sure(found.letter_number),
        letter_date=_sure(found.letter_date),
        issuer=_sure(found.issuer),
        addressee=_sure(found.addressee),
        subject=_sure(subject),
    )


def _sure(found: Particular | None) -> str | None:
    return found.value if found is not None and found.confidence >= SURE else None


def _fixed(entry: Entry) -> tuple[str, ...]:
    """The fields that an officer wrote, in the order of entry or in a correction."""
    if entry.row.channel != "mail":
        return ("letter_number", "letter_date", "sender", "addressee", "subject")
    found: list[str] = []
    for act in entry.acts:
        if isinstance(act.order, CorrectOrdered):
            given = act.order
            found += [
                name
                for name in ("letter_number", "letter_date", "sender", "addressee", "subject")
                if getattr(given, name) is not None
            ]
    return tuple(dict.fromkeys(found))


def _note(act: Act, text: str) -> Note:
    order = act.order
    return Note(text, order.by if order is not None else "", order.given_at if order is not None else "")
