"""Builds the audit that a running system makes of itself, again and again; nothing else builds it."""

import asyncio
import contextlib
import os
import resource
import time
from pathlib import Path
from typing import Final

from contracts.values import from_instant
from services.audit import log, metrics
from services.audit.audit import audit
from services.audit.proven import Keep
from services.audit.report import Report
from services.runtime.bus import Bus
from services.runtime.errors import BusError
from services.runtime.readiness import Readiness
from services.runtime.settings import Settings

NICE: Final = 10
"""Letters go first."""

MEMORY_BYTES: Final = 1 << 30
"""Of data. A run takes some 100 MB; one that grows beyond this ends, and what was proven is gone on from."""

BROKEN_TIMES: Final = 10
"""A run that finds something broken is repeated after so many times its own length, if that is longer."""

DAY_SECONDS: Final = 86_400
FOLDER: Final = "audit"


def folder(settings: Settings) -> Path:
    """Where what is proven lies."""
    return Path(settings.state) / FOLDER


async def serve(settings: Settings, stop: asyncio.Event, readiness: Readiness) -> None:
    """Audit until `stop` is set. What is broken makes nothing unready: letters go on being received."""
    readiness.set("audit", ready=True)
    os.nice(NICE)
    with contextlib.suppress(ValueError, OSError):  # a lower bound was set by whoever started us
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    running = asyncio.create_task(Watch(settings).run(), name="audit")
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if running.done():
        running.result()
    running.cancel()
    await asyncio.wait((running,))


class Watch:
    """One run after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = settings.audit
        self._keep = Keep(folder(settings))
        self._held = True
        self._said = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = self._rules.every_seconds
            try:
                report = await self._once()
            except BusError as error:
                self._unproven(str(error))
            except (OSError, ValueError) as error:
                self._unproven(f"{error}")  # a full disk, or [audit] certificates that cannot be read
            else:
                if report is None:
                    self._unproven("another audit is at work in the same state folder")
                elif not report.holds:
                    pause = max(pause, BROKEN_TIMES * report.seconds)
            await asyncio.sleep(pause)

    async def _once(self) -> Report | None:
        with self._keep.held() as ours:
            if not ours:
                return None
            proven = self._keep.load()
            age = time.time() - from_instant(proven.began).timestamp() if proven else 0.0
            # Something that is broken stays so until somebody has looked: `saraban audit --from-start`.
            whole = proven is None or (self._held and age > self._rules.whole_days * DAY_SECONDS)
            rows = 0 if whole or proven is None else proven.counts.rows
            proven = None
            bus = await Bus.connect(self._settings.nats, "audit")
            try:
                report = await audit(
                    bus, octets=self._rules.octets, rules=self._rules, keep=self._keep, from_start=whole
                )
            finally:
                await bus.close()
        self._held, self._said = report.holds, ""
        metrics.show(report, rows)
        log.proven(report) if report.holds else log.broken(report)
        return report

    def _unproven(self, reason: str) -> None:
        metrics.RUNS.labels("unproven").inc()
        if reason != self._said:
            self._said = reason
            log.unproven(reason)
