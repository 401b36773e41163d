"""Agencies into the directory: the one way for `agency add`, `import` and `calendar --import`, with every refusal."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.directory import Agency, problems
from contracts.values import BANGKOK
from services.commands.errors import CommandError
from services.commands.neighbours import conflicts
from services.commands.terminal import thai_time
from services.register.agencies import Agencies
from services.register.calendar import CalendarError, calendar
from services.register.calendar_change import Altered, altered, book_years
from services.runtime.bus import Bus
from services.runtime.directory import Directory, put


async def store(bus: Bus, agencies: Sequence[Agency], known: Mapping[str, Agency], *, new: bool = False) -> None:
    """Write all of them or none. `known` are those of the directory; with `new`, one of these is refused.

    Raises:
        CommandError: something is wrong in one of them, or it would change what a row of its books says.
    """
    wrong = [f"{agency.id}: {problem}" for agency in agencies for problem in problems(agency) or _days(agency)]
    wrong += conflicts(agencies, known.values())
    if new:
        wrong += [f"{one.id}: is there already; change it with `import`" for one in agencies if one.id in known]
    if len({agency.id for agency in agencies}) < len(agencies):
        wrong.append("an id stands there twice")
    if wrong:
        raise CommandError("; ".join(wrong), 2)
    for agency in agencies:
        if found := await altered(bus, await _former(bus, known, agency), agency):
            raise CommandError(refusal(agency.id, found))
    for agency in agencies:
        await put(bus, agency)


def refusal(agency: str, found: Altered) -> str:
    """Why a change of hours or days off is not taken."""
    row, others = found.row, found.rows - 1
    more = "" if not others else f", and so would {others} other{'s' if others > 1 else ''}"
    return (
        f"{agency}: hours or days off would change what the register says: number {row.number_text} "
        f"({row.series}/{row.year}) was received {thai_time(row.received_at)} and stands as deemed received "
        f"{thai_time(row.deemed_at)}; by the change it would be {thai_time(found.otherwise)}{more}. Nothing was "
        "changed. Let new hours begin on a later day, and leave days alone that have rows"
    )


def _days(agency: Agency) -> list[str]:
    """What no calendar can be made of; the register would number by the national one instead."""
    year = datetime.now(BANGKOK).year
    try:
        for each in (year, year + 1):
            calendar(agency.hours, agency.overlay, each)
    except CalendarError as error:
        return [f"hours and days off: {error}"]
    return []


async def _former(bus: Bus, known: Mapping[str, Agency], agency: Agency) -> Agency:
    """What holds for its letters until now; one that was taken out of the directory may have books."""
    if agency.id in known:
        return known[agency.id]
    if not await book_years(bus, agency.id):
        return agency
    directory = await Directory.watch(bus)
    try:
        return await Agencies(bus, directory).get(agency.id)
    finally:
        await directory.close()
