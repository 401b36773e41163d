"""What is ready and what is not, with reasons; kept as a small file so that one page answers for all processes."""

import os
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from services.runtime import metrics, small_file
from services.runtime.presence import alive, started

STUCK_SECONDS = 30.0
"""An event loop that has not turned for so long is stuck: the longest pause of ours, a large parse, is under one."""


class State(Struct, frozen=True, kw_only=True):
    """One process, as its file says."""

    service: str
    pid: int
    started: int
    reasons: tuple[str, ...]


class Readiness:
    """The parts of one process. Not ready before its first part is set."""

    def __init__(self, service: str, folder: Path | None = None) -> None:
        self._service = service
        self._parts: dict[str, str | None] = {}
        self._file: Path | None = None
        self._gauge = metrics.READY.labels(service)
        self._pid = os.getpid()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = folder / f"{service}-{self._pid}.json"
        self._write()

    def set(self, part: str, ready: bool, reason: str = "") -> None:
        """Say that `part` is ready, or why not. Cheap when nothing changes."""
        value = None if ready else reason or "not ready"
        if part in self._parts and self._parts[part] == value:
            return
        self._parts[part] = value
        self._write()

    @property
    def ready(self) -> bool:
        """Whether every part is ready."""
        return bool(self._parts) and not any(self._parts.values())

    @property
    def reasons(self) -> list[str]:
        """Why it is not ready, `part: reason` each; empty when it is."""
        if not self._parts:
            return ["starting"]
        return [f"{part}: {reason}" for part, reason in self._parts.items() if reason]

    def beat(self) -> None:
        """The event loop turns. The file's time is a monotonic clock, which no clock step can move."""
        if self._file is not None:
            now = time.monotonic_ns()
            with suppress(FileNotFoundError):
                os.utime(self._file, ns=(now, now))

    def close(self) -> None:
        """The process ends in order: its file goes."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        self._gauge.set(self.ready)
        if self._file is None:
            return
        state = State(
            service=self._service, pid=self._pid, started=started(self._pid) or 0, reasons=tuple(self.reasons)
        )
        small_file.write(self._file, msgspec.json.encode(state))
        self.beat()


def processes(folder: Path) -> Iterator[tuple[State, float]]:
    """Every living process with the age of its last heartbeat in seconds. Files of dead ones are removed."""
    for file in sorted(folder.glob("*.json")):
        try:
            age = (time.monotonic_ns() - file.stat().st_mtime_ns) / 1e9
            state = msgspec.json.decode(file.read_bytes(), type=State)
        except (FileNotFoundError, msgspec.MsgspecError):
            continue
        if alive(state.pid, state.started or None):
            yield state, age
        else:
            file.unlink(missing_ok=True)


def not_ready(folder: Path, beside: Container[int] = ()) -> list[str]:
    """Why the system is not ready, one line each. Processes `beside` come or go while others do the work."""
    found = [(state, age) for state, age in processes(folder) if state.pid not in beside]
    if not found:
        return ["no process is running"]
    return [f"{state.service} ({state.pid}): {reason}" for state, _ in found for reason in state.reasons]


def stuck(folder: Path) -> list[str]:
    """Whose event loop does not turn, one line each."""
    return [
        f"{state.service} ({state.pid}): event loop stuck for {age:.0f} s"
        for state, age in processes(folder)
        if age > STUCK_SECONDS
    ]
