"""The central servers: asked every minute or so, their answers filtered, put to the vote, the host's drift learned.

Only servers that answered this time vote; each with the nearest of its last answers (RFC 5905, section 10, clock
filter), since an answer that was long on its way says less than one from some minutes ago, drift included. What a
server said before it, or our clock, jumped is forgotten.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from services.runtime import log, metrics, ntp, settings
from services.runtime.config import host_port
from services.runtime.kernel import Host, disturbed_ns, read_host
from services.runtime.vote import Vote, vote

NTP_PORT = 123

SAMPLES = 8
"""Answers of a server that are kept (RFC 5905, NSTAGE)."""

HISTORY = 64
"""Votes that are kept to learn the drift from: an hour of them, since it shows over long stretches only."""

MOST_DRIFT_PPM = 500.0
"""RFC 5905, MAXFREQ: no oscillator runs so wrong; more is a jump (a virtual machine that stood still)."""

JUMP_NS = 1_000_000
"""CLOCK_BOOTTIME went astray by more than this between two polls: earlier answers do not count any more."""

LEAP_NS = 1_000_000_000

LEFT_ALONE_SECONDS = 3_600.0
"""A server that refuses is asked again after twice the last pause, but at least so often."""


class Measured(Struct, frozen=True, kw_only=True):
    """What a majority of the servers said: UTC at boot-time zero, and the host's clocks at that moment."""

    zero_ns: int
    distance_ns: int
    host: Host
    ppm: float
    stratum: int
    agreed: tuple[str, ...]
    asked: int
    leap_ns: int | None = None
    """UTC of a leap second that a server announces."""

    def central_ns(self, now: Host) -> int:
        """UTC by this measure."""
        return self.zero_ns + now.boot_ns

    def distance_at(self, now: Host) -> int:
        """The bound now: as it was, and what our own clock may have run wrong since.

        From the second before an announced leap second on nothing is certain to a second: whether the servers step or
        smear, and when, shows their next answer.
        """
        drift = int((now.boot_ns - self.host.boot_ns) * self.ppm / 1e6)
        return self.distance_ns + drift + disturbed_ns(self.host, now) + (LEAP_NS if self.leaps(now) else 0)

    def leaps(self, now: Host) -> bool:
        """Whether a leap second has come, or may have, since the servers were asked."""
        return self.leap_ns is not None and self.central_ns(now) >= self.leap_ns - LEAP_NS


