"""`saraban register search`: entries by number, letter number, sender, words of the subject, days."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from services.commands.book_writers import Csv, Format, Json, Table, Writer
from services.commands.errors import CommandError
from services.commands.known import known_agencies
from services.commands.order_options import SeriesName, typed_day
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import ERR, say
from services.desk.index import Asked, DamagedError
from services.desk.index_reader import BusyError
from services.desk.search import Results, search
from services.runtime.bus import Bus

FOLDER = "search"
"""Below the state folder: an index for each agency that was searched."""


def search_books(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORDS]…", help="All of them: subject, sender, addressee, letter number, or a part of it."
        ),
    ] = None,
    number: Annotated[str, typer.Option("--number", metavar="N", help="Register number, 15 or สพร ร/๒๕๖๙/๑๕.")] = "",
    letter_number: Annotated[
        str, typer.Option("--letter-number", metavar="TEXT", help="The letter's own number, in digits of either kind.")
    ] = "",
    sender: Annotated[str, typer.Option("--sender", metavar="TEXT", help="Who wrote it, or the office that did.")] = "",
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day it counts for: 2026-06-05 or 5 มิ.ย. 2569.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day it counts for.")] = None,
    letter_date: Annotated[
        str | None, typer.Option("--letter-date", metavar="DATE", help="The letter's own date (ลงวันที่).")
    ] = None,
    agency: Annotated[str | None, typer.Option("--agency", metavar="ID", help="Only of this agency.")] = None,
    series: Annotated[SeriesName | None, typer.Option("--series", help="Only this series.")] = None,
    year: Annotated[int | None, typer.Option("--year", metavar="YEAR", help="Only of this Buddhist year.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="Show at most so many.")] = 50,
    style: Annotated[Format, typer.Option("--format", help="To read, or every field.")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Search the books; the newest entries first.

    Thai and ASCII digits are the same, and words may be parts of words. An index lies in the state folder; it is
    made at the first search and brought up to date at each. Classified letters are found by number and day alone.
    """
    asked = Asked(
        words=tuple(word for word in words or () if word.strip()),
        number=number.strip(),
        letter_number=letter_number.strip(),
        sender=sender.strip(),
        series=series.value if series is not None else "",
        year=year,
        since=typed_day("--from", since) or "",
        until=typed_day("--to", until) or "",
        letter_date=typed_day("--letter-date", letter_date) or "",
    )
    if not (asked.by_content or asked.number or asked.since or asked.until):
        raise CommandError("say what to look for: words, --number, --letter-number, --sender, --from, --to", 2)
    if asked.until and asked.since > asked.until:
        raise CommandError("--to: is before --from", 2)
    count = run(_search(asked, agency, limit, style, state, config))
    if not count:
        raise typer.Exit(1)


async def _search(
    asked: Asked, agency: str | None, limit: int, style: Format, state: Path | None, config: Path | None
) -> int:
    settings = find(state, config)
    async with connected(settings) as bus:
        known = await known_agencies(bus)
        if agency is not None and agency not in known:
            raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(known)) or 'none'}", 2)
        chosen = [agency] if agency is not None else sorted(known)
        writer = _writer(style, several=len(chosen) > 1)
        count = shown = 0
        for name in chosen:
            found = await _one(bus, Path(settings.state) / FOLDER, name, asked, limit - shown)
            count += found.count
            shown += len(found.entries)
            for entry in found.entries:
                writer.take(entry)
            if shown >= limit:
                break
    if shown or style is not Format.TABLE:
        writer.end()
    if not count:
        say("nothing fits")
    elif count > shown:
        say(f"{count} entries fit; the newest {shown} are shown (--limit)")
    return count


async def _one(bus: Bus, folder: Path, agency: str, asked: Asked, limit: int) -> Results:
    bar = Progress(
        TextColumn("reading the books"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        console=ERR, transient=True,
    )  # fmt: skip
    task = bar.add_task(agency, total=None)
    try:
        with bar if ERR.is_terminal else nullcontext():
            return await search(
                bus, folder, agency, asked, limit, lambda done, total: bar.update(task, completed=done, total=total)
            )
    except (BusyError, DamagedError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(
            f"the search needs an index in {folder}, which cannot be written ({error.strerror or error}); "
            "search as the user that runs the system, or give a --config whose `state` is a folder of yours"
        ) from error


def _writer(style: Format, *, several: bool) -> Writer:
    match style:
        case Format.TABLE:
            return Table(sys.stdout, several=several)
        case Format.CSV:
            return Csv(sys.stdout)
        case _:
            return Json(sys.stdout, lines=style is Format.JSONL)
