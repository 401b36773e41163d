"""An ingress for tests: the real one, on uvloop as in life, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from services.ingest.app import serve
from services.runtime.clock import Clock
from services.runtime.readiness import Readiness
from services.runtime.settings import Ingest, Nats, Settings
from tests.servers import free_port

READY_SECONDS = 20
STOP_SECONDS = 30


@dataclass
class Ingress:
    """A running ingress."""

    port: int
    settings: Settings
    readiness: Readiness
    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event
    _thread: threading.Thread
    error: BaseException | None = None

    def ask_to_stop(self) -> None:
        """What SIGTERM does."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        if self._thread.is_alive():
            self.ask_to_stop()
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive(), f"the ingress did not stop: {self._tasks()}"

    def _tasks(self) -> list[str]:
        """What it still does, for the message of a failure."""
        return [f"{task.get_name()} {task.get_stack(limit=3)}" for task in asyncio.all_tasks(self._loop)]

    def reasons(self) -> list[str]:
        """Why it is not ready."""
        return self.readiness.reasons


@contextmanager
def ingress(
    nats: Nats, state: Path, *, ready: bool = True, clock: Clock | None = None, **options: object
) -> Iterator[Ingress]:
    """Run an ingress with these settings of `[ingest]`; with `ready`, returns when it takes letters."""
    port = free_port()
    values: dict[str, object] = {"listen": (f"127.0.0.1:{port}",), "hostname": "mx.test", "drain_seconds": 5.0}
    settings = Settings(state=str(state), nats=nats, ingest=Ingest(**(values | options)))  # type: ignore[arg-type]  # a test passes what it means
    begun = threading.Event()
    running: list[Ingress] = []

    async def main() -> None:
        me = Ingress(port, settings, Readiness("ingest"), asyncio.get_running_loop(), asyncio.Event(), thread)
        running.append(me)
        begun.set()
        try:
            await serve(settings, me._stop, me.readiness, clock)
        except Exception as error:  # noqa: BLE001 - handed to the test
            me.error = error

    thread = threading.Thread(target=lambda: uvloop.run(main()), daemon=True)
    thread.start()
    begun.wait(READY_SECONDS)
    me = running[0]
    pause = threading.Event()
    for _ in range(READY_SECONDS * 100):
        listening = not any(reason.startswith(("starting", "listening")) for reason in me.reasons())
        waiting = any(reason.startswith("nats") for reason in me.reasons())
        if me.error is not None or (me.readiness.ready if ready else listening or waiting):
            break
        pause.wait(0.01)
    if me.error is not None:
        raise me.error
    try:
        yield me
    finally:
        me.stop()
