"""One service as a process: loop, logs, signals, operations page, exit code."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

from services.runtime import log, logs
from services.runtime.config import ConfigError
from services.runtime.ops import OpsServer
from services.runtime.readiness import Readiness
from services.runtime.settings import Settings
from services.runtime.version import version

SUPERVISED = "SARABAN_SUPERVISED"
"""Set to 1 by a supervisor that serves the operations page for all."""

STOPPED, CRASHED, MISCONFIGURED, ADDRESS_TAKEN = 0, 1, 2, 3
"""Exit codes. MISCONFIGURED: `main` raised ConfigError; starting it again would not help, and nobody does."""

BEAT_SECONDS = 1.0

LAST_SECONDS = 5.0
"""What is left of a process when its main has returned may take so long to end."""

Stop = asyncio.Event
"""Set when the process shall end. Everything that waits, waits for this as well."""

Main = Callable[[Stop, Readiness], Awaitable[None]]


def run(service: str, settings: Settings, main: Main, environ: Mapping[str, str] = os.environ) -> None:
    """Run `main` until it returns; SIGTERM and SIGINT set its `stop`, a second one ends the process at once.

    SIGHUP is a stop too: whoever restarts the process gives it the new configuration.

    Returns when `main` has returned because it was asked to. Otherwise raises SystemExit with an exit code: a main
    that ends by itself, or raises, is a crash, and the supervisor starts the service again.
    """
    logs.configure(settings.log, service)
    code = _run(service, settings, main, supervised=environ.get(SUPERVISED) == "1")
    log.stopped(code)
    if code != STOPPED:
        sys.exit(code)


def run_folder(settings: Settings) -> Path:
    """Where processes say that they are there."""
    return Path(settings.state) / "run"


def _run(service: str, settings: Settings, main: Main, *, supervised: bool) -> int:
    folder = run_folder(settings)
    # A process of its own page answers for itself alone, whoever else runs on this machine.
    readiness = Readiness(service, folder if supervised else folder / service)
    ops = None if supervised else OpsServer(settings.ops.listen, folder / service)
    try:
        if ops is not None:
            ops.start()
        log.started(version(), "" if ops is None else f"port {ops.port}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(main, readiness))
    except OSError as error:
        log.crashed(f"{settings.ops.listen}: {error.strerror}")
        return ADDRESS_TAKEN
    finally:
        if ops is not None:
            ops.stop()
        readiness.close()


async def _serve(main: Main, readiness: Readiness) -> int:
    stop = Stop()
    loop = asyncio.get_running_loop()

    def ask(name: str) -> None:
        if stop.is_set() and name != signal.SIGHUP.name:
            os._exit(128 + signal.SIGTERM)  # asked twice: whoever asks means it
        log.stopping(name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ask, number.name)
    beating = asyncio.create_task(_beat(readiness))
    code = CRASHED
    try:
        code = await _main(main, stop, readiness)
    finally:
        beating.cancel()
        _end_soon(code)
    return code


async def _main(main: Main, stop: Stop, readiness: Readiness) -> int:
    try:
        await main(stop, readiness)
    except ConfigError as error:
        # Not in the words of the log: whoever typed the setting reads this.
        sys.stderr.write(f"saraban: {error}\n")
        return MISCONFIGURED
    except Exception as error:  # noqa: BLE001 - the last place that can say why the process ends
        log.crashed(repr(error))
        return CRASHED
    if not stop.is_set():
        log.crashed("the service ended although nobody asked it to")
        return CRASHED
    return STOPPED


def _end_soon(code: int) -> None:
    """Closing the loop waits for tasks, and nats-py has some that swallow their cancellation."""
    timer = threading.Timer(LAST_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()


async def _beat(readiness: Readiness) -> None:
    while True:
        readiness.beat()
        await asyncio.sleep(BEAT_SECONDS)
