"""`saraban agency calendar`: a year of an agency's working days, an instant's deemed time, new hours and days off."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from contracts.directory import Agency
from contracts.values import BANGKOK
from services.commands import calendar_words as words
from services.commands.agency_store import store
from services.commands.calendar_file import BUDDHIST, changed, day, read_calendar
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import OUT, row, say, table
from services.register.assessment import working_days
from services.register.calendar import civil_service
from services.register.calendar_change import changed_years
from services.register.days_off import days_off
from services.register.deemed import deemed, passed

YEARS = range(2500, 2600)
"""Buddhist years whose holidays the package knows something of."""


def calendar(
    agency: Annotated[str, typer.Argument(metavar="ID")],
    year: Annotated[int | None, typer.Option(metavar="YEAR", help="Buddhist year.", show_default="this year")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="When does this count as received? As 2569-05-29T16:30, Thai time."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Take hours and days off from a TOML file.")
    ] = None,
    style: Annotated[words.Style, typer.Option("--format")] = words.Style.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show an agency's working days, or when an instant counts as received; or take new hours and days off.

    A change by which a letter in the register would be deemed received at another time is refused.
    """
    if sum(given is not None for given in (year, at, file)) > 1:
        raise CommandError("--year, --at and --import are different questions: give one of them", 2)
    run(_calendar(agency, year, at, file, style, state, config))


async def _calendar(
    name: str,
    year: int | None,
    at: str | None,
    file: Path | None,
    style: words.Style,
    state: Path | None,
    config: Path | None,
) -> None:
    from services.commands.agency import known_agencies, named  # agency.py has this word among its own

    instant = None if at is None else _instant(at)
    asked_year = _year(year)
    read = None if file is None else read_calendar(file)
    async with connected(find(state, config)) as bus:
        known = await known_agencies(bus)
        agency = named(known, name)
        if read is not None:
            fresh = changed(agency, read)
            await store(bus, [fresh], known)
            _show_change(agency, fresh, style)
        elif instant is not None:
            _show_answer(agency, instant, style)
        else:
            _show_year(agency, asked_year, style)


def _show_year(agency: Agency, year: int, style: words.Style) -> None:
    days = working_days(agency, year)
    found = days_off(days, agency.overlay)
    rules = civil_service()
    if style is words.Style.JSON:
        row(
            {
                "agency": agency.id,
                "year": year + BUDDHIST,
                "calendar": days.digest,
                "rules": rules.version,
                "hours": [words.period(period) for period in days.periods],
                "working_days": words.count(days),
                "days": [msgspec.to_builtins(one) for one in found],
            }
        )
        return
    OUT.print(f"{agency.id}  {agency.name}", markup=False)
    OUT.print(f"  year      {year + BUDDHIST} ({year}), {words.count(days)} working days", markup=False)
    for number, period in enumerate(days.periods):
        since = "" if number == 0 else f", from {words.thai_date(period.first)}"
        OUT.print(f"  {'hours' if number == 0 else '':<8}  {words.hours(period)}{since}", markup=False)
    OUT.print(f"  rules     {rules.version} of {words.thai_date(rules.dated)}", markup=False)
    OUT.print(f"  calendar  {days.digest}\n", markup=False)
    table(
        ("date", "day", "office", "by", "basis", "reason"),
        (
            (
                words.thai_date(one.day),
                words.DAYS[one.day.weekday()],
                words.office(one, days),
                one.layer,
                one.basis or "its own",
                one.name,
            )
            for one in found
        ),
    )
    if not rules.announced(year):
        say(
            f"\nThe Royal Ploughing Day of {year + BUDDHIST} is not among the rules: as things stand offices are open "
            "on it. When it is announced, add it to \\[closed] of a file for --import, before it comes."
        )


def _show_answer(agency: Agency, entered: datetime, style: words.Style) -> None:
    local = entered.astimezone(BANGKOK)
    days = working_days(agency, local.year)
    counted, reasons = deemed(entered, days), passed(entered, days)
    book = (counted if agency.year_basis == "deemed" else local).year + BUDDHIST
    if style is words.Style.JSON:
        row(
            {
                "agency": agency.id,
                "entered": local.isoformat(),
                "deemed": counted.isoformat(),
                "passed": [msgspec.to_builtins(one) for one in reasons],
                "book_year": book,
                "calendar": days.digest,
            }
        )
        return
    OUT.print(f"entered   {words.moment(local)}", markup=False)
    OUT.print(f"deemed    {words.moment(counted)}{'' if reasons else ', the same: in office hours'}", markup=False)
    for number, one in enumerate(reasons):
        OUT.print(f"{'because' if number == 0 else '':<8}  {words.reason(one)}", markup=False)
    OUT.print(f"book      {book}, by the year of {words.BASES[agency.year_basis]}", markup=False)
    OUT.print(f"calendar  {days.digest}", markup=False)


def _show_change(former: Agency, fresh: Agency, style: words.Style) -> None:
    this_year = datetime.now(BANGKOK).year
    dated = {*former.overlay.closed, *former.overlay.open, *fresh.overlay.closed, *fresh.overlay.open}
    dated |= {one.valid_from for one in (*former.hours.later, *fresh.hours.later)}
    years = {this_year, this_year + 1, *(int(iso[:4]) for iso in dated)}
    years |= {year + 1 for year in years}
    affected = [(working_days(former, y), working_days(fresh, y)) for y in changed_years(former, fresh, sorted(years))]
    if style is words.Style.JSON:
        row(
            {
                "agency": fresh.id,
                "changed": [
                    {"year": old.year + BUDDHIST, "former": old.digest, "calendar": new.digest} for old, new in affected
                ],
            }
        )
        return
    if not affected:
        say(f"{fresh.id}: taken; no calendar changes by it")
    for old, new in affected:
        say(f"{fresh.id}: {old.year + BUDDHIST}: calendar {old.digest[:12]}… is now {new.digest[:12]}…")
        for line in words.differences(old, new):
            say(f"  {line}")


def _year(year: int | None) -> int:
    now = datetime.now(BANGKOK).year
    if year is None:
        return now
    if year not in YEARS:
        raise CommandError(
            f"--year {year}: is no Buddhist year from {YEARS[0]} to {YEARS[-1]}; this one is {now + 543}", 2
        )
    return year - BUDDHIST


def _instant(text: str) -> datetime:
    try:
        iso = day(text[:10]) + text[10:]
        if len(iso) == 10:
            raise ValueError("has no time of day")  # noqa: TRY301 - same answer
        found = datetime.fromisoformat(iso)
    except ValueError as error:
        raise CommandError(
            f"--at {text!r}: {error}; write 2569-05-29T16:30, with a zone if it is not Thai time", 2
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=BANGKOK)
