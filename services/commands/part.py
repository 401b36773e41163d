"""One child process of the supervisor, and how it is known again after the supervisor itself has died."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, json

from services.commands.patience import until
from services.runtime import presence, small_file


class Part(Struct, frozen=True, kw_only=True):
    """A program that has to run as long as the supervisor does."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_seconds: float = 10.0
    """Time to end by itself after SIGTERM; then it is killed."""
    stage: int = 0
    """Stages end in this order, the next one only when the one before is gone."""
    kept_open: tuple[int, ...] = ()
    """Descriptors it inherits: a lock that lasts as long as it runs, sockets it serves."""
    first_pause_seconds: float = 0.5
    """Before it is started again; each further time twice as long."""


class Running(Struct, frozen=True, kw_only=True):
    """A started part. The start time tells it from another process that got the same id later."""

    name: str
    pid: int
    since: int | None
    stage: int
    stop_seconds: float

    @property
    def alive(self) -> bool:
        """Whether it is this very process that still runs."""
        return self.since is not None and presence.alive(self.pid, self.since)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Record:
    """The parts that run, in a file: what a later supervisor may end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._running: dict[int, Running] = {}

    def add(self, running: Running) -> None:
        """Remember a started part; written before anything else happens."""
        self._running[running.pid] = running
        self._write()

    def remove(self, pid: int) -> None:
        """Forget a part that has ended."""
        self._running.pop(pid, None)
        self._write()

    def read(self) -> tuple[Running, ...]:
        """What the file says, whether it still runs or not. A damaged file says nothing."""
        try:
            return json.decode(self.path.read_bytes(), type=tuple[Running, ...])
        except (OSError, ValueError):
            return ()

    def _write(self) -> None:
        small_file.write(self.path, json.encode(list(self._running.values())))


async def end(parts: Sequence[Running]) -> list[str]:
    """End processes that are not our children, stage by stage; returns the names of those that had to be killed."""
    killed: list[str] = []
    for stage in sorted({part.stage for part in parts}):
        members = [part for part in parts if part.stage == stage and part.alive]
        for part in members:
            part.signal(signal.SIGTERM)
        patience = max((part.stop_seconds for part in members), default=0.0)
        await until(lambda: not any(part.alive for part in members), patience)  # noqa: B023 - over before the next turn
        for part in members:
            if part.alive:
                killed.append(part.name)
                part.signal(signal.SIGKILL)
        await until(lambda: not any(part.alive for part in members))  # noqa: B023 - as above
    return killed
