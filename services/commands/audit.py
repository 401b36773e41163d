"""`saraban audit`: prove the invariants from the streams alone."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from services.audit.app import folder
from services.audit.audit import audit as prove
from services.audit.proven import Keep
from services.audit.report import Counts, Report
from services.commands import service
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
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Read everything, and trust nothing that was proven before.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Audit again and again, as a service; for systemd. Needs --config.")
    ] = False,
    style: Annotated[Format, typer.Option("--format")] = Format.TEXT,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Prove from the streams alone that no letter is lost, no number is missing or double, and nothing was changed.

    May be run at any time; what is on its way is counted as waiting. Goes on from what the running system has proven
    already, unless --from-start; an --agency by itself is always read from the start. Exit code 0: every promise is
    kept; 1: one is broken, and the lines say which and where; 3: a stream could not be read, so nothing is proven.
    """
    if watch:
        if config is None:
            raise CommandError("--watch needs --config: `saraban up` does it by itself", 2)
        return service.run("audit", config)
    found = run(_audit(find(state, config), agency, octets=octets, from_start=from_start))
    if style is Format.JSON:
        row({**msgspec.to_builtins(found), "holds": found.holds})
    else:
        _show(found)
    return 0 if found.holds else BROKEN


async def _audit(settings: Settings, agency: str | None, *, octets: bool, from_start: bool) -> Report:
    keep = Keep(folder(settings)) if agency is None and Path(settings.state).is_dir() else None  # noqa: ASYNC240 - once
    async with connected(settings, "audit") as bus:
        if agency is not None and agency not in (known := await known_agencies(bus)):
            raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(known)) or 'none'}", 2)
        try:
            with contextlib.ExitStack() as stack:
                # While the running system's own audit is at work there, nothing is gone on from, and nothing kept.
                ours = keep is not None and stack.enter_context(keep.held())
                progress = stack.enter_context(bars())
                return await prove(
                    bus,
                    agency,
                    progress,
                    octets=octets,
                    rules=settings.audit,
                    keep=keep if ours else None,
                    from_start=from_start or not ours,
                )
        except BusError as error:
            raise CommandError(f"nothing is proven: {error}", UNPROVEN) from error
        except (OSError, ValueError) as error:
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
    if found.resumed is not None:
        OUT.print(f"  gone on from what was proven at {found.resumed}; --from-start reads everything")


def counted(counts: Counts) -> Iterator[str]:
    """What was looked at, in words; what there is none of is left out where it would only make one wonder."""
    yield f"{_n(counts.rows, 'row')} in {_n(counts.books, 'book')}, {_n(counts.notices, 'notice')}"
    yield _n(counts.letters, "letter") + (f", {_n(counts.octets, 'octet')} digested" if counts.octets else "")
    yield f"{_n(counts.receipts, 'final receipt')}, {_n(counts.heads, 'signed head')}"
    for count, thing, words in (
        (counts.waiting_letters, "letter", "without a number yet"),
        (counts.waiting_receipts, "row", "without a receipt yet"),
        (counts.waiting_orders, "order", "not carried out yet"),
        (counts.waiting_heads, "book", "whose newest rows are not signed yet"),
        (counts.orders, "order", "carried out"),
        (counts.mails, "receipt mail", "sent"),
        (counts.erased_letters, "letter", "erased; the row stays"),
        (counts.erased_records, "record", "erased; the row stays"),
        (
            counts.other_calendars,
            "row",
            "of a calendar that the directory does not know: no deemed time computed again",
        ),
    ):
        if count:
            yield f"{_n(count, thing)} {words}"


def _n(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
