"""`saraban letter`: a letter as it is kept, octet for octet, into a file."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from contracts.codec import UndecodableError
from contracts.event import Position
from contracts.values import sha256_hex
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import say
from services.runtime.bus import Bus
from services.runtime.errors import Missing
from services.runtime.letters import read_letter, read_message

app = typer.Typer()

_POSITION = re.compile(r"(MAIL_\d{4}):([1-9]\d{0,18})")


@app.command()
def letter(
    position: Annotated[str, typer.Argument(metavar="POSITION", help="As its cover mail names it: MAIL_2569:1234.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a letter as it is kept into a file: one that was too large for a mailbox, or that has malware in it.

    Nothing is taken out or made safe. The file can be read by you alone.
    """
    match = _POSITION.fullmatch(position)
    if match is None:
        raise CommandError(f"{position!r} is no position such as MAIL_2569:1234", 2)
    octets = run(_read(Position(stream=match[1], sequence=int(match[2])), state, config))
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(octets)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    say(f"{file}: {len(octets):,} octets, SHA-256 {sha256_hex(octets)}")


async def _read(place: Position, state: Path | None, config: Path | None) -> bytes:
    settings = find(state, config)
    async with connected(settings) as bus:
        try:
            return (await read_letter(bus.nc, place, bus.timeout))[1]
        except Missing as error:
            raise CommandError(str(error)) from error
        except UndecodableError:
            return await _bare(bus, place)


async def _bare(bus: Bus, place: Position) -> bytes:
    """The octets of a message whose headers are no event (numbered `unreadable`)."""
    message = await read_message(bus.nc, place.stream, place.sequence, bus.timeout)
    if message is None or message.subject.startswith("mail.v1.attempted."):
        raise CommandError(f"there is no letter at {place}")
    return message.body
