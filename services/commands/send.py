"""`saraban send`: hand letters over by SMTP, and show what becomes of them."""

import asyncio
import getpass
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.directory import Agency
from services.commands import letter_file, sent
from services.commands.agency import known_agencies
from services.commands.errors import CommandError
from services.commands.handover import Handover, RefusedError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import ERR, row
from services.commands.tracking import Track, Tracking
from services.runtime.config import host_port
from services.runtime.settings import Settings

REFUSED, NOT_YET = 1, 3
"""Exit codes: a letter was refused or a mail failed; a letter was not through when the time was over."""

app = typer.Typer()


class Format(StrEnum):
    """How the outcome is shown."""

    TABLE = "table"
    JSONL = "jsonl"


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|DIR…", help=".eml as it stands; .pdf in a new mail.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Central address.", show_default="the only agency's")
    ] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Who sends, and gets the receipt.")
    ] = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for number and receipt; 0 not at all.")
    ] = 120.0,
    style: Annotated[Format, typer.Option("--format", help="To read, or one JSON object a letter.")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Send letters through the ingress, wait, and show number, deemed time, receipt and cover mail.

    Exit code 0: all numbered and answered; 1: one was refused or its mail failed; 3: the time was over before.
    """
    paths = letter_file.find(files)
    settings = find(state, config)
    return run(_send(paths, to, sender or f"{getpass.getuser()}@localhost", wait, style, settings))


async def _send(
    paths: Sequence[Path], to: str | None, sender: str, wait: float, style: Format, settings: Settings
) -> int:
    async with connected(settings) as bus:
        agencies = await known_agencies(bus)
        recipient = to or _only_address(agencies)
        tracking = Tracking(bus, agencies)
        await tracking.begin()
        try:
            tracks: list[Track] = []
            with _progress(len(paths)) as progress:
                handing = progress.add_task("handed over", total=len(paths))
                numbering = progress.add_task("numbered", total=len(paths))
                answering = progress.add_task("answered", total=len(paths))

                def show() -> None:
                    progress.update(handing, completed=len(tracks))
                    progress.update(numbering, completed=sum(track.numbered for track in tracks))
                    progress.update(answering, completed=sum(track.done for track in tracks))

                await _hand_over(paths, sender, recipient, settings, tracking, tracks, show)
                complete = await tracking.wait(tracks, wait, show) if wait else True
            outcome = sent.Outcome(settings, tracking)
            for track in tracks:
                if style is Format.JSONL:
                    row(await outcome.as_json(track))
                else:
                    await outcome.show(track, brief=len(tracks) > sent.IN_FULL)
        finally:
            await tracking.end()
    if any(track.refused is not None or track.failed for track in tracks):
        return REFUSED
    return 0 if complete else NOT_YET


async def _hand_over(
    paths: Sequence[Path],
    sender: str,
    recipient: str,
    settings: Settings,
    tracking: Tracking,
    tracks: list[Track],
    show: Callable[[], None],
) -> None:
    host, port = host_port(settings.ingest.listen[0])
    handover = Handover(host, port)
    try:
        for letter in letter_file.read(list(paths), sender, recipient):
            track = Track(name=str(letter.path), sha256=letter.sha256)
            tracking.add(track)
            try:
                await asyncio.to_thread(handover.give, sender, [recipient], letter.content)
            except RefusedError as error:
                track.refused = str(error)
            tracks.append(track)
            show()
    finally:
        await asyncio.to_thread(handover.close)


def _only_address(agencies: Mapping[str, Agency]) -> str:
    active = [agency for agency in agencies.values() if agency.active]
    if len(active) != 1:
        known = ", ".join(sorted(agency.addresses[0] for agency in active)) or "none; see `saraban agency add --help`"
        raise CommandError(f"say with --to which agency is meant; there are {known}", 2)
    return active[0].addresses[0]


def _progress(count: int) -> Progress:
    """Bars on a terminal when there is something to wait for; nothing otherwise."""
    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=ERR,
        transient=True,
        disable=not ERR.is_terminal or count < 2,
    )
