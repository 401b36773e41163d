"""Several processes of one service as one: `[ingest] processes` where no `saraban up` supervises."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from services.commands.errors import CommandError
from services.commands.overview import Overview
from services.commands.part import Part, Record
from services.commands.supervisor import Supervisor, end_leftovers
from services.runtime.process import SUPERVISED, run_folder
from services.runtime.settings import Settings

WRONG_SETTING = 2


async def run_crew(service: str, settings: Settings, file: Path, count: int) -> int:
    """Run `count` processes of a service until we are told to stop; returns the exit code."""
    folder = run_folder(settings)
    record = Record(folder / f"{service}.record")
    supervisor = Supervisor(record, lambda name: None, _say)
    overview = Overview(supervisor, settings.ops.listen, folder)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    parts = [
        Part(
            name=f"{service}-{number}",
            command=(sys.executable, "-m", "services.cli", service, "--config", str(file)),
            environment=os.environ | {SUPERVISED: "1"},
            stop_seconds=settings.ingest.drain_seconds + settings.ingest.commit_seconds,
        )
        for number in range(1, count + 1)
    ]
    await end_leftovers(record, _say)
    try:
        overview.open(part.name for part in parts)
        for part in parts:
            await supervisor.start(part)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((stopping, supervisor.failed), return_when=asyncio.FIRST_COMPLETED)
        # A part that cannot run with these settings has said why.
        return WRONG_SETTING if supervisor.failed.done() and supervisor.failed.exception() else 0
    except CommandError as error:
        _say(str(error))
        return error.code
    finally:
        overview.ending()
        await supervisor.drain()
        overview.close()


def _say(line: str) -> None:
    sys.stderr.write(f"saraban: {line}\n")
