"""One attempt to send one mail, written into the letter's slip: sent, failed, or due again later."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from contracts.event import Event
from contracts.findings import Findings
from contracts.mail import MailReceived
from contracts.notices import MailDelayed
from contracts.values import Instant, from_instant, instant
from services.notify import log
from services.notify.backoff import Backoff, worth_telling
from services.notify.entry import Entry
from services.notify.outbox import Errand, Hold
from services.notify.postroom import Busy, Postroom, Task
from services.notify.relay import Accepted, Deferred, Rejected
from services.runtime.bus import Bus
from services.runtime.settings import Notify

Now = Callable[[], datetime]

AGAIN_SECONDS = 0.1
"""Come back at once: this handler's time is used up, the next delivery goes on."""


class Case(Struct, kw_only=True):
    """One letter in the hands of a handler."""

    entry: Entry
    hold: Hold
    event: MailReceived
    letter: bytes
    findings: Findings | None
    final: bool
    """The letter's final receipt is there: nothing more will be found out about it."""
    ends: float
    """Monotonic time by which the handler must be through."""


class Attempts:
    """Makes attempts, and tells of them."""

    def __init__(self, bus: Bus, postroom: Postroom, settings: Notify, now: Now) -> None:
        self._bus = bus
        self._postroom = postroom
        self._settings = settings
        self._backoff = Backoff(first_seconds=settings.first_retry_seconds, last_seconds=settings.last_retry_seconds)
        self._now = now

    @property
    def at(self) -> Instant:
        """This moment, as events write it."""
        return written(self._now())

    async def make(self, case: Case, name: str, task: Task) -> float | None:
        """Try an open errand once, if it is due. None when it is settled, otherwise seconds until it is due."""
        errand = case.hold.slip.errand(name, self.at)
        left = due_in(errand, self._now())
        if left > 0:
            return left
        if time.monotonic() + self._settings.smtp_seconds > case.ends:
            return AGAIN_SECONDS
        outcome = await self._postroom.send(task)
        if isinstance(outcome, Busy):
            return outcome.seconds
        errand.attempts += 1
        wait: float | None = None
        match outcome:
            case Accepted(place=place):
                errand.place = place
                errand.settle("sent", self.at)
            case Rejected(code=code, reason=reason, too_large=too_large):
                errand.too_large = too_large
                errand.settle("failed", self.at, reason, code)
            case Deferred():
                wait = self._put_off(errand, outcome, task)
        await case.hold.save()
        if wait is not None:
            await self._tell_delay(case.entry, errand, task, wait)
        return wait

    def _put_off(self, errand: Errand, outcome: Deferred, task: Task) -> float | None:
        now = self._now()
        errand.code, errand.reason = outcome.code, outcome.reason
        tried = (now - from_instant(errand.since)).total_seconds()
        if tried >= self._settings.give_up_seconds:
            errand.settle("failed", self.at, f"given up after {tried / 3600:.0f} h: {outcome.reason}", outcome.code)
            return None
        wait = max(self._backoff.pause(errand.attempts), self._postroom.closed_for(task.relay))
        errand.due = written(now + timedelta(seconds=wait))
        return wait

    async def _tell_delay(self, entry: Entry, errand: Errand, task: Task, wait: float) -> None:
        if not worth_telling(errand.attempts):
            return
        log.delayed(entry.mail, entry.number_text, task.kind, errand.attempts, wait, errand.reason)
        await self._bus.publish(
            MailDelayed(
                agency=entry.agency.id,
                mail=entry.mail,
                position=entry.position,
                series=entry.series,
                year=entry.year,
                number=entry.number,
                at=self.at,
                errand=task.kind,
                attempt=errand.attempts,
                retry_at=errand.due,
                code=errand.code,
            )
        )

    async def tell(self, hold: Hold, name: str, event: Event) -> bool:
        """Publish an event that is told once a letter; says whether it was now."""
        if name in hold.slip.told:
            return False
        await self._bus.publish(event)
        hold.slip.told.add(name)
        return True


def due_in(errand: Errand, now: datetime) -> float:
    """Seconds until an errand is due; 0 where it is."""
    return max(0.0, (from_instant(errand.due) - now).total_seconds()) if errand.due else 0.0


def written(moment: datetime) -> Instant:
    """A moment as events write it."""
    return instant(int(moment.timestamp() * 1_000_000) * 1_000)
