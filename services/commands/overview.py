"""One operations page for several processes: what each says of itself, and which of them does not run."""

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path

from services.commands.errors import CommandError
from services.commands.metrics import RESTARTS
from services.commands.supervisor import Supervisor
from services.runtime import readiness
from services.runtime.ops import OpsServer
from services.runtime.readiness import Readiness

LOOK_SECONDS = 0.25


class Overview:
    """Serves the page from `open` to `close`."""

    def __init__(self, supervisor: Supervisor, listen: str, folder: Path, quiet: Collection[str] = ()) -> None:
        """`folder` is where the processes keep their readiness; parts that are `quiet` come and go without a word."""
        self._quiet = frozenset(quiet)
        self._supervisor = supervisor
        self._listen = listen
        self._folder = folder
        self._readiness: Readiness | None = None
        self._ops: OpsServer | None = None
        self._looking: asyncio.Task[None] | None = None
        self._services: frozenset[str] = frozenset()

    def open(self, names: Iterable[str]) -> None:
        """Begin to serve. A part that does not run is a reason of our own: it cannot give one itself."""
        self._readiness = told = Readiness("up", self._folder)
        self.name(names)
        self._supervisor.on_change = self._changed
        self._supervisor.on_restart = lambda name: RESTARTS.labels(name).inc()
        self._ops = OpsServer(self._listen, self._folder, self._supervisor.beside)
        try:
            self._ops.start()
        except OSError as error:
            raise CommandError(f"{self._listen}: {error.strerror}") from error
        self._looking = asyncio.create_task(self._look(told))

    def _changed(self, name: str, runs: bool) -> None:
        if self._readiness is not None and name not in self._quiet:
            self._readiness.set(name, False, "is starting" if runs else "does not run")

    def name(self, names: Iterable[str], *, started: bool = False) -> None:
        """Which parts there have to be from now on."""
        before, self._services = self._services, frozenset(names)
        if self._readiness is not None:
            for name in before - self._services:
                self._readiness.set(name, True)
            for name in self._services - before:
                self._readiness.set(name, started, "is not started yet")

    def works(self, pid: int) -> bool:
        """Whether a process says that it is ready."""
        return any(state.pid == pid and not state.reasons for state, _ in readiness.processes(self._folder))

    def ending(self) -> None:
        """Not ready any more: no new work should come."""
        if self._readiness is not None:
            self._readiness.set("up", False, "ending")

    def close(self) -> None:
        """Stop serving."""
        if self._ops is not None:
            self._ops.stop()
        if self._looking is not None:
            self._looking.cancel()
        if self._readiness is not None:
            self._readiness.close()

    def not_ready(self) -> list[str]:
        """Why the parts do not serve yet, a line each; what /readyz says."""
        return readiness.not_ready(self._folder, self._supervisor.beside)

    async def _look(self, told: Readiness) -> None:
        """A part runs once its process has said so; what it says then stands in a file of its own."""
        while True:
            told.beat()
            reported = {state.pid for state, _ in readiness.processes(self._folder)}
            for name, pid in self._supervisor.running().items():
                if pid in reported or name not in self._services:  # nats-server says nothing; its clients do
                    told.set(name, True)
            await asyncio.sleep(LOOK_SECONDS)
