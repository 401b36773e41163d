"""`saraban up`: everything on this machine, kept running until Ctrl-C."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from services.commands.asked import Asked
from services.commands.errors import CommandError
from services.commands.patience import until
from services.commands.state import State
from services.commands.supervisor import MisconfiguredError, NotReplacedError
from services.commands.terminal import ERR
from services.runtime import config as configuration
from services.runtime.config import host_port
from services.runtime.errors import BusError
from services.runtime.settings import Settings
from services.runtime.version import version

if TYPE_CHECKING:  # imported late, see below
    from services.commands.system import System

PATIENCE_SECONDS = 20.0
"""When the system is not ready by then, the reasons are said; it goes on trying."""
HOUSEKEEPING_SECONDS = 30.0
STUBBORN_SECONDS = 5.0

app = typer.Typer()


@app.command()
def up(
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Where everything is kept.", show_default="./var"),
    ] = None,
    smtp: Annotated[
        str | None,
        typer.Option("--smtp", metavar="HOST:PORT", help="Where letters come in.", show_default="127.0.0.1:8025"),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT", help="/metrics, /livez, /readyz.", show_default="127.0.0.1:8525"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings; deploy/saraban.toml shows each."),
    ] = None,
) -> int:
    """Start everything on this machine: nats-server, the ingress, register, sign and notify.

    What crashes is started again. Ctrl-C lets letters under way finish, then ends everything; a second one does not
    wait. SIGHUP (`kill -HUP`) reads --config again: successors take over without a refused connection. The first start
    makes a demo agency (unless there is a --config), a test seal and a folder for the mails.
    """
    settings = configuration.load(config)
    for option, listen in (("--smtp", smtp), ("--http", http)):
        try:
            host_port(listen or "localhost:1")
        except ValueError as error:
            raise CommandError(f"{option} {error}", 2) from error
    place = State(state or Path(settings.state))
    place.prepare()
    place.lock("up", f"{place.root} is in use by another `saraban up`; a second one needs a --state of its own")
    # prometheus_client looks at it once, when it is imported: before everything that has a metric.
    place.clear_metrics()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(place.metrics)
    from services.commands.system import assemble

    def read() -> Settings:
        return assemble(configuration.load(config), place, smtp, http, configured=config is not None)

    settings = assemble(settings, place, smtp, http, configured=config is not None)
    return asyncio.run(_run(place, settings, read, with_demo=place.is_new and config is None))


async def _run(state: State, settings: Settings, read: Callable[[], Settings], *, with_demo: bool) -> int:
    from services.commands.system import System

    began = time.monotonic()
    system = System(state, settings, say, to_files=sys.stderr.isatty())
    asked = Asked(system.supervisor.kill)
    stop = asked.stop
    ERR.print(f"[bold]saraban {version()}[/bold] starts in {state.root}")
    try:
        if await _unless(stop, system.start(with_demo=with_demo)):
            await _unless(stop, _serve(system, asked.reload, read, began))
    finally:
        for name in await system.drain(_say_stage):
            say(f"{name} did not end in time and was killed")
    state.forget_metrics()
    say("ended; the next start goes on where it was")
    return 0


async def _serve(system: "System", reload: asyncio.Event, read: Callable[[], Settings], began: float) -> None:
    """Until cancelled: say when everything is ready, watch, keep house, reload."""
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        group.create_task(_say_ready(system, began, ready))
        group.create_task(_audit(system, ready))
        group.create_task(_reload(system, reload, read))
        group.create_task(_keep_house(system))
        group.create_task(system.keep_writable())
        try:
            await system.supervisor.failed
        except MisconfiguredError as error:
            raise CommandError(f"{error} cannot run with these settings{system.last_words(str(error))}", 2) from error


async def _audit(system: "System", ready: asyncio.Event) -> None:
    await ready.wait()
    await system.audit()


async def _say_ready(system: "System", began: float, ready: asyncio.Event) -> None:
    from services.commands import welcome

    if not await until(lambda: not system.not_ready(), PATIENCE_SECONDS):
        say("not ready yet: " + "; ".join(system.not_ready()))
        await until(lambda: not system.not_ready())
    welcome.show(system, time.monotonic() - began)
    ready.set()
    while sys.stderr.isatty():
        try:
            await system.tell_letters(say)
        except* BusError:  # nothing to read is no reason to end what is read about
            await asyncio.sleep(PATIENCE_SECONDS)


async def _reload(system: "System", wanted: asyncio.Event, read: Callable[[], Settings]) -> None:
    from services.commands.metrics import RELOADS

    while True:
        await wanted.wait()
        wanted.clear()
        say("reading the configuration again")
        try:
            await system.reload(read())
        except (configuration.ConfigError, CommandError) as error:
            RELOADS.labels("refused").inc()
            say(f"[red]not reloaded, what runs goes on: {escape(str(error))}[/red]")
        except NotReplacedError as error:
            say(f"[red]not reloaded, what runs goes on: {escape(str(error))}[/red]")
        else:
            say("reloaded; what ran before finishes what is under way")


async def _keep_house(system: "System") -> None:
    while True:
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
        system.state.turn_logs()
        await system.turn_year()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work; whether it came to its end before somebody asked us to stop. Its exception is raised."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        try:
            working.result()
        except* CommandError as group:
            raise group.exceptions[0] from None
        return True
    working.cancel()
    # Not `await working`: whatever holds it up, the parts have to be ended.
    await asyncio.wait((working,), timeout=STUBBORN_SECONDS)
    return False


def say(text: str) -> None:
    """One line for whoever watches. A terminal that was closed is no reason not to end in order."""
    with contextlib.suppress(OSError):
        ERR.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim]  {text}")


def _say_stage(names: Sequence[str]) -> None:
    say(f"ending {', '.join(names)}")
