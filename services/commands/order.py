"""`saraban order`: what an officer decides, with name and reason."""

from typing import Annotated

import typer

from contracts.orders import AttendOrdered, BookOpenOrdered, ReleaseOrdered
from services.commands import order_entries
from services.commands.order_given import desk, entry, give, words
from services.commands.order_options import (
    WAIT_SECONDS,
    AgencyOption,
    ByOption,
    NumberArgument,
    ReasonOption,
    SecondsOption,
    SeriesName,
    SeriesOption,
    WaitOption,
    YearOption,
    buddhist_year,
    order_fields,
)
from services.commands.place import ConfigOption, StateOption, run
from services.commands.terminal import say

app = typer.Typer(
    no_args_is_help=True, help="What an officer decides, with name and reason. The register and notify carry it out."
)


@app.command("open")
def open_book(
    first: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The number the book begins with.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Open a book at a number, before its first entry: the agency may already be at 8,431 in its old register."""
    order = BookOpenOrdered(
        **order_fields(agency, by, reason), series=series.value, year=buddhist_year(year), first=first
    )

    async def work() -> None:
        async with desk(state, config, agency) as (bus, _):
            given = await give(bus, order, seconds if wait else 0)
        told = words(given.row) if given.row is not None else f"it is ordered to open at {first}"
        say(f"{agency}/{series.value}/{order.year}: {told}")

    run(work())


app.command()(order_entries.enter)
app.command()(order_entries.void)
app.command()(order_entries.correct)
app.command()(order_entries.move)
app.command()(order_entries.note)


@app.command()
def release(
    number: NumberArgument,
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
        **order_fields(agency, by, reason), series=series.value, year=buddhist_year(year), number=number
    )

    async def work() -> None:
        async with desk(state, config, agency) as (bus, _):
            await entry(bus, order, number)
            await give(bus, order, 0)  # notify carries it out, and mail takes its time

    run(work())
    say(
        f"ordered: the receipt of {agency}/{series.value}/{order.year} number {number} is to be sent, if one is held; "
        "`saraban where` says what became of it, `saraban dead list` if there was none"
    )


@app.command()
def attend(
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption = "ตรวจกล่องรับหนังสือ",
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Say that the box was looked at (at least twice every working day). The order itself is the record."""
    order = AttendOrdered(**order_fields(agency, by, reason))

    async def work() -> None:
        async with desk(state, config, agency) as (bus, _):
            await give(bus, order, 0)

    run(work())
    say(f"kept: {order.by} looked at the box of {agency}; see `saraban events 'order.v1.attend.{agency}' --since 1d`")
