"""Central time: what UTC is now, how wrong that can be, and who says so.

Two witnesses. The kernel, where a time daemon disciplines it: its own error bound (kernel.py). The central servers,
asked every minute or so: an offset and a distance that grows with the drift since (time_servers.py). Where both are
there they must agree, and the tighter bound holds; where they do not, no stamp is within bound. With the servers alone
the time is theirs, whatever the host's own clock says, and a step of that changes nothing. With neither, letters are
stamped by the host's clock, and the stamp says that nobody knows how wrong it is. A stamp costs some microseconds and
never waits: the asking goes on beside it.
"""

import asyncio
import contextlib
from typing import Protocol

from msgspec import Struct

from services.runtime import log, metrics, settings
from services.runtime.kernel import Host, read_host
from services.runtime.time_servers import LEAP_NS, Measured, TimeServers

UNSYNCHRONISED = 16
UNKNOWN_STRATUM = 0
"""The kernel does not tell how far its daemon is from the reference."""

UNKNOWN_BOUND_MS = 16_000.0
"""The kernel's own largest error bound; stands where nobody can say."""

SILENT_SECONDS = 300.0
"""The servers' word older than this is called so in the stamp; `poll_seconds` may make it longer."""

HURRY_SECONDS = 2.0
"""Pause after the first poll without a majority; doubled each time, up to poll_seconds."""

REPORT_SECONDS = 5.0
"""Metrics and warnings follow the bound so often, however seldom the servers are asked."""


class Stamp(Struct, frozen=True):
    """One reading of central time."""

    utc_ns: int
    bound_ms: float
    within_bound: bool
    source: str
    stratum: int


class Clock(Protocol):
    """Where the time of receipt comes from."""

    def now(self) -> Stamp:
        """The time, read once. Never blocks."""
        ...


def judge(
    host: Host, measured: Measured | None, limit_ms: float, asked: int = 0, silent_seconds: float = SILENT_SECONDS
) -> Stamp:
    """Make a stamp of what the witnesses say. Pure. `asked` servers are configured."""
    kernel_ns = host.bound_ns
    if kernel_ns is not None and host.leaping:
        kernel_ns += LEAP_NS  # POSIX counts the second twice
    distance = 0 if measured is None else measured.distance_at(host)
    if measured is None or distance >= UNKNOWN_BOUND_MS * 1e6:
        silent = f"; no majority of {asked} central servers answers" if asked else ""
        if kernel_ns is None:
            return Stamp(host.utc_ns, UNKNOWN_BOUND_MS, False, f"host clock, not synchronised{silent}", UNSYNCHRONISED)
        return _stamp(host.utc_ns, kernel_ns, limit_ms, f"host clock, disciplined{silent}", UNKNOWN_STRATUM)
    central = measured.central_ns(host)
    servers = _words(measured, host, silent_seconds)
    if kernel_ns is None:
        return _stamp(central, distance, limit_ms, servers, measured.stratum)
    apart = abs(host.utc_ns - central)
    if apart > kernel_ns + distance:
        source = f"host clock, disciplined, {apart / 1e6:.1f} ms from what {servers}"
        return Stamp(host.utc_ns, max(kernel_ns, apart + distance) / 1e6, False, source, measured.stratum)
    bound = min(kernel_ns, apart + distance)
    return _stamp(host.utc_ns, bound, limit_ms, f"host clock, disciplined; {servers}", measured.stratum)


def _stamp(utc_ns: int, bound_ns: int, limit_ms: float, source: str, stratum: int) -> Stamp:
    bound_ms = bound_ns / 1e6
    return Stamp(utc_ns, bound_ms, bound_ms <= limit_ms, source, stratum)


def _words(measured: Measured, host: Host, silent_seconds: float) -> str:
    age = (host.boot_ns - measured.host.boot_ns) / 1e9
    which, asked = len(measured.agreed), measured.asked
    if age <= silent_seconds:
        said = f"{which} of {asked} central servers agree ({', '.join(measured.agreed)})"
    else:
        said = f"{which} of {asked} central servers agreed {age / 60:.0f} minutes ago ({', '.join(measured.agreed)})"
    return f"{said}; a leap second passes" if measured.leaps(host) else said


class CentralClock:
    """The clock of a service that stamps. `run` keeps it; `now` reads it."""

    def __init__(self, config: settings.Clock, service: str = "ingest") -> None:
        self._config = config
        self._service = service
        self._servers = TimeServers(config)
        self._silent_seconds = max(SILENT_SECONDS, 3 * config.poll_seconds)
        self._said: tuple[bool, bool] | None = None
        self._asked = asyncio.Event()

    def now(self) -> Stamp:
        """The time, read once. Never blocks."""
        measured = self._servers.measured
        return judge(read_host(), measured, self._config.bound_ms, len(self._servers), self._silent_seconds)

    async def run(self) -> None:
        """Ask the central servers for as long as the service lives; also keeps the metrics and the warnings."""
        if len(self._servers) == 0:
            log.clock_without_servers(self.now().source)
        elif len(self._servers) < 3:
            log.clock_few_servers(len(self._servers))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_asking())
            group.create_task(self._keep_reporting())

    async def poll(self) -> None:
        """Ask every server once."""
        await self._servers.poll()
        self._asked.set()

    async def asked(self) -> None:
        """Wait until every server was asked once, but no longer than they may take: their word is better than none."""
        if len(self._servers):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * self._config.timeout_seconds):
                    await self._asked.wait()

    async def _keep_asking(self) -> None:
        hurry = HURRY_SECONDS
        while len(self._servers):
            await self.poll()
            self.report()
            pause = self._config.poll_seconds
            if self._servers.measured is None:
                pause, hurry = min(pause, hurry), 2 * hurry
            await asyncio.sleep(pause)

    async def _keep_reporting(self) -> None:
        while True:
            self.report()
            await asyncio.sleep(min(REPORT_SECONDS, self._config.poll_seconds))

    def report(self) -> None:
        """Bring metrics and warnings up to date."""
        stamp, measured = self.now(), self._servers.measured
        metrics.CLOCK_BOUND.labels(self._service).set(stamp.bound_ms / 1e3)
        metrics.CLOCK_WITHIN.labels(self._service).set(stamp.within_bound)
        if measured is not None:
            host = read_host()
            metrics.CLOCK_OFFSET.labels(self._service).set((measured.central_ns(host) - host.utc_ns) / 1e9)
        state = (stamp.within_bound, stamp.bound_ms >= self._config.warn_ms)
        if state == self._said:
            return
        self._said = state
        if not stamp.within_bound:
            log.clock_not_within_bound(stamp.bound_ms, stamp.source)
        elif state[1]:
            log.clock_bound_grows(stamp.bound_ms, stamp.source)
        else:
            log.clock_within_bound(stamp.bound_ms, stamp.source)
