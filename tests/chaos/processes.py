"""The processes below a supervisor, found in /proc: what a chaos run may kill."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("ingest", "register", "sign", "notify")


@dataclass(frozen=True)
class Process:
    """One process and what it is: a service, `nats-server`, or a child of `sign`."""

    pid: int
    name: str

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False if the process is gone."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def below(pid: int) -> list[Process]:
    """Every process below `pid` that has a name we know, itself not included."""
    found: list[Process] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # gone meanwhile
            continue
        for child in children:
            name = _name(int(child))
            if name is not None:
                found.append(Process(int(child), name))
            found += below(int(child))
    return found


def _name(pid: int) -> str | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if "nats-server" in words[0]:
        return "nats-server"
    return next((service for service in SERVICES if service in words), None)
