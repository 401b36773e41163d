"""`saraban register`: the book as a list, one entry of it, or a file for another program."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn

from contracts.values import Series
from services.commands import register_print, register_search, service
from services.commands.book_writers import ERASED, WITHHELD, Csv, Format, Json, Table, Writer
from services.commands.errors import CommandError
from services.commands.known import known_agencies
from services.commands.order_options import SeriesName
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import ERR, OUT, clean, thai_time
from services.register.book import book_subject
from services.register.listing import Entry, entries, one
from services.runtime.bus import Bus

app = typer.Typer(help="The register of received letters (ทะเบียนหนังสือรับ).", invoke_without_command=True)

AgencyOption = Annotated[str | None, typer.Option("--agency", metavar="ID", help="Only of this agency.")]
SeriesOption = Annotated[SeriesName | None, typer.Option("--series", help="Only this series.")]
YearOption = Annotated[int | None, typer.Option("--year", metavar="YEAR", help="Only of this Buddhist year.")]


@app.callback()
def worker(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Run the register worker with this configuration."),
    ] = None,
) -> None:
    """The register of received letters (ทะเบียนหนังสือรับ). With --config and no word after it: run the worker."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        if text := context.get_help():  # rich has printed it already
            OUT.print(text)
        raise typer.Exit(2)
    raise typer.Exit(service.run("register", config))


@app.command("list")
def list_entries(
    agency: AgencyOption = None,
    series: SeriesOption = None,
    year: YearOption = None,
    style: Annotated[Format, typer.Option("--format", help="To read, or every field.")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """List the entries, each book in the order of its numbers."""
    run(_write(sys.stdout, style, agency, series, year, state, config, progress=False))


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; .csv, .json or .jsonl.")],
    agency: AgencyOption = None,
    series: SeriesOption = None,
    year: YearOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the entries into a file, with every field.

    CSV is for spreadsheets: it begins with a byte order mark, and text that a spreadsheet would take for a formula
    has an apostrophe before it. JSON and JSONL have the values as they are.
    """
    try:
        style = Format(output.suffix.removeprefix(".").lower())
    except ValueError:
        style = Format.TABLE
    if style is Format.TABLE:
        raise CommandError(f"--output {output}: the name has to end in .csv, .json or .jsonl", 2)
    fresh = output.with_name(output.name + ".part")
    try:
        with fresh.open("w", encoding="utf-8-sig" if style is Format.CSV else "utf-8", newline="") as file:
            run(_write(file, style, agency, series, year, state, config, progress=True))
        fresh.replace(output)
    except OSError as error:
        raise CommandError(f"--output {output}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)


@app.command()
def show(
    number: Annotated[int, typer.Argument(min=1, metavar="NUMBER")],
    agency: AgencyOption = None,
    series: Annotated[SeriesName, typer.Option("--series", help="Which book.")] = SeriesName.RECEIVED,
    year: YearOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show one entry with every field, and everything that happened to it: who, when, why."""
    run(_show(number, agency, series, year, state, config))


async def _write(
    file: IO[str],
    style: Format,
    agency: str | None,
    series: SeriesName | None,
    year: int | None,
    state: Path | None,
    config: Path | None,
    *,
    progress: bool,
) -> None:
    async with connected(find(state, config)) as bus:
        writer: Writer
        match style:
            case Format.TABLE:
                known = await known_agencies(bus)
                writer = Table(file, several=len(known) > 1 and agency is None, series=series is None)
            case Format.CSV:
                writer = Csv(file)
            case _:
                writer = Json(file, lines=style is Format.JSONL)
        with ExitStack() as stack:
            bar = stack.enter_context(_bar()) if progress else None
            async for entry in _entries(bus, agency, series, year):
                writer.take(entry)
                if bar is not None:
                    bar(entry.left)
        writer.end()


async def _entries(bus: Bus, agency: str | None, series: SeriesName | None, year: int | None) -> AsyncIterator[Entry]:
    if agency is not None and agency not in (known := await known_agencies(bus)):
        raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(known)) or 'none'}")
    name: Series | None = None if series is None else series.value
    async for entry in entries(bus, agency, name, year):
        yield entry


async def _show(
    number: int, agency: str | None, series: SeriesName, year: int | None, state: Path | None, config: Path | None
) -> None:
    async with connected(find(state, config)) as bus:
        found = [
            entry
            for book in await _books(bus, agency, series, year)
            if (entry := await one(bus, book, number)) is not None
        ]
    if not found:
        where = ", ".join(str(part) for part in (agency, series.value, year) if part is not None)
        raise CommandError(f"there is no entry {number} ({where})")
    if len(found) > 1:
        books = ", ".join(f"--agency {entry.row.agency} --year {entry.row.year}" for entry in found)
        raise CommandError(f"there are several entries {number}: say which with {books}", 2)
    for name, value in _readable(found[0]):
        OUT.print(f"[dim]{name:<14}[/dim]", end=" ")
        OUT.print(clean(value), markup=False)


async def _books(bus: Bus, agency: str | None, series: SeriesName, year: int | None) -> list[str]:
    """The books that the words may mean; those of an agency that is not there any more, too."""
    if agency is not None and year is not None:
        return [book_subject(agency, series.value, year)]
    subject = f"register.v1.entered.{agency or '*'}.{series.value}.{year or '*'}"
    info = await bus.api("STREAM.INFO.REGISTER", {"subjects_filter": subject})
    return sorted(info["state"].get("subjects") or {})


def _readable(entry: Entry) -> Iterator[tuple[str, str]]:
    fields = entry.flat()
    del fields["actions"]
    for name, value in fields.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield name, f"{text}  ({thai_time(text)})" if name in ("received_at", "deemed_at") else text
    if entry.record is None:
        yield "record", WITHHELD if entry.withheld else ERASED
    elif entry.record.enveloped is not None:
        yield "record", "enveloped for the registrar"
    yield from _history(entry)


def _history(entry: Entry) -> Iterator[tuple[str, str]]:
    """Who did what to it, when and why, the oldest first."""
    row = entry.row
    if entry.entered is not None:
        yield "history", f"{thai_time(entry.entered.given_at)}  entered by {entry.entered.by}: {entry.entered.reason}"
    elif row.moved_from is not None:
        yield "history", f"moved here from {row.moved_from}"
    else:
        yield "history", f"{thai_time(row.received_at)}  came by {row.channel}"
    for act in entry.acts:
        if act.order is None:
            yield "history", f"{act.kind}; the order {act.effect.order} was erased"
            continue
        moved = f" to {entry.moved.to_series} {entry.moved.to_number}/{entry.moved.to_year}" if entry.moved else ""
        what = {"moved": f"moved{moved}", "noted": f"noted “{act.text}”"}.get(act.kind, act.kind)
        yield "history", f"{thai_time(act.order.given_at)}  {what} by {act.order.by}: {act.order.reason}"


app.command("print")(register_print.print_book)
app.command("search")(register_search.search_books)


@contextmanager
def _bar() -> Iterator[Any]:
    """A bar of how much of the stream is read."""
    with Progress(
        TextColumn("reading"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), console=ERR, transient=True
    ) as progress:
        task = progress.add_task("reading", total=None)

        def tell(left: int) -> None:
            total = progress.tasks[0].total or left + 1
            progress.update(task, total=total, completed=total - left)

        yield tell
