"""When a letter counts as received: at once in office hours, otherwise when the office next opens. Pure."""

from datetime import date, datetime
from typing import Final, Literal

from msgspec import Struct

from contracts.values import BANGKOK
from services.register.calendar import DAY, Calendar

VERSION: Final = "deemed-1"


class Passed(Struct, frozen=True):
    """A day, or the part of one, that did not count."""

    day: date
    because: Literal["too early", "too late", "closed"]
    why: str
    """A day off's name; an hour as HH:MM otherwise."""


def deemed(entered: datetime, calendar: Calendar) -> datetime:
    """The instant at which what entered at `entered` counts as received, in Thai time.

    The same where `entered` lies in office hours, which are half-open: 16:30:00.000 is outside. `calendar` is the
    one of the year of `entered`, Thai time. Monotone, idempotent, and always in office hours.
    """
    local = entered.astimezone(BANGKOK)
    day = local.date()
    if calendar.works(day):
        at, hours = local.time(), calendar.hours(day)
        if at < hours.opens:
            return _opening(day, calendar)
        if at < hours.closes:
            return local
    day += DAY
    while not calendar.works(day):  # ends: a calendar reaches to a working day of the next year
        day += DAY
    return _opening(day, calendar)


def passed(entered: datetime, calendar: Calendar) -> tuple[Passed, ...]:
    """Why `deemed` says what it says: what lies between, day by day. Empty in office hours."""
    local, counted = entered.astimezone(BANGKOK), deemed(entered, calendar)
    if local == counted:
        return ()
    found: list[Passed] = []
    day = local.date()
    if calendar.works(day):
        hours = calendar.hours(day)
        if day == counted.date():
            return (Passed(day, "too early", f"{hours.opens:%H:%M}"),)
        found.append(Passed(day, "too late", f"{hours.closes:%H:%M}"))
        day += DAY
    while day < counted.date():
        found.append(Passed(day, "closed", calendar.why_closed(day) or ""))
        day += DAY
    return tuple(found)


def _opening(day: date, calendar: Calendar) -> datetime:
    return datetime.combine(day, calendar.hours(day).opens, BANGKOK)
