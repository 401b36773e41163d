"""`saraban audit`: prove the invariants from the streams alone."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from services.audit.audit import audit as prove
from services.audit.report import Counts, Report
from services.commands.agency import known_agencies
from services.commands.bars import bars
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import OUT, clean, row
from services.runtime.errors import BusError
from services.runtime.settings import Settings

BROKEN, UNPROVEN = 1, 3

app = typer.Typer()


class Format(StrEnum):
    """How the outcome is shown."""

    TEXT = "text"
    JSON = "json"


@app.command()
def audit(
    agency: Annotated[str | None, typer.Option("--agency", metavar="ID", help="Only this agency.")] = None,
    octets: Annotated[
        bool, typer.Option("--octets/--headers", help="Read every letter whole and digest it, or its headers alone.")
    ] = True,
    style: Annotated[Format, typer.Option("--format")] = Format.TEXT,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Prove from the streams alone that no letter is lost, no number is missing or double, and nothing was changed.

    May be run at any time; what is on its way is counted as waiting. Exit code 0: every promise is kept; 1: one is
    broken, and the lines say which and where; 3: a stream could not be read, so nothing is proven.
    """
    found = run(_audit(find(state, config), agency, octets=octets))
    if style is Format.JSON:
        row({**msgspec.to_builtins(found), "holds": found.holds})
    else:
        _show(found)
    return 0 if found.holds else BROKEN


async def _audit(settings: Settings, agency: str | None, *, octets: bool) -> Report:
    async with connected(settings, "audit") as bus:
        if agency is not None and agency not in (known := await known_agencies(bus)):
            raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(known)) or 'none'}", 2)
        try:
            with bars() as progress:
                return await prove(bus, agency, progress, octets=octets)
        except BusError as error:
            raise CommandError(f"nothing is proven: {error}", UNPROVEN) from error


def _show(found: Report) -> None:
    for problem in found.problems:
        OUT.print(f"[red]{problem.code:<10}[/red]", end=" ")
        OUT.print(clean(str(problem)), markup=False)
    if found.more:
        OUT.print(f"… and {found.more} more")
    OUT.print("[green]every promise is kept[/green]" if found.holds else "[red bold]a promise is broken[/red bold]")
    for line in counted(found.counts):
        OUT.print(f"  {line}")


def counted(counts: Counts) -> Iterator[str]:
    """What was looked at, in words; what there is none of is left out where it would only make one wonder."""
    yield f"{_n(counts.rows, 'row')} in {_n(counts.books, 'book')}, {_n(counts.notices, 'notice')}"
    yield _n(counts.letters, "letter") + (f", {_n(counts.octets, 'octet')} digested" if counts.octets else "")
    yield _n(counts.receipts, "final receipt")
    for count, thing, words in (
        (counts.waiting_letters, "letter", "without a number yet"),
        (counts.waiting_receipts, "row", "without a receipt yet"),
        (counts.erased_letters, "letter", "erased; the row stays"),
        (counts.erased_records, "record", "erased; the row stays"),
        (counts.other_calendars, "row", "of another calendar than today's, whose deemed time was not computed again"),
    ):
        if count:
            yield f"{_n(count, thing)} {words}"


def _n(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
