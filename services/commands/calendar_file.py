"""Hours and days off in a file: what `saraban agency calendar --import` reads (deploy/examples/calendar.toml)."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from contracts.directory import Agency, ClockTime, Hours, LaterHours, Overlay, Weekday
from services.commands.agency_file import plain
from services.commands.errors import CommandError

BUDDHIST = 543
FIRST_BUDDHIST = 2400
"""A year from here on is one of the Buddhist era."""

_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


class FileHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours; without `from` those that hold until the first dated ones."""

    from_: str | None = msgspec.field(name="from", default=None)
    opens: ClockTime
    closes: ClockTime
    weekdays: Annotated[tuple[Weekday, ...], Meta(min_length=1)] = (0, 1, 2, 3, 4)


class CalendarFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file. Years that it names, or has a day in, are replaced as a whole; others stay as they are."""

    years: tuple[int, ...] = ()
    closed: dict[str, str] = {}
    open: dict[str, str] = {}
    hours: tuple[FileHours, ...] = ()


def read_calendar(path: Path) -> CalendarFile:
    """Read a file; every date in it comes out as ISO, CE."""
    try:
        text = path.read_text(encoding="utf-8")
        found = msgspec.convert(_dates_as_text(tomllib.loads(text)), CalendarFile)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", 2) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: is not UTF-8", 2) from error
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{path}: {error}", 2) from error
    except msgspec.ValidationError as error:
        raise CommandError(f"{path}: {plain(error)}", 2) from error
    try:
        return msgspec.structs.replace(
            found,
            years=tuple(year - BUDDHIST if year >= FIRST_BUDDHIST else year for year in found.years),
            closed=_days("closed", found.closed),
            open=_days("open", found.open),
            hours=tuple(
                msgspec.structs.replace(one, from_=None if one.from_ is None else day(one.from_)) for one in found.hours
            ),
        )
    except ValueError as error:
        raise CommandError(f"{path}: {error}", 2) from error


def _dates_as_text(value: Any) -> Any:
    """TOML has dates of its own; in quotes or not, they mean the same here."""
    if isinstance(value, dict):
        return {key: _dates_as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def day(text: str) -> str:
    """A date of either era, YYYY-MM-DD, as ISO 8601 and CE. Raises ValueError."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no date such as 2569-05-13")
    year = int(found[1])
    iso = f"{year - BUDDHIST if year >= FIRST_BUDDHIST else year:04d}-{found[2]}-{found[3]}"
    try:
        date.fromisoformat(iso)
    except ValueError:
        raise ValueError(f"{text!r} is no day of the calendar") from None
    return iso


def _days(table: str, days: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text, why in days.items():
        iso = day(text)
        if not why.strip():
            raise ValueError(f"{table}: {text} has no reason")
        if iso in found:
            raise ValueError(f"{table}: {text} stands there in both eras")
        found[iso] = why.strip()
    return found


def changed(agency: Agency, file: CalendarFile) -> Agency:
    """The agency with the file's hours and days off."""
    years = {*file.years, *(int(iso[:4]) for iso in (*file.closed, *file.open))}

    def kept(days: Mapping[str, str], fresh: Mapping[str, str]) -> dict[str, str]:
        return dict(sorted({**{iso: why for iso, why in days.items() if int(iso[:4]) not in years}, **fresh}.items()))

    overlay = Overlay(closed=kept(agency.overlay.closed, file.closed), open=kept(agency.overlay.open, file.open))
    base, later = agency.hours, {one.valid_from: one for one in agency.hours.later}
    for one in file.hours:
        if one.from_ is None:
            base = Hours(opens=one.opens, closes=one.closes, weekdays=one.weekdays)
        else:
            later[one.from_] = LaterHours(
                valid_from=one.from_, opens=one.opens, closes=one.closes, weekdays=one.weekdays
            )
    hours = msgspec.structs.replace(base, later=tuple(later[start] for start in sorted(later)))
    return msgspec.structs.replace(agency, hours=hours, overlay=overlay)
