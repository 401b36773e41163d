"""`saraban order`: what an officer decides, with name and reason."""

import secrets
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contracts.event import Event
from contracts.orders import BookOpenOrdered, ReleaseOrdered
from contracts.values import BANGKOK, instant
from services.commands.agency import known_agencies
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import say
from services.runtime.bus import Bus

app = typer.Typer(no_args_is_help=True, help="What an officer decides. The register and notify carry it out.")

AgencyOption = Annotated[str, typer.Option("--agency", metavar="ID", help="Whose book it is.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="The person who decided (ชื่อผู้สั่ง).")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the order.")]
YearOption = Annotated[
    int | None, typer.Option("--year", metavar="YEAR", help="Buddhist year of the book.", show_default="this year")
]


class SeriesName(StrEnum):
    """The series of an agency."""

    RECEIVED = "received"
    GENERAL = "general"
    CLASSIFIED = "classified"


SeriesOption = Annotated[SeriesName, typer.Option("--series", help="Which book.")]


@app.command("open")
def open_book(
    first: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The number the book begins with.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Open a book at a number, before its first entry: the agency may already be at 8,431 in its old register."""
    order = BookOpenOrdered(
        id=secrets.token_hex(16),
        agency=agency,
        by=_stated("--by", by),
        reason=_stated("--reason", reason),
        given_at=instant(time.time_ns()),
        series=series.value,
        year=_year(year),
        first=first,
    )
    run(_give(order, state, config))
    say(f"ordered: the book {agency}/{series.value}/{order.year} opens at {first}; see `saraban register list`")


@app.command()
def release(
    number: Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="Register number of the held receipt.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Send a receipt that was held back, because its sender could not be authenticated or a cap was reached."""
    order = ReleaseOrdered(
        id=secrets.token_hex(16),
        agency=agency,
        by=_stated("--by", by),
        reason=_stated("--reason", reason),
        given_at=instant(time.time_ns()),
        series=series.value,
        year=_year(year),
        number=number,
    )
    run(_give(order, state, config))
    say(f"ordered: the receipt of {agency}/{series.value}/{order.year} number {number} goes out")


async def _give(order: Event, state: Path | None, config: Path | None) -> None:
    async with connected(find(state, config)) as bus:
        await _known(bus, order.agency)
        await bus.publish(order)


async def _known(bus: Bus, agency: str) -> None:
    """An order for an agency that does not exist would lie there for ever: a slip of the pen."""
    agencies = await known_agencies(bus)
    if agency not in agencies:
        raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(agencies)) or 'none'}", 2)


def _stated(option: str, text: str) -> str:
    if not text.strip():
        raise CommandError(f"{option}: must not be empty", 2)
    return text.strip()


def _year(year: int | None) -> int:
    now = datetime.now(BANGKOK).year + 543
    if year is None:
        return now
    if not 2500 <= year <= 2999:
        raise CommandError(f"--year {year}: is no Buddhist year; this one is {now}", 2)
    return year
