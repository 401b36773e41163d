"""`saraban ingest|register|sign|notify|provision --config FILE`: one service against an existing NATS."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from contracts.values import BANGKOK
from services.runtime import config
from services.runtime.settings import Settings

WRONG_SETTING = 2


def run(service: str, file: Path | None) -> int:
    """Run a service until it is told to stop; returns the exit code."""
    try:
        settings = config.load(file)
    except config.ConfigError as error:
        return _say(str(error), WRONG_SETTING)
    if service == "provision":
        return _provision(settings)
    if service == "ingest" and file is not None and os.environ.get("SARABAN_SUPERVISED") != "1":
        return _supervised(settings, file)
    return _one(service, settings)


def command(service: str) -> Callable[..., int]:
    """The service as a command of the application, for its --help and for a line with other options."""
    import typer

    def start(
        file: Annotated[Path, typer.Option("--config", metavar="FILE", help="deploy/saraban.toml shows each setting.")],
    ) -> int:
        return run(service, file)

    return start


def _one(service: str, settings: Settings) -> int:
    from services.runtime import process
    from services.runtime.readiness import Readiness

    application: Any = import_module(f"services.{service}.app")

    async def main(stop: asyncio.Event, readiness: Readiness) -> None:
        await application.serve(settings, stop, readiness)

    process.run(service, settings, main)
    return 0


def _supervised(settings: Settings, file: Path) -> int:
    """The ingress: whoever holds its sockets must outlive the process that serves them."""
    from services.commands.errors import CommandError
    from services.commands.state import State, in_memory

    state = State(Path(settings.state))
    folder = in_memory(state.run / "ingest") or state.metrics
    try:
        state.run.mkdir(parents=True, exist_ok=True)
        state.lock(
            "ingest", f"{state.root} is in use by another `saraban ingest`; a second one needs a state of its own"
        )
        folder.mkdir(parents=True, exist_ok=True)
        _empty(folder)  # a start begins to count anew
    except CommandError as error:
        return _say(str(error), error.code)
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}", 1)
    # prometheus_client looks at it once, when it is imported: before everything that has a metric.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from services.commands.ingress import Ingress

    async def main() -> int:
        return await Ingress(file, settings).run()

    try:
        return asyncio.run(main())
    finally:
        _empty(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _empty(folder: Path) -> None:
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def _provision(settings: Settings) -> int:
    from services.runtime.errors import BusError
    from services.runtime.provision import ProvisionRefused, provision

    try:
        lines = asyncio.run(provision(settings.nats, datetime.now(BANGKOK).year + 543))
    except ProvisionRefused as error:
        return _say(f"refused, an operator has to decide: {error}", 1)
    except BusError as error:
        return _say(f"NATS: {error}", 1)
    for line in lines or ["everything is there"]:
        sys.stdout.write(line + "\n")
    return 0


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"saraban: {line}\n")
    return code
