"""`saraban where`: where a letter is, one line a hop, from the first knock to the mailbox."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contracts.register import LetterEntered
from services.commands.agency import known_agencies
from services.commands.bars import bars
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import row, say, table, thai_time
from services.commands.where_hops import Hop, hops, of_traffic, waiting
from services.commands.where_search import AmbiguousError, Wanted, named, search, wanted
from services.commands.where_way import Found
from services.ingest import traffic_file
from services.runtime.settings import Settings

UNKNOWN, NOT_TAKEN = 1, 3
"""Exit codes: nothing is known of it; it was refused or deferred and has not come again."""

NAMED = 10

app = typer.Typer()


class Format(StrEnum):
    """How the lines are written."""

    TABLE = "table"
    JSONL = "jsonl"


@app.command()
def where(
    message_id: Annotated[
        str,
        typer.Argument(
            metavar="MESSAGE-ID",
            help="With or without <>; also the <mail> id that the ingress answered, or a register number.",
        ),
    ],
    agency: Annotated[str | None, typer.Option("--agency", metavar="ID", help="Only at this agency.")] = None,
    style: Annotated[Format, typer.Option("--format", help="To read, or one JSON object a line.")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Show where a letter is, one line a hop: attempts, time of receipt, number, verdict, receipt, delivery.

    A letter that is not known is also looked for in this machine's traffic log. Exit code 0: it was taken; 1: it is
    not known; 3: it was refused or deferred, and has not come again.
    """
    asked = wanted(message_id)
    settings = find(state, config)
    found = run(_search(settings, asked, agency))
    lines = hops(found.ways, found.attempts)
    _write(lines, style)
    for row_by_hand in found.by_hand:
        say(_by_hand(row_by_hand))
    if found.ways or found.by_hand:
        for line in waiting(found.ways):
            say(line)
        return 0
    if lines:
        say("it was refused or told to come again, and has not been taken since")
        return NOT_TAKEN
    traces = _traces(settings, asked)
    _write(traces, style)
    if traces:
        raise CommandError(f"{message_id} is in no stream; this is what the ingress of this machine answered", UNKNOWN)
    raise CommandError(f"{message_id} is not known: neither kept nor, under this name, refused", UNKNOWN)


async def _search(settings: Settings, asked: Wanted, agency: str | None) -> Found:
    async with connected(settings) as bus:
        if agency is not None and agency not in (known := await known_agencies(bus)):
            raise CommandError(f"there is no agency {agency!r}; there are {', '.join(sorted(known)) or 'none'}", 2)
        try:
            with bars() as tell:
                return await search(bus, asked, agency, tell)
        except AmbiguousError as error:
            some = f"{', '.join(error.agencies[:NAMED])}{' …' if len(error.agencies) > NAMED else ''}"
            raise CommandError(f"several agencies have this number: say which with --agency ({some})", 2) from error


def _by_hand(entry: LetterEntered) -> str:
    return (
        f"{entry.number_text}  ({entry.series} {entry.number}/{entry.year}) did not come by mail ({entry.channel}): "
        f"`saraban register show {entry.number} --agency {entry.agency} --series {entry.series} --year {entry.year}`"
    )


def _traces(settings: Settings, asked: Wanted) -> list[Hop]:
    """What the traffic log of this machine has, if it is here and we may read it."""
    wanted_text = asked.message_id or asked.mail
    if not settings.ingest.traffic or not wanted_text:
        return []
    found: list[Hop] = []
    try:
        for path, _ in traffic_file.files(Path(settings.state) / settings.ingest.traffic):
            found += [
                of_traffic(line)
                for line in traffic_file.read(path, wanted_text)
                if named(line.message_id, asked.message_id) or asked.mail in line.mails
            ]
    except OSError as error:
        say(f"the traffic log of this machine cannot be read: {error.strerror}")
    return found


def _write(lines: Sequence[Hop], style: Format) -> None:
    if style is Format.JSONL:
        for line in lines:
            row(line.flat())
    elif lines:
        # What is the same everywhere is left out.
        agencies = len({line.agency for line in lines}) > 1
        letters = len({line.mail for line in lines if line.mail}) > len({line.agency for line in lines if line.mail})
        heads = ["time", *["agency"] * agencies, *["letter"] * letters, "hop", "what"]
        table(
            heads,
            (
                (
                    thai_time(line.at),
                    *[line.agency] * agencies,
                    *[line.mail[:8]] * letters,
                    line.hop,
                    line.words,
                )
                for line in lines
            ),
        )
