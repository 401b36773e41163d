"""The traffic log (ข้อมูลจราจรทางคอมพิวเตอร์): who wrote to whom, when, and what was answered.

Apart from the service log, kept as long as configured and then gone. Noting costs microseconds and never waits; a
thread writes once a second. A disk that is full, or a folder that cannot be written, never stops mail: what is noted
waits in memory, which has a bound, and what finds no room there is counted.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from contracts.mail import Peer
from contracts.values import instant
from services.ingest import log, metrics, traffic_file
from services.ingest.header_lines import LINE_CHARACTERS
from services.ingest.traffic_file import CutError, Line
from services.runtime.clock import Clock

HELD: Final = 20_000
"""Recipients in memory, a letter counting as one more: some megabytes, seconds of the busiest ingress."""

WRITE_SECONDS: Final = 1.0

_WRITTEN: Final = metrics.TRAFFIC.labels("written")
_DROPPED: Final = metrics.TRAFFIC.labels("dropped")


class _Noted(NamedTuple):
    utc_ns: int
    peer: Peer
    sender: str
    recipients: tuple[str, ...]
    stage: str
    reply: str
    size: int
    mails: tuple[str, ...]
    message_id: str


class Traffic:
    """One line for each letter, and for each recipient that was refused; `run` brings them to the day's file."""

    def __init__(self, folder: Path | None, days: int, clock: Clock) -> None:
        """`folder` None: no traffic log is kept. Files of more than `days` days ago are removed."""
        self._folder = folder
        self._days = days
        self._clock = clock
        self._waiting: deque[_Noted] = deque()
        # Each of the two is changed by one thread alone, so neither needs a lock.
        self._taken = 0
        self._settled = 0
        self._many = asyncio.Event()
        self._writing = threading.Lock()
        self._trouble = ""

    def note(
        self,
        peer: Peer,
        sender: str,
        recipients: Sequence[str],
        stage: str,
        reply: str,
        size: int = 0,
        mails: Sequence[str] = (),
        message_id: str = "",
    ) -> None:
        """Note what was answered just now; never waits, never fails."""
        if self._folder is None:
            return
        held = self._taken - self._settled
        try:
            utc_ns = self._clock.now().utc_ns if held < HELD else 0
        except Exception:  # noqa: BLE001 - mail goes on whatever becomes of its traces; attempts say that it broke
            utc_ns = 0
        if not utc_ns:
            _DROPPED.inc()
            return
        self._taken += 1 + len(recipients)
        self._waiting.append(
            _Noted(utc_ns, peer, sender, tuple(recipients), stage, reply, size, tuple(mails), message_id)
        )
        if held > HELD // 2:
            self._many.set()

    async def run(self) -> None:
        """Write what is noted, and remove old files, until cancelled."""
        swept: date | None = None
        while self._folder is not None:
            today = self._today()
            if today is not None and today != swept:
                await asyncio.to_thread(self._sweep, self._folder, today)
                swept = today
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._many.wait()
            self._many.clear()
            if self._waiting:
                await asyncio.to_thread(self._write, self._folder)
            if self._trouble:
                await asyncio.sleep(WRITE_SECONDS)
        await asyncio.Event().wait()

    async def settle(self) -> None:
        """Write everything that is noted, for the last time; what cannot be written is counted."""
        if self._folder is not None:
            await asyncio.to_thread(self._write, self._folder)
            _DROPPED.inc(len(self._waiting))
            self._forget(len(self._waiting))

    def _today(self) -> date | None:
        try:
            return traffic_file.day_of(self._clock.now().utc_ns)
        except Exception:  # noqa: BLE001 - as in `note`; it is tried again at once
            return None

    def _sweep(self, folder: Path, today: date) -> None:
        try:
            removed = traffic_file.remove_old(folder, today, self._days)
        except OSError as error:
            log.traffic_not_removed(str(folder), str(error))
        else:
            if removed:
                log.traffic_removed([path.name for path in removed])

    def _write(self, folder: Path) -> None:
        with self._writing:  # a `run` that was cancelled left a thread behind that still writes
            try:
                while self._waiting:
                    self._write_day(folder)
            except OSError as error:
                self._say(str(error))
            else:
                self._say("")

    def _write_day(self, folder: Path) -> None:
        day = traffic_file.day_of(self._waiting[0].utc_ns)
        # A copy: sessions go on noting, and only what is written is let go.
        noted = list(takewhile(lambda each: traffic_file.day_of(each.utc_ns) == day, self._waiting.copy()))
        try:
            traffic_file.append(folder, day, [_line(each) for each in noted])
        except CutError as cut:
            self._written(cut.lines)
            raise
        self._written(len(noted))

    def _written(self, lines: int) -> None:
        _WRITTEN.inc(lines)
        self._forget(lines)

    def _forget(self, lines: int) -> None:
        self._settled += sum(1 + len(self._waiting.popleft().recipients) for _ in range(lines))

    def _say(self, trouble: str) -> None:
        """Once when it begins and once when it is over: a service log on the same disk has no room either."""
        if trouble and not self._trouble:
            log.traffic_not_written(str(self._folder), trouble)
        elif self._trouble and not trouble:
            log.traffic_written_again(str(self._folder))
        self._trouble = trouble


def _line(noted: _Noted) -> Line:
    peer = noted.peer
    return Line(
        at=instant(noted.utc_ns),
        peer=peer.address,
        helo=peer.helo,
        tls=peer.tls,
        stage=noted.stage,
        sender=noted.sender,
        recipients=noted.recipients,
        reply=noted.reply,
        size=noted.size,
        mails=noted.mails,
        message_id=noted.message_id[:LINE_CHARACTERS],
    )
