"""`saraban register print`: a book on paper, in form 13."""

import tempfile
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from services.commands.errors import CommandError
from services.commands.known import known_agencies
from services.commands.order_options import SeriesName, buddhist_year
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import ERR, say, short
from services.desk.typed_dates import NoDateError, day

if TYPE_CHECKING:
    from services.desk.printing import Chosen, Gathered, Tell


def print_book(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; a .pdf.")],
    agency: Annotated[
        str | None, typer.Option("--agency", metavar="ID", help="Whose book.", show_default="the only one")
    ] = None,
    series: Annotated[SeriesName, typer.Option("--series", help="Which book.")] = SeriesName.RECEIVED,
    year: Annotated[
        int | None, typer.Option("--year", metavar="YEAR", help="Buddhist year of the book.", show_default="this year")
    ] = None,
    first: Annotated[int, typer.Option("--from", min=1, metavar="NUMBER", help="First number.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, metavar="NUMBER", help="Last number.")] = None,
    on: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="Only entries that count for this day.")
    ] = None,
    until: Annotated[str | None, typer.Option("--day-to", metavar="DATE", help="… up to this day.")] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Print a book as a PDF in form 13 (ทะเบียนหนังสือรับ), with totals and the link up to which it was printed.

    The same log gives the same octets. The layout has the form's columns; it is unverified against the printed form.
    """
    # Only here: the typesetter and what it needs would cost each search half a second.
    from services.desk.form13 import FormError
    from services.desk.printing import Chosen, NothingToPrintError, lay_out

    if last is not None and last < first:
        raise CommandError(f"--to {last}: is before --from {first}", 2)
    chosen = Chosen(first=first, last=last, days=_days(on, until))
    fresh = output.with_name(output.name + ".part")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        console=ERR, transient=True,
    )  # fmt: skip
    try:
        with tempfile.TemporaryFile() as spool, bar if ERR.is_terminal else nullcontext():
            tell = _teller(bar)
            book = run(_gather(agency, series, buddhist_year(year), chosen, spool, tell, state, config))
            with fresh.open("wb") as file:
                pages = lay_out(book, file, tell)
        fresh.replace(output)
    except (NothingToPrintError, FormError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"--output {output}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)
    counts = book.counts
    say(
        f"printed: {counts.entries} {'entry' if counts.entries == 1 else 'entries'} on {pages} "
        f"{'page' if pages == 1 else 'pages'} ({counts.first} to {counts.last}; {counts.voided} void, "
        f"{counts.moved} moved, {counts.entered} entered by hand) in {short(output.absolute())}"
    )


async def _gather(
    agency: str | None,
    series: SeriesName,
    year: int,
    chosen: "Chosen",
    spool: IO[bytes],
    tell: "Tell",
    state: Path | None,
    config: Path | None,
) -> "Gathered":
    from services.desk.printing import gather

    async with connected(find(state, config)) as bus:
        known = await known_agencies(bus)
        if agency is None and len(known) == 1:
            (agency,) = known
        if agency is None or agency not in known:
            asked = f"there is no agency {agency!r}" if agency else "say whose book with --agency"
            raise CommandError(f"{asked}; there are {', '.join(sorted(known)) or 'none'}", 2)
        return await gather(bus, known[agency], series.value, year, chosen, spool, tell)


def _days(on: str | None, until: str | None) -> tuple[date, date] | None:
    if on is None:
        if until is not None:
            raise CommandError("--day-to: needs --day", 2)
        return None
    try:
        begun = day(on)
    except NoDateError as error:
        raise CommandError(f"--day: {error}", 2) from None
    try:
        ended = begun if until is None else day(until)
    except NoDateError as error:
        raise CommandError(f"--day-to: {error}", 2) from None
    if ended < begun:
        raise CommandError(f"--day-to {until}: is before --day {on}", 2)
    return begun, ended


def _teller(bar: Progress) -> "Tell":
    """A bar for each of the steps, one after the other."""
    tasks: dict[str, object] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            for name in tasks.values():
                bar.update(name, visible=False)  # type: ignore[arg-type]  # what add_task gave
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]  # as above

    return tell
