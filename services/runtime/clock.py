"""Central time: what UTC is now, how wrong that can be, and who says so.

Two witnesses. The kernel, where a time daemon disciplines it: its own error bound. The central servers, asked every
minute or so: an offset and a distance that grows with the drift since. Where both are there they must agree, and the
tighter bound holds; where they do not, no stamp is within bound. A stamp costs a system call and never waits.
"""

import asyncio
import ctypes
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from msgspec import Struct

from services.runtime import log, metrics, ntp, settings
from services.runtime.config import host_port

UNSYNCHRONISED = 16
UNKNOWN_STRATUM = 0
"""The kernel does not tell how far its daemon is from the reference."""

UNKNOWN_BOUND_MS = 16_000.0
"""The kernel's own largest error bound; stands where nobody can say."""

DRIFT_PPM = 15.0
"""RFC 5905, PHI: a clock that nobody disciplines runs wrong by so much. Measured to be worse, the measure holds."""

SAMPLES = 8
"""Answers of a server that are kept; the one with the least distance now is used (RFC 5905, clock filter)."""

HURRY_SECONDS = 2.0
"""Pause between polls until a majority has answered once."""

NTP_PORT = 123

APART_NS = 100_000
"""Two clocks read further apart than this are read again."""


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


class Kernel(Struct, frozen=True):
    """What the kernel says: its time, and its bound if a daemon disciplines it."""

    utc_ns: int
    bound_ns: int | None


class Measured(Struct, frozen=True, kw_only=True):
    """What the servers say: UTC at boot-time zero, by the nearest of those that agree."""

    zero_ns: int
    distance_ns: int
    at_ns: int
    stratum: int
    agreed: tuple[str, ...]
    asked: int
    ppm: float = DRIFT_PPM


def judge(kernel: Kernel, measured: Measured | None, boot_ns: int, limit_ms: float, asked: int = 0) -> Stamp:
    """Make a stamp of what the witnesses say. Pure.

    `boot_ns` is CLOCK_BOOTTIME at the moment of `kernel`; `asked` servers are configured.
    """
    if measured is None:
        silent = f"; no majority of {asked} central servers answers" if asked else ""
        if kernel.bound_ns is None:
            return Stamp(
                kernel.utc_ns, UNKNOWN_BOUND_MS, False, f"host clock, not synchronised{silent}", UNSYNCHRONISED
            )
        return _stamp(kernel.utc_ns, kernel.bound_ns, limit_ms, f"host clock, disciplined{silent}", UNKNOWN_STRATUM)
    central = measured.zero_ns + boot_ns
    distance = measured.distance_ns + int((boot_ns - measured.at_ns) * measured.ppm / 1e6)
    servers = f"{len(measured.agreed)} of {measured.asked} central servers agree ({', '.join(measured.agreed)})"
    if kernel.bound_ns is None:
        return _stamp(central, distance, limit_ms, servers, measured.stratum)
    apart = abs(kernel.utc_ns - central)
    if apart > kernel.bound_ns + distance:
        bound_ms = max(kernel.bound_ns, apart + distance) / 1e6
        source = f"host clock, disciplined, {apart / 1e6:.1f} ms from what {servers}"
        return Stamp(kernel.utc_ns, bound_ms, False, source, measured.stratum)
    bound = min(kernel.bound_ns, apart + distance)
    return _stamp(kernel.utc_ns, bound, limit_ms, f"host clock, disciplined; {servers}", measured.stratum)


def _stamp(utc_ns: int, bound_ns: int, limit_ms: float, source: str, stratum: int) -> Stamp:
    bound_ms = bound_ns / 1e6
    return Stamp(utc_ns, bound_ms, bound_ms <= limit_ms, source, stratum)


