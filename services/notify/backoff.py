"""Pauses between attempts: each twice the one before, up to a longest one, with a little chance in it. Pure."""

import random

from msgspec import Struct


class Backoff(Struct, frozen=True, kw_only=True):
    """How long to wait after so many failed attempts."""

    first_seconds: float
    last_seconds: float

    def pause(self, attempts: int) -> float:
        """The pause after `attempts` failures; up to a tenth shorter, so that letters do not march in step."""
        longest = max(self.first_seconds, self.last_seconds)
        plain = min(longest, self.first_seconds * 2.0 ** min(attempts - 1, 40))
        return plain * (1.0 - random.random() / 10)  # noqa: S311 - spreads load, keeps no secret


def worth_telling(attempt: int) -> bool:
    """Attempts 1, 2, 4, 8, …: a letter that waits for days makes a handful of events, not a hundred."""
    return attempt & (attempt - 1) == 0