class TimeServers:
    """Asks the servers of the configuration; `measured` is what a majority said last."""

    def __init__(self, config: settings.Clock) -> None:
        names = dict.fromkeys(config.servers)  # one that is named twice has one vote
        self._config = config
        self._places = {name: host_port(name, default=NTP_PORT) for name in names}
        self._samples: dict[str, deque[ntp.Answer]] = {name: deque(maxlen=SAMPLES) for name in names}
        self._threads = ThreadPoolExecutor(max(1, len(names)), thread_name_prefix="ntp")
        self._history: deque[tuple[int, Vote]] = deque(maxlen=HISTORY)
        self._drifts: deque[float] = deque(maxlen=HISTORY)
        self._pauses: dict[str, tuple[float, int]] = {}
        self._polled: Host | None = None
        self._said: dict[str, str] = {}
        self.measured: Measured | None = None

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ppm(self) -> float:
        """How wrong the host's clock is taken to run: what is assumed, or what was measured to be worse, twice over."""
        seen = max(self._drifts, default=0.0)
        return 2 * seen if seen > self._config.drift_ppm else self._config.drift_ppm

    async def poll(self) -> None:
        """Ask every server once, all at the same time, and vote. Never longer than twice the setting's timeout."""
        answers = await asyncio.gather(*(self._ask(name) for name in self._places))
        host = read_host()
        self._forget_disturbed(host)
        fresh: list[ntp.Answer] = []
        voting: set[str] = set()
        repeated = silent = 0
        for answer in answers:
            if answer is None:
                silent += 1
            elif answer.address in voting:
                repeated += 1
                self._say(answer.server, f"{answer.server}: is {answer.address}, which has voted already")
            else:
                voting.add(answer.address)
                fresh.append(self._nearest(answer, host))
        self._count(fresh, vote(fresh, len(self._places), host.boot_ns, self.ppm), host, silent, repeated)

    async def _ask(self, name: str) -> ntp.Answer | None:
        """Threads of our own, one a server: a resolver that hangs holds up nobody else."""
        seconds, (host, port) = self._config.timeout_seconds, self._places[name]
        loop = asyncio.get_running_loop()
        pause, until_ns = self._pauses.get(name, (0.0, 0))
        if read_host().boot_ns < until_ns:
            return None
        try:
            async with asyncio.timeout(2 * seconds):
                answer = await loop.run_in_executor(self._threads, ntp.ask, name, host, port, seconds, self.ppm)
        except ntp.Refused as error:
            pause = min(LEFT_ALONE_SECONDS, max(2 * pause, 2 * self._config.poll_seconds))
            self._pauses[name] = (pause, read_host().boot_ns + int(pause * 1e9))
            self._say(name, f"{error}; asked again in {pause:.0f} s")
            return None
        except ntp.NoAnswer as error:
            self._say(name, str(error))
            return None
        except TimeoutError:
            self._say(name, f"{name}: does not answer in time, or its name is not resolved")
            return None
        self._pauses.pop(name, None)
        return answer

    def _say(self, name: str, reason: str) -> None:
        """Once, not at every poll: a server may be away for months."""
        if self._said.get(name, "") != reason:
            self._said[name] = reason
            if reason:
                log.clock_server_not_believed(reason)
            else:
                log.clock_server_believed(name)

    def _forget_disturbed(self, host: Host) -> None:
        former, self._polled = self._polled, host
        if former is not None and (astray := disturbed_ns(former, host)) > JUMP_NS:
            log.clock_disturbed(astray / 1e6)
            self._forget()

    def _forget(self) -> None:
        self._history.clear()
        for samples in self._samples.values():
            samples.clear()

    def _nearest(self, answer: ntp.Answer, host: Host) -> ntp.Answer:
        samples = self._samples[answer.server]
        if any(answer.contradicts(former, self.ppm) for former in samples):
            samples.clear()
        samples.append(answer)
        return min(samples, key=lambda each: each.aged(host.boot_ns, self.ppm))

    def _count(self, fresh: list[ntp.Answer], found: Vote | None, host: Host, silent: int, repeated: int) -> None:
        agreed = tuple(answer.server for answer in found.agreed) if found is not None else ()
        outvoted = [answer.server for answer in fresh if answer.server not in agreed]
        for state, number in (
            ("agreeing", len(agreed)),
            ("outvoted", len(outvoted)),
            ("silent", silent),
            ("repeated", repeated),
        ):
            metrics.CLOCK_SERVERS.labels(state).set(number)
        for answer in fresh:
            lonely = found is not None and answer.server in outvoted
            self._say(answer.server, f"{answer.server}: is outvoted, its time cannot be true" if lonely else "")
        if found is None:
            return  # no majority: what was measured before holds, and its bound grows
        self._learn_drift(found, host)
        self.measured = Measured(
            zero_ns=found.zero_ns,
            distance_ns=found.distance_ns,
            host=host,
            ppm=self.ppm,
            stratum=found.agreed[0].stratum,
            agreed=agreed,
            asked=len(self._places),
            leap_ns=_leap(found, host),
        )

    def _learn_drift(self, found: Vote, host: Host) -> None:
        """The oscillator may be worse than is assumed: votes that cannot both be right show by how much, at least."""
        seen = 0.0
        for at_ns, former in self._history:
            excess = abs(found.zero_ns - former.zero_ns) - found.distance_ns - former.distance_ns
            ppm = excess * 1e6 / max(1, host.boot_ns - at_ns)
            if ppm > MOST_DRIFT_PPM:
                log.clock_jumped((found.zero_ns - former.zero_ns) / 1e6)
                self._history.clear()
                seen = 0.0
                break
            seen = max(seen, ppm)
        before = self.ppm
        self._history.append((host.boot_ns, found))
        self._drifts.append(seen)
        if self.ppm > before:
            log.clock_drifts(self.ppm)


def _leap(found: Vote, host: Host) -> int | None:
    """The end of this month, UTC, if one of the servers announces a leap second for it."""
    if not any(answer.leap for answer in found.agreed):
        return None
    now = datetime.fromtimestamp((found.zero_ns + host.boot_ns) / 1e9, UTC)
    first = (now.replace(day=1) + timedelta(days=31)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp()) * 1_000_000_000