class CentralClock:
    """The clock of a service that stamps. `run` keeps it; `now` reads it."""

    def __init__(self, config: settings.Clock) -> None:
        self._config = config
        self._servers = [(server, *host_port(server, default=NTP_PORT)) for server in config.servers]
        self._samples: dict[str, deque[ntp.Answer]] = {server: deque(maxlen=SAMPLES) for server in config.servers}
        self._threads = ThreadPoolExecutor(max(1, len(self._servers)), thread_name_prefix="ntp")
        self._measured: Measured | None = None
        self._ppm = DRIFT_PPM
        self._said: tuple[bool, bool] | None = None

    def now(self) -> Stamp:
        """The time, read once. Never blocks."""
        for _ in range(3):
            boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            kernel = read_kernel()
            if time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boot_ns < APART_NS:
                break  # otherwise the process lost the processor between the two readings, and they look apart
        return judge(kernel, self._measured, boot_ns, self._config.bound_ms, len(self._servers))

    async def run(self) -> None:
        """Ask the central servers for as long as the service lives; also keeps the metrics and the warnings."""
        while True:
            if self._servers:
                await self.poll()
            self._report()
            hurry = bool(self._servers) and self._measured is None
            await asyncio.sleep(min(HURRY_SECONDS, self._config.poll_seconds) if hurry else self._config.poll_seconds)

    async def poll(self) -> None:
        """Ask every server once, all at the same time."""
        answers = await asyncio.gather(*(self._ask(*server) for server in self._servers))
        silent = 0
        for answer in answers:
            if isinstance(answer, ntp.Answer):
                self._samples[answer.server].append(answer)
            else:
                silent += 1
                log.clock_server_silent(str(answer))
        fresh = [answer.server for answer in answers if isinstance(answer, ntp.Answer)]
        self._choose(fresh, silent)

    async def _ask(self, server: str, host: str, port: int) -> ntp.Answer | ntp.NoAnswer:
        """Threads of our own, one a server: a resolver that hangs holds up nobody else."""
        loop, seconds = asyncio.get_running_loop(), self._config.timeout_seconds
        try:
            async with asyncio.timeout(2 * seconds):
                return await loop.run_in_executor(self._threads, ntp.ask, server, host, port, seconds)
        except ntp.NoAnswer as error:
            return error
        except TimeoutError:
            return ntp.NoAnswer(f"{server}: its name is not resolved in time")

    def _choose(self, fresh: Sequence[str], silent: int) -> None:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        nearest = [min(self._samples[server], key=lambda each: each.aged(now, self._ppm)) for server in fresh]
        agreed = ntp.agreeing(nearest, now, self._ppm)
        metrics.CLOCK_SERVERS.labels("agreeing").set(len(agreed))
        metrics.CLOCK_SERVERS.labels("outvoted").set(len(nearest) - len(agreed))
        metrics.CLOCK_SERVERS.labels("silent").set(silent)
        believed = {answer.server for answer in agreed}
        outvoted = [answer.server for answer in nearest if answer.server not in believed]
        if outvoted:
            log.clock_outvoted(outvoted)
        if 2 * len(agreed) <= len(self._servers):
            return  # no majority: what was measured before holds, and its bound grows
        best = agreed[0]
        self._learn_drift(best)
        self._measured = Measured(
            zero_ns=best.zero_ns,
            distance_ns=best.distance_ns,
            at_ns=best.at_ns,
            stratum=best.stratum,
            agreed=tuple(answer.server for answer in agreed),
            asked=len(self._servers),
            ppm=self._ppm,
        )

    def _learn_drift(self, best: ntp.Answer) -> None:
        """The oscillator may be worse than the standard assumes: two measures that cannot both be right show it."""
        former = self._measured
        if former is None or best.at_ns <= former.at_ns:
            return
        excess = abs(best.zero_ns - former.zero_ns) - best.distance_ns - former.distance_ns
        seen = excess * 1e6 / (best.at_ns - former.at_ns)
        if seen > self._ppm:
            self._ppm = 2 * seen
            log.clock_drifts(self._ppm)

    def _report(self) -> None:
        stamp = self.now()
        metrics.CLOCK_BOUND.set(stamp.bound_ms / 1e3)
        metrics.CLOCK_WITHIN.set(stamp.within_bound)
        if self._measured is not None:
            boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            metrics.CLOCK_OFFSET.set((self._measured.zero_ns + boot_ns - read_kernel().utc_ns) / 1e9)
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


# -- the kernel's word ------------------------------------------------------------------------------------------------

_STA_UNSYNC, _STA_NANO, _TIME_ERROR = 0x0040, 0x2000, 5


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read; the kernel writes 208 octets of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("fraction", ctypes.c_long),
        ("rest", ctypes.c_long * 24),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def read_kernel() -> Kernel:
    """The kernel's time and bound, in one system call that needs no rights; where it is forbidden, the time alone."""
    timex = _Timex()
    state = _libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        return Kernel(time.time_ns(), None)
    nano = bool(timex.status & _STA_NANO)
    unit = 1 if nano else 1_000
    utc_ns = timex.seconds * 1_000_000_000 + timex.fraction * unit
    if state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return Kernel(utc_ns, None)
    return Kernel(utc_ns, timex.maxerror * 1_000 + abs(timex.offset) * unit)
