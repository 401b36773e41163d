"""Builds the register; nothing else does."""

import asyncio
import gc
import os
import socket
from datetime import datetime
from typing import Final

from contracts.values import BANGKOK
from services.register import log
from services.register.agencies import Agencies
from services.register.calendar import civil_service
from services.register.waiting import unless
from services.register.worker import Worker
from services.runtime import log as runtime_log
from services.runtime import process, settings
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.errors import Unavailable
from services.runtime.lease import Lease
from services.runtime.readiness import Readiness

SERVICE: Final = "register"
CONNECT_AGAIN_SECONDS: Final = 0.5


def run(config: settings.Settings) -> None:
    """Run the register as a process of its own until it is told to stop."""

    async def main(stop: asyncio.Event, readiness: Readiness) -> None:
        # What is loaded by now stays: no need to look through it again at every collection.
        gc.collect()
        gc.freeze()
        await serve(config, stop, readiness)

    process.run(SERVICE, config, main)


async def serve(config: settings.Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Run one register worker on the running loop until `stop` is set."""
    bus = await _connected(config.nats, stop, readiness)
    if bus is None:
        return
    directory = await Directory.watch(bus)
    try:
        if not await _loaded(directory, stop, readiness):
            return
        lease = Lease(bus, SERVICE, f"{socket.gethostname()}:{os.getpid()}", config.register.lease_poll_seconds)
        await Worker(bus, Agencies(bus, directory), lease, readiness, config.register).run(stop)
    finally:
        await directory.close()
        await bus.close()


async def _connected(config: settings.Nats, stop: asyncio.Event, readiness: Readiness) -> Bus | None:
    """The connection, tried until it is there; None if `stop` was set first."""
    said = ""
    while not stop.is_set():
        try:
            return await Bus.connect(config, SERVICE, on_closed=stop.set)
        except Unavailable as error:
            readiness.set("nats", False, str(error))
            if said != str(error):
                said = str(error)
                runtime_log.waiting(said)
        await asyncio.sleep(CONNECT_AGAIN_SECONDS)
    return None


async def _loaded(directory: Directory, stop: asyncio.Event, readiness: Readiness) -> bool:
    """Wait for the directory: a letter must not be numbered by the defaults because we asked too early."""
    readiness.set("nats", True)
    readiness.set("directory", False, "has not been read yet")
    if not await unless(stop, directory.wait_loaded()):
        return False
    readiness.set("directory", True)
    year = datetime.now(BANGKOK).year
    if not civil_service().announced(year):
        log.calendar_incomplete(year + 543)
    return True
