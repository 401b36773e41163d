"""Where the running system is: the folder of `saraban up` (`--state`), or a configuration file (`--config`)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from services.commands.errors import CommandError
from services.runtime import config
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable
from services.runtime.settings import Nats, Settings

T = TypeVar("T")

DEFAULT_STATE = Path("var")

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Folder of the running system.", show_default="./var"),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration of the running system, instead of --state."),
]


def find(state: Path | None, file: Path | None) -> Settings:
    """The settings of the running system.

    A configuration file that does not say where NATS is belongs to a `saraban up --config`: its state folder knows.
    """
    if state is not None and file is not None:
        raise CommandError("--state and --config say the same thing twice: give one of them", 2)
    if file is not None:
        settings = config.load(file)
        running = Path(settings.state) / "saraban.toml"
        if settings.nats != Nats() or not running.exists():
            return settings
        return config.load(running)
    running = (state or DEFAULT_STATE) / "saraban.toml"
    if not running.exists():
        raise CommandError(
            f"there is no running system in {state or DEFAULT_STATE}: start one with `saraban up`, "
            "or say where it is with --state or --config"
        )
    return config.load(running)


@contextlib.asynccontextmanager
async def connected(settings: Settings, role: str = "officers") -> AsyncIterator[Bus]:
    """A connection to the running system as a user of contracts/permissions.py."""
    try:
        bus = await Bus.connect(settings.nats, role)
    except Unavailable as error:
        raise CommandError(f"{error}; is the system running? (`saraban up`, `--state`, `--config`)") from error
    try:
        yield bus
    finally:
        await bus.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end."""
    return asyncio.run(work)
