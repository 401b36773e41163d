"""When a letter counts as received: at once in office hours, otherwise when the office next opens. Pure."""

from datetime import date, datetime
from typing import Final

from contracts.values import BANGKOK
from services.register.calendar import DAY, Calendar

VERSION: Final = "deemed-1"


def deemed(entered: datetime, calendar: Calendar) -> datetime:
    """The instant at which what entered at `entered` counts as received, in Thai time.

    The same where `entered` lies in office hours, which are half-open: 16:30:00.000 is outside. `calendar` is the
    one of the year of `entered`, Thai time. Monotone, idempotent, and always in office hours.
    """
    local = entered.astimezone(BANGKOK)
    day = local.date()
    if calendar.works(day):
        at = local.time()
        if at < calendar.opens:
            return _opening(day, calendar)
        if at < calendar.closes:
            return local
    day += DAY
    while not calendar.works(day):  # ends: a calendar reaches to a working day of the next year
        day += DAY
    return _opening(day, calendar)


def _opening(day: date, calendar: Calendar) -> datetime:
    return datetime.combine(day, calendar.opens, BANGKOK)
