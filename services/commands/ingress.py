"""`saraban ingest`: the processes of an ingress where no `saraban up` supervises them, be it one or several."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from services.commands import toml
from services.commands.asked import Asked
from services.commands.crew import Crew, Services, bare_environment, check_lasting, ingresses
from services.commands.errors import CommandError
from services.commands.metrics import RELOADS
from services.commands.overview import Overview
from services.commands.part import Record
from services.commands.supervisor import MisconfiguredError, NotReplacedError, Supervisor, end_leftovers
from services.runtime import config
from services.runtime.process import run_folder
from services.runtime.settings import Settings

WRONG_SETTING = 2


class Ingress:
    """Runs until it is asked to end."""

    def __init__(self, file: Path, settings: Settings) -> None:
        self._file = file
        self._settings = settings
        self._told = Told(settings)
        folder = run_folder(settings)
        self._record = Record(folder / "ingest.record")
        self._supervisor = Supervisor(self._record, lambda name: None, say)
        self._overview = Overview(self._supervisor, settings.ops.listen, folder)
        self._crew = Crew(self._supervisor, self._overview)

    async def run(self) -> int:
        """The exit code."""
        asked = Asked(self._supervisor.kill)
        work: list[asyncio.Future[Any]] = [
            asyncio.create_task(asked.stop.wait()),
            asyncio.create_task(self._reload(asked.reload)),
        ]
        try:
            await end_leftovers(self._record, say)
            await self._crew.start(self._settings, self._services(self._settings, self._told))
            await asyncio.wait([*work, self._supervisor.failed], return_when=asyncio.FIRST_COMPLETED)
            if self._supervisor.failed.done():
                self._supervisor.failed.result()
        except MisconfiguredError:
            return WRONG_SETTING  # it has said why itself
        except CommandError as error:
            say(str(error))
            return error.code
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            self._overview.ending()
            self._crew.close()
            await self._supervisor.drain()
            self._overview.close()
        return 0

    async def _reload(self, wanted: asyncio.Event) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            try:
                settings = self._read()
                told = Told(settings)
                try:
                    await self._crew.relieve(settings, self._services(settings, told))
                except BaseException:
                    told.close()
                    raise
            except (config.ConfigError, CommandError) as error:
                RELOADS.labels("refused").inc()
                say(f"not reloaded, what runs goes on: {error}")
            except NotReplacedError as error:
                say(f"not reloaded, what runs goes on: {error}")
            else:
                self._told.close()
                self._settings, self._told = settings, told
                say(f"reloaded {self._file}")

    def _read(self) -> Settings:
        settings = config.load(self._file)
        check_lasting(self._settings, settings)
        return settings

    def _services(self, settings: Settings, told: "Told") -> Services:
        command = (sys.executable, "-m", "services.cli", "ingest", "--config", told.path)
        return lambda doors: ingresses(settings, doors, command, bare_environment(), told.descriptor)


class Told:
    """Settings as a file in memory that children inherit: one started again reads what held, not what is typed now.

    On a disk it would leave passwords that came by the environment.
    """

    def __init__(self, settings: Settings) -> None:
        settings = replace(settings, sign=replace(settings.sign, seal_passwords={}))
        self.descriptor = os.memfd_create("saraban.toml")
        with os.fdopen(os.dup(self.descriptor), "wb") as file:
            file.write(toml.dumps(msgspec.to_builtins(settings)).encode())
        self.path = f"/proc/self/fd/{self.descriptor}"

    def close(self) -> None:
        """Nobody starts with these settings any more."""
        os.close(self.descriptor)


def say(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"saraban: {line}\n")
