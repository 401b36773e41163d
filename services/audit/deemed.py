"""Deemed times and the years of the books, computed again (invariant 6)."""

from collections.abc import Mapping

from contracts.directory import Agency
from contracts.register import LetterEntered
from contracts.values import BANGKOK, from_instant, local_instant
from services.audit.report import Report
from services.register import deemed as deeming
from services.register.assessment import nobody, working_days


class Deemings:
    """The calendars of the directory as they are now; a row that was computed with another one is not judged."""

    def __init__(self, report: Report, agencies: Mapping[str, Agency]) -> None:
        self._report = report
        self._agencies = agencies

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
        agency = self._agencies.get(row.agency) or nobody(row.agency)
        days = working_days(agency, entered.year)
        if days.digest != row.calendar:
            self._report.counts.other_calendars += 1
            return
        found = local_instant(deeming.deemed(entered, days))
        if found != row.deemed_at:
            self._report.broken("deemed", where, f"is deemed received at {row.deemed_at}; its calendar says {found}")
