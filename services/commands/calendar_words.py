"""How a calendar is put into words: dates as an officer writes them, hours, reasons, differences."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from services.commands.terminal import THAI_MONTHS
from services.register.calendar import DAY, Calendar, Period
from services.register.days_off import DayOff
from services.register.deemed import Passed

DAYS = ("จันทร์", "อังคาร", "พุธ", "พฤหัสบดี", "ศุกร์", "เสาร์", "อาทิตย์")
BASES = {"deemed": "the deemed receipt", "entered": "the receipt itself"}
TOO = {
    "too early": "before office hours, which begin at {why}",
    "too late": "after office hours, which ended at {why} (half-open: that minute is outside already)",
}


class Style(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


def thai_date(day: date) -> str:
    """13 พ.ค. 2569."""
    return f"{day.day} {THAI_MONTHS[day.month - 1]} {day.year + 543}"


def moment(at: datetime) -> str:
    """ศุกร์ 29 พ.ค. 2569 16:30:00; a fraction is shown where there is one."""
    fraction = f".{at.microsecond:06d}" if at.microsecond else ""
    return f"{DAYS[at.weekday()]} {thai_date(at.date())} {at:%H:%M:%S}{fraction}"


def hours(period: Period) -> str:
    """08:30 to 16:30, จันทร์ to ศุกร์."""
    return f"{period.opens:%H:%M} to {period.closes:%H:%M}, {weekdays(period.weekdays)}"


def weekdays(days: frozenset[int]) -> str:
    """A run of days by its ends, otherwise each."""
    listed = sorted(days)
    if len(listed) > 2 and listed[-1] - listed[0] == len(listed) - 1:
        return f"{DAYS[listed[0]]} to {DAYS[listed[-1]]}"
    return ", ".join(DAYS[one] for one in listed)


def period(one: Period) -> dict[str, Any]:
    """Hours as plain values."""
    return {
        "from": one.first.isoformat(),
        "opens": f"{one.opens:%H:%M}",
        "closes": f"{one.closes:%H:%M}",
        "weekdays": sorted(one.weekdays),
    }


def count(days: Calendar) -> int:
    """The working days of the calendar's year."""
    return sum(days.works(day) for day in _year(days.year))


def office(one: DayOff, days: Calendar) -> str:
    """What becomes of the day. Closed anyway: it is no working weekday."""
    if one.works:
        return "open" if one.said == "open" else "overruled"
    if one.said == "open" and one.day in days.closed:
        return "overruled"
    return "closed" if one.day.weekday() in days.hours(one.day).weekdays else "closed anyway"


def reason(one: Passed) -> str:
    """A day that did not count, with why."""
    why = TOO[one.because].format(why=one.why) if one.because in TOO else one.why
    return f"{DAYS[one.day.weekday()]} {thai_date(one.day)}: {why}"


def differences(old: Calendar, new: Calendar) -> Iterator[str]:
    """What of a year comes out otherwise; days and hours that go on are taken together."""
    if old.periods != new.periods:
        for one in new.periods:
            yield f"hours from {thai_date(one.first)}: {hours(one)}"
    for day in _year(old.year):
        if old.works(day) and not new.works(day):
            yield f"{DAYS[day.weekday()]} {thai_date(day)}: closed now, {new.why_closed(day)}"
        elif new.works(day) and not old.works(day):
            yield f"{DAYS[day.weekday()]} {thai_date(day)}: open now, was {old.why_closed(day)}"


def _year(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += DAY
