"""The way to one relay: so many mails at once, and a pause while it cannot be talked to. Pure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from services.notify.backoff import Backoff

FIRST_GUESS_SECONDS: Final = 0.5
"""How long a mail takes, before one has been seen."""

LONGEST_QUEUE_SECONDS: Final = 300.0


class Line:
    """One relay, as this process sees it."""

    def __init__(self, sessions: int, backoff: Backoff, now: Callable[[], float]) -> None:
        self._free = sessions
        self._sessions = sessions
        self._backoff = backoff
        self._now = now
        self._seconds = FIRST_GUESS_SECONDS
        self._next_place = 0.0
        self._failures = 0
        self._closed_until = 0.0
        self.reason = ""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        return self._free == self._sessions and not self._failures

    def closed_for(self) -> float:
        """Seconds until it is tried again; 0: now."""
        return max(0.0, self._closed_until - self._now())

    def full_for(self) -> float:
        """0 if a mail can go at once; otherwise when to come back.

        Everybody who asks is given a later place, at the pace at which the relay has been taking mails: those that
        wait do not all come back together.
        """
        if self._free > 0:
            return 0.0
        now = self._now()
        self._next_place = max(now, self._next_place) + self._seconds / self._sessions
        return min(LONGEST_QUEUE_SECONDS, max(0.1, self._next_place - now))

    @contextmanager
    def session(self) -> Iterator[None]:
        """Take one of the places; only where `full_for` says 0."""
        assert self._free > 0
        self._free -= 1
        begun = self._now()
        try:
            yield
        finally:
            self._free += 1
            self._seconds += (self._now() - begun - self._seconds) / 8

    def went_down(self, reason: str) -> float:
        """The relay could not be talked to; returns the pause, which grows from one failure to the next."""
        if self.closed_for():
            return self.closed_for()  # its other sessions fell with the first: one failure, not four
        pause = self._backoff.pause(self._failures + 1)
        self._failures += 1
        self._closed_until = self._now() + pause
        self.reason = reason
        return pause

    def came_up(self) -> bool:
        """The relay answered; says whether it had been down."""
        was_down = self._failures > 0
        self._failures, self._closed_until, self.reason = 0, 0.0, ""
        return was_down
