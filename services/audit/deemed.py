"""Deemed times and the years of the books, computed again (invariant 6)."""

from collections.abc import Mapping, Sequence

from contracts.directory import Agency
from contracts.register import LetterEntered
from contracts.values import BANGKOK, from_instant, local_instant
from services.audit.report import Report
from services.register import deemed as deeming
from services.register.assessment import nobody, working_days
from services.register.calendar import Calendar


class Deemings:
    """The calendars of the directory, as they are and as they were; a row that names none of them is not judged."""

    def __init__(self, report: Report, agencies: Mapping[str, Sequence[Agency | None]]) -> None:
        """`agencies` has every entry that the directory still knows of an agency."""
        self._report = report
        self._agencies = agencies
        self._calendars: dict[tuple[str, int], dict[str, Calendar]] = {}

    def check(self, row: LetterEntered, where: str) -> None:
        """Compute the deemed time of a row again."""
        entered = from_instant(row.received_at).astimezone(BANGKOK)
        said = from_instant(row.deemed_at).astimezone(BANGKOK)
        if row.year not in (said.year + 543, entered.year + 543):
            self._report.broken(
                "deemed", where, f"is in the book of {row.year}, but deemed received at {row.deemed_at}"
            )
        if said < entered:
            self._report.broken("deemed", where, f"is deemed received at {row.deemed_at}, before it was received")
        days = self._known(row.agency, entered.year).get(row.calendar)
        if days is None:
            self._report.counts.other_calendars += 1
            return
        found = local_instant(deeming.deemed(entered, days))
        if found != row.deemed_at:
            self._report.broken("deemed", where, f"is deemed received at {row.deemed_at}; its calendar says {found}")

    def _known(self, agency: str, year: int) -> dict[str, Calendar]:
        """The calendars that the agency had for a year, by their hash."""
        found = self._calendars.get((agency, year))
        if found is None:
            entries = [*filter(None, self._agencies.get(agency, ())), nobody(agency)]
            found = {days.digest: days for days in (working_days(entry, year) for entry in entries)}
            self._calendars[agency, year] = found
        return found
