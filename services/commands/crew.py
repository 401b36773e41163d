"""The services that one supervisor keeps running, the ingress's doors with them, and their relief at a reload."""

import os
from collections.abc import Callable, Mapping, Sequence

from services.commands.doors import Doors
from services.commands.errors import CommandError
from services.commands.metrics import RELOADS
from services.commands.overview import Overview
from services.commands.part import Part
from services.commands.supervisor import NotReplacedError, Supervisor
from services.runtime import sockets
from services.runtime.process import SUPERVISED
from services.runtime.settings import Settings

RELIEF_SECONDS = 60.0
"""Successors that are not ready by then are ended, and those before them go on."""
FIRST_PAUSE_SECONDS = 0.1
"""Whoever connects meanwhile waits in the backlog of the socket whose process has died."""

Services = Callable[[Doors], Sequence[Part]]
"""The parts for doors that are open."""


class Crew:
    """Started once, relieved at each reload; its doors are open from the start to the end of both."""

    def __init__(self, supervisor: Supervisor, overview: Overview) -> None:
        self._supervisor = supervisor
        self._overview = overview
        self._doors = Doors(sockets.activated(os.environ))
        self._names: tuple[str, ...] = ()

    async def start(self, settings: Settings, services: Services) -> None:
        """Open the doors, then start the parts. Raises CommandError where an address cannot be listened on."""
        self._doors = self._doors.widened(settings.ingest.listen, settings.ingest.processes)
        parts = services(self._doors)
        self._names = tuple(part.name for part in parts)
        self._overview.open(self._names)
        for part in parts:
            await self._supervisor.start(part)

    async def relieve(self, settings: Settings, services: Services) -> None:
        """Start successors at the same doors; when all are ready, those before them are asked to end.

        Raises, with everything as it was: CommandError where a new address cannot be listened on, NotReplacedError
        where a successor does not become ready.
        """
        doors = self._doors.widened(settings.ingest.listen, settings.ingest.processes)
        try:
            parts = services(doors)
            await self._supervisor.replace(self._names, parts, self._overview.works, RELIEF_SECONDS)
        except BaseException as error:
            doors.close(but=self._doors)
            if isinstance(error, NotReplacedError):
                RELOADS.labels("failed").inc()
            raise
        self._doors.close(but=doors)
        self._doors = doors
        self._names = tuple(part.name for part in parts)
        self._overview.name(self._names, started=True)
        RELOADS.labels("done").inc()

    def close(self) -> None:
        """Close the doors: who comes now is refused at once, and tries elsewhere or later."""
        self._doors.close()


def ingresses(
    settings: Settings, doors: Doors, command: tuple[str, ...], environment: Mapping[str, str], *files: int
) -> list[Part]:
    """The processes of the ingress, each with its share of the doors; `files` are further descriptors to inherit."""
    ingest = settings.ingest
    count = ingest.processes
    found = []
    for number in range(count):
        handed = doors.of(number, count)
        found.append(
            Part(
                name="ingest" if count == 1 else f"ingest-{number + 1}",
                command=command,
                environment={**environment, SUPERVISED: "1", sockets.HANDED: ",".join(map(str, handed))},
                stop_seconds=ingest.drain_seconds + ingest.commit_seconds,
                kept_open=(*handed, *files),
                first_pause_seconds=FIRST_PAUSE_SECONDS,
            )
        )
    return found


def bare_environment() -> dict[str, str]:
    """Ours without the settings in it: those are in the file that the parts read."""
    return {
        key: value
        for key, value in os.environ.items()
        if not (key.startswith("SARABAN_") and "__" in key) and key != "SARABAN_STATE"
    }


def check_lasting(before: Settings, after: Settings) -> None:
    """Raise CommandError if a setting has changed that holds as long as the supervisor runs."""
    for key, changed in (("state", before.state != after.state), ("ops.listen", before.ops.listen != after.ops.listen)):
        if changed:
            raise CommandError(f"{key} cannot be changed by a reload: restart")
