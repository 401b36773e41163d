"""Where mails leave: by the relay of the agency or of the mailbox, otherwise into the folder.

Nobody waits here for a place: a relay that is slow or away costs its own letters time, and no other agency's.
"""

import time
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.directory import Dkim, Relay
from services.notify import log, metrics
from services.notify.backoff import Backoff
from services.notify.domain_key import Keyring
from services.notify.folder import Folder
from services.notify.line import Line
from services.notify.relay import Accepted, Compose, Courier, Deferred, Offers, Outcome, Rejected
from services.notify.wire import Mail
from services.runtime.settings import Notify

LINES = 10_000
"""Relays remembered."""

ErrandKind = Literal["receipt", "cover", "alert"]


class Busy(Struct, frozen=True):
    """Not even tried: all places to this relay are taken. Come back after `seconds`."""

    seconds: float


class Task(Struct, frozen=True, kw_only=True):
    """One mail that is to leave."""

    kind: ErrandKind
    relay: Relay | None
    agency: str
    dkim: Dkim | None
    file: str
    """Name in the folder, without `.eml`."""
    compose: Compose


class Postroom:
    """All ways out."""

    def __init__(self, settings: Notify, courier: Courier, keyring: Keyring, folder: Path) -> None:
        self._courier = courier
        self._keyring = keyring
        self._folder = Folder(folder)
        self._sessions = settings.relay_sessions
        self._backoff = Backoff(first_seconds=settings.first_retry_seconds, last_seconds=settings.last_retry_seconds)
        self._lines: dict[Relay, Line] = {}

    async def send(self, task: Task) -> Outcome | Busy:
        """Try once; never raises for what is outside. A relay that is down is not asked before its pause is over."""

        def compose(offers: Offers) -> Mail:
            mail = task.compose(offers)
            return replace(mail, octets=self._keyring.sign(mail.octets, task.agency, task.dkim))

        if task.relay is None:
            begun = time.monotonic()
            outcome = await self._folder.put(task.file, compose)
            metrics.HAND_OVER.labels("folder").observe(time.monotonic() - begun)
        else:
            by_relay = await self._by_relay(task.relay, compose)
            if isinstance(by_relay, Busy):
                return by_relay
            outcome = by_relay
        metrics.ATTEMPTS.labels(task.kind, _word(outcome)).inc()
        return outcome

    async def _by_relay(self, relay: Relay, compose: Compose) -> Outcome | Busy:
        line = self._line(relay)
        closed = line.closed_for()
        if closed:
            return Deferred(code=None, reason=line.reason, down=True)
        full = line.full_for()
        if full:
            return Busy(full)
        begun = time.monotonic()
        with line.session():
            outcome = await self._courier.hand_over(relay, compose)
        metrics.HAND_OVER.labels(relay.protocol).observe(time.monotonic() - begun)
        place = f"{relay.host}:{relay.port}"
        if isinstance(outcome, Deferred) and outcome.down:
            log.relay_down(place, line.went_down(outcome.reason), outcome.reason)
        elif line.came_up():
            log.relay_up(place)
        return outcome

    def closed_for(self, relay: Relay | None) -> float:
        """Seconds for which this relay is let alone."""
        line = self._lines.get(relay) if relay is not None else None
        return line.closed_for() if line is not None else 0.0

    def _line(self, relay: Relay) -> Line:
        line = self._lines.get(relay)
        if line is None:
            if len(self._lines) >= LINES:
                self._lines = {one: line for one, line in self._lines.items() if not line.idle}
            line = self._lines[relay] = Line(self._sessions, self._backoff, time.monotonic)
        return line


def _word(outcome: Outcome) -> str:
    match outcome:
        case Accepted():
            return "accepted"
        case Rejected():
            return "rejected"
        case Deferred(down=down):
            return "relay_down" if down else "deferred"
