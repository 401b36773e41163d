"""Which days an agency works, and the hash by which a row says so.

Three layers: the public holidays of the package `holidays`, the civil service's differences from them
(civil_service.toml, dated and with a basis for each), the agency's own overlay in the directory. The last word is
the agency's. Its hours may change on a day. The hash is over what results, so that a new wording of a holiday's name
changes nothing, nor do hours that begin after the year.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from holidays.countries.thailand import Thailand
from msgspec import Meta, Struct

from contracts.directory import Hours, Overlay
from contracts.values import sha256_hex

FORM: Final = "saraban.calendar.v1"
FORM_DATED: Final = "saraban.calendar.v2"
"""Where hours change within the year."""
DAY: Final = timedelta(days=1)
_DATA: Final = Path(__file__).with_name("civil_service.toml")


class CalendarError(ValueError):
    """Hours or an overlay from which no working day follows; says which."""


Basis = Literal["source", "secondary", "unverified"]


class WorkedHoliday(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public holiday on which offices are open."""

    name: str
    from_: Annotated[int, Meta(description="First year, CE.")] = msgspec.field(name="from")
    basis: Basis
    why: str


class OwnHolidays(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days off of the civil service alone."""

    name: str
    basis: Basis
    why: str
    days: tuple[date, ...]


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the list of public holidays is from."""

    name: str
    basis: Basis
    why: str


class CivilService(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data file."""

    version: str
    dated: date
    package: Source
    open: tuple[WorkedHoliday, ...] = ()
    closed: tuple[OwnHolidays, ...] = ()

    def announced(self, year: int) -> bool:
        """Whether the days off that are announced year by year are known for `year` (CE)."""
        return any(day.year == year for holidays in self.closed for day in holidays.days)


@cache
def civil_service() -> CivilService:
    """The built-in overlay."""
    data: dict[str, Any] = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return msgspec.convert(data, CivilService)


@cache
def public_holidays(year: int) -> Mapping[date, tuple[str, ...]]:
    """The package's list for a year (CE); a substitute is named after its holiday, a day may have two names."""
    package = Thailand(years=year, language="th")  # type: ignore[no-untyped-call]  # the package has no types for it
    return {day: tuple(package.get_list(day)) for day in package}


@cache
def national(year: int) -> Mapping[date, str]:
    """Days off of the civil service in a year (CE), with their names; weekends only where a holiday falls on one."""
    rules = civil_service()
    worked = tuple(rule.name for rule in rules.open if year >= rule.from_)
    closed: dict[date, str] = {}
    for day, names in public_holidays(year).items():
        # A day with two names stays closed for the other one.
        kept = [name for name in names if not name.endswith(worked)] if worked else names
        if kept:
            closed[day] = "; ".join(kept)
    for holidays in rules.closed:
        closed.update({day: holidays.name for day in holidays.days if day.year == year})
    return closed


class Period(Struct, frozen=True, kw_only=True):
    """Hours that hold from a day on."""

    first: date
    opens: time
    closes: Annotated[time, Meta(description="Half-open: this minute is already outside.")]
    weekdays: frozenset[int]


class Calendar(Struct, frozen=True, kw_only=True):
    """The working days of one agency, from 1 January of a year to the first working day of the next, and its hours."""

    year: Annotated[int, Meta(description="CE.")]
    periods: Annotated[tuple[Period, ...], Meta(description="In order; the first one from 1 January.")]
    last: Annotated[date, Meta(description="First working day of the next year: it reaches to there.")]
    closed: Mapping[date, str]
    open: Mapping[date, str]
    digest: str

    def hours(self, day: date) -> Period:
        """The hours that hold on `day`."""
        if len(self.periods) == 1:
            return self.periods[0]
        return _period(self.periods, day)

    def works(self, day: date) -> bool:
        """Whether the office works on `day` at all."""
        return (day.weekday() in self.hours(day).weekdays or day in self.open) and day not in self.closed

    def why_closed(self, day: date) -> str | None:
        """The reason in words, or None for a working day."""
        if self.works(day):
            return None
        return self.closed.get(day) or "วันหยุดประจำสัปดาห์"


def calendar(hours: Hours, overlay: Overlay, year: int) -> Calendar:
    """The calendar of an agency for instants of `year` (CE, Thai time).

    Raises:
        CalendarError: the agency would never work, or a date or an hour is none.
    """
    # Directory values hold dictionaries and cannot be keys; their JSON can.
    return _calendar(msgspec.json.encode(hours, order="sorted"), msgspec.json.encode(overlay, order="sorted"), year)


@lru_cache(maxsize=4_096)
def _calendar(hours_json: bytes, overlay_json: bytes, year: int) -> Calendar:
    hours = msgspec.json.decode(hours_json, type=Hours)
    overlay = msgspec.json.decode(overlay_json, type=Overlay)
    try:
        known = _periods(hours)
        own_open = {date.fromisoformat(day): why for day, why in overlay.open.items()}
        own_closed = {date.fromisoformat(day): why for day, why in overlay.closed.items()}
    except ValueError as error:
        raise CalendarError(str(error)) from error
    closed = {day: why for day, why in {**national(year), **national(year + 1)}.items() if day not in own_open}
    closed |= own_closed
    last = _first_working_day(year + 1, known, closed, own_open)
    periods = _within(known, date(year, 1, 1), last)
    span_closed = {d: why for d, why in sorted(closed.items()) if year <= d.year and d <= last}
    span_open = {d: why for d, why in sorted(own_open.items()) if year <= d.year and d <= last and d not in own_closed}
    return Calendar(
        year=year,
        periods=periods,
        last=last,
        closed=span_closed,
        open=span_open,
        digest=sha256_hex(_document(year, periods, span_closed, span_open)),
    )


def _periods(hours: Hours) -> tuple[Period, ...]:
    found = [
        _checked(date.min, hours.opens, hours.closes, hours.weekdays),
        *(_checked(date.fromisoformat(one.valid_from), one.opens, one.closes, one.weekdays) for one in hours.later),
    ]
    if any(one.first >= next_one.first for one, next_one in pairwise(found)):
        raise CalendarError("hours: later ones do not stand in the order of their days")
    return tuple(found)


def _checked(first: date, opens: str, closes: str, weekdays: tuple[int, ...]) -> Period:
    period = Period(
        first=first, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes), weekdays=frozenset(weekdays)
    )
    if period.opens >= period.closes:
        raise CalendarError(f"hours: {opens} to {closes}")
    return period


def _period(periods: tuple[Period, ...], day: date) -> Period:
    return next(period for period in reversed(periods) if period.first <= day)


def _within(periods: tuple[Period, ...], first: date, last: date) -> tuple[Period, ...]:
    """The periods that matter from one day to another; hours that change to what they are do not change."""
    found = [msgspec.structs.replace(_period(periods, first), first=first)]
    for period in periods:
        if first < period.first <= last and msgspec.structs.replace(period, first=found[-1].first) != found[-1]:
            found.append(period)
    return tuple(found)


def _first_working_day(
    year: int, periods: tuple[Period, ...], closed: Mapping[date, str], opened: Mapping[date, str]
) -> date:
    day = date(year, 1, 1)
    while day.year == year:
        if (day.weekday() in _period(periods, day).weekdays or day in opened) and day not in closed:
            return day
        day += DAY
    raise CalendarError(f"no working day in {year}")


def _document(year: int, periods: tuple[Period, ...], closed: Mapping[date, str], opened: Mapping[date, str]) -> bytes:
    """What is hashed: only what can change an answer, in one spelling."""
    hours = [
        {"opens": f"{one.opens:%H:%M}", "closes": f"{one.closes:%H:%M}", "weekdays": sorted(one.weekdays)}
        for one in periods
    ]
    dated = [one | {"from": period.first.isoformat()} for one, period in zip(hours, periods, strict=True)]
    return msgspec.json.encode(
        {
            "zone": "+07:00",
            "year": year,
            "closed": [day.isoformat() for day in closed if day.weekday() in _period(periods, day).weekdays],
            "open": [day.isoformat() for day in opened if day.weekday() not in _period(periods, day).weekdays],
        }
        | ({"form": FORM, **hours[0]} if len(periods) == 1 else {"form": FORM_DATED, "hours": dated}),
        order="sorted",
    )
