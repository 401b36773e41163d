"""What a stamp of the central clock costs, and what asking the servers costs everybody else."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.runtime import settings
from services.runtime.clock import CentralClock
from tests.bench.figures import Row
from tests.servers import free_port
from tests.time_servers import TimeServers

STAMPS = 20_000
ASKED_US = 20.0


@contextmanager
def clock() -> Iterator[CentralClock]:
    """A central clock with two real servers of three; the third one is not there."""
    with tempfile.TemporaryDirectory(prefix="saraban-clock-") as folder:
        servers = TimeServers(Path(folder))
        try:
            names = (servers.serve(), servers.serve(), f"127.0.0.1:{free_port()}")
            yield CentralClock(settings.Clock(servers=names))
        finally:
            servers.close()


def rows(measured: CentralClock, scale: float) -> list[Row]:
    """The rows of the clock."""
    return [
        Row(
            what="a stamp of the central clock",
            unit="µs",
            ours=lambda: _stamp(measured, int(STAMPS * scale)),
            peer=_asked,
            peer_name="what is asked for",
            reach=1.0,
            smaller_is_better=True,
        ),
        Row(
            what="a stamp while the servers are asked",
            unit="µs",
            ours=lambda: _while_asking(measured, int(STAMPS * scale)),
            peer=_asked,
            peer_name="what is asked for",
            reach=1.0,
            smaller_is_better=True,
        ),
    ]


async def _asked() -> float:
    return ASKED_US


async def _stamp(measured: CentralClock, stamps: int) -> float:
    await measured.poll()
    began = time.perf_counter()
    for _ in range(stamps):
        measured.now()
    return (time.perf_counter() - began) / stamps * 1e6


async def _while_asking(measured: CentralClock, stamps: int) -> float:
    """Each stamp by itself, with a poll always under way; what other threads take of the interpreter counts."""
    seconds: list[float] = []
    while len(seconds) < stamps:
        polling = asyncio.create_task(measured.poll())
        while not polling.done():
            began = time.perf_counter()
            measured.now()
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(0)
        await polling
    return sum(seconds) / len(seconds) * 1e6


async def main() -> None:
    """The rows alone: `python -m tests.bench.clock`."""
    with clock() as measured:
        for row in rows(measured, 1.0):
            for _ in range(3):
                await row.round()
            print(row.line())


if __name__ == "__main__":
    asyncio.run(main())
