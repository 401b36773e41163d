"""What a letter is, before it gets its number: letter or notice, series, deemed time, year of the book. Pure."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from contracts.directory import Agency, Domain, Hours, Overlay
from contracts.event import Position
from contracts.values import BANGKOK, Digest, LocalInstant, Remark, Series, from_instant, local_instant
from services.register import deemed as deeming
from services.register import series as choosing
from services.register.book import book_subject
from services.register.calendar import Calendar, CalendarError, calendar
from services.register.intake import Letter
from services.register.notices import Notice, notice
from services.words.header_text import decoded

RULES: Final = f"{choosing.VERSION} {deeming.VERSION}"

_REMARKS: Final[dict[str, Remark]] = {
    "no_header": "unreadable",
    "bare_newline": "bare_newline",
    "bare_carriage_return": "bare_carriage_return",
    "nul_octet": "nul_octet",
}


class Assessment(Struct, frozen=True, kw_only=True):
    """A letter with everything its row says but its number."""

    letter: Letter
    notice: Notice | None = None
    series: Series
    year: int
    book: str
    deemed_at: str
    calendar: str
    remarks: tuple[Remark, ...]
    message_id: str | None
    author: str | None
    subject: str | None
    number_format: str
    first: int
    certificate: str = ""

    @property
    def position(self) -> Position:
        """Where it lies in MAIL."""
        return self.letter.position


def nobody(agency_id: str) -> Agency:
    """Stands for an agency that was never in the directory: national calendar, usual hours, plain numbers from 1."""
    return Agency(
        id=agency_id, name=agency_id, domains=(Domain(name="invalid"),), addresses=("saraban@invalid",), active=False
    )


def assess(letter: Letter, agency: Agency) -> Assessment:
    """Judge a letter by the rules and the agency's directory entry. Never raises for what a sender can write."""
    event = letter.event
    # A sender that could not be read is not the null sender.
    found = notice(event) if letter.sender is not None else None
    series = choosing.series(event)
    if letter.sender is None and series == "general" and not choosing.suspected(event):
        series = "received"
    at = place(agency, from_instant(event.received_at))
    lines = event.lines
    return Assessment(
        letter=letter,
        notice=found,
        series=series,
        year=at.year,
        book=book_subject(event.agency, series, at.year),
        deemed_at=at.deemed_at,
        calendar=at.calendar,
        remarks=_remarks(letter),
        message_id=lines.message_id or None,
        author=decoded(lines.from_) or None,
        subject=decoded(lines.subject) or None,
        number_format=agency.number_format,
        first=agency.first_number(series, at.year),
        certificate=agency.registrar_certificate,
    )


class Place(Struct, frozen=True):
    """Where in time a letter belongs."""

    year: int
    """Buddhist year of its book."""
    deemed_at: LocalInstant
    calendar: Digest


def place(agency: Agency, entered: datetime) -> Place:
    """Deemed time, and year of the book, of what came at this instant: the same for mail and for paper."""
    local = entered.astimezone(BANGKOK)
    days = working_days(agency, local.year)
    counted = deeming.deemed(entered, days)
    basis = counted if agency.year_basis == "deemed" else local
    return Place(basis.year + 543, local_instant(counted), days.digest)


def working_days(agency: Agency, year: int) -> Calendar:
    """The agency's calendar; the national one where its own has no working day or an impossible date."""
    try:
        return calendar(agency.hours, agency.overlay, year)
    except CalendarError:
        return calendar(Hours(), Overlay(), year)


def _remarks(letter: Letter) -> tuple[Remark, ...]:
    event = letter.event
    if not (letter.unreadable or event.labels or event.cut or not letter.within_bound):
        return ()
    found: list[Remark] = ["unreadable"] if letter.unreadable else []
    found += [_REMARKS[label] for label in event.labels if label in _REMARKS]
    if event.cut:
        found.append("cut_header")
    if not letter.within_bound:
        found.append("time_not_within_bound")
    return tuple(dict.fromkeys(found))
