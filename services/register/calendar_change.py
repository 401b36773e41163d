"""What another calendar would make of the rows that stand: nothing, or the change is refused.

A row's deemed time never changes. If hours or days off could be put differently under it, the book would say one thing
and the calendar another, and nobody could tell which the agency stood by. So an entry of the directory that would have
given a standing row another deemed time is not taken. One that changes only what is still to come is.
"""

from collections.abc import Iterable

from msgspec import Struct

from contracts.directory import Agency
from contracts.register import LetterEntered
from contracts.streams import REGISTER
from contracts.values import BANGKOK, from_instant, local_instant
from services.register.assessment import working_days
from services.register.deemed import deemed
from services.register.listing import entries
from services.runtime.bus import Bus

ROWS = "register.v1.entered."


class Altered(Struct, frozen=True, kw_only=True):
    """The first row that the change would have deemed received at another time, and how many there are."""

    row: LetterEntered
    otherwise: str
    rows: int


async def altered(bus: Bus, former: Agency, changed: Agency) -> Altered | None:
    """What `changed` would have made of the agency's rows; None where every one stays what it is.

    Reads only the books of years whose calendar changes. Raises the errors of the bus.
    """
    first: LetterEntered | None = None
    otherwise, rows = "", 0
    for book_year in sorted(await book_years(bus, changed.id)):
        if not changed_years(former, changed, (book_year - 544, book_year - 543)):
            continue
        async for entry in entries(bus, changed.id, None, book_year):
            found = answered_otherwise(entry.row, former, changed)
            if found is not None:
                rows += 1
                if first is None:
                    first, otherwise = entry.row, found
    return None if first is None else Altered(row=first, otherwise=otherwise, rows=rows)


def changed_years(former: Agency, changed: Agency, years: Iterable[int]) -> list[int]:
    """Those of the years (CE) in which the two have not the same calendar."""
    return [year for year in years if working_days(former, year).digest != working_days(changed, year).digest]


def answered_otherwise(row: LetterEntered, former: Agency, changed: Agency) -> str | None:
    """The deemed time that the row would have after the change, where the change makes it another than it is."""
    entered = from_instant(row.received_at)
    year = entered.astimezone(BANGKOK).year
    now = local_instant(deemed(entered, working_days(changed, year)))
    if now == row.deemed_at:
        return None
    # A row that does not follow from the calendar before the change either does not stand against it.
    return now if now != local_instant(deemed(entered, working_days(former, year))) else None


async def book_years(bus: Bus, agency: str) -> set[int]:
    """The Buddhist years of the agency's books."""
    years: set[int] = set()
    seen = 0
    while True:
        request = {"subjects_filter": f"{ROWS}{agency}.>", "offset": seen}
        info = await bus.api(f"STREAM.INFO.{REGISTER.family}", request)
        subjects = info["state"].get("subjects") or {}
        seen += len(subjects)
        years |= {int(subject.rpartition(".")[2]) for subject in subjects}
        if not subjects or seen >= int(info.get("total", 0)):
            return years
