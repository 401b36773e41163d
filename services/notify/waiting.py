"""Letters of this process with a mail that waits for its next attempt, and since when the oldest waits."""

import asyncio
import time

from services.notify import metrics

REFRESH_SECONDS = 5.0
STALE_SECONDS = 600.0
"""So long after its time a letter has been handled by another process, or its message was closed by a person."""


class Waiting:
    """Who waits. After a restart it fills again as the messages come again."""

    def __init__(self) -> None:
        self._letters: dict[str, tuple[float, float]] = {}

    def count(self) -> int:
        """How many wait."""
        now = time.monotonic()
        for letter in [one for one, (_, due) in self._letters.items() if now - due > STALE_SECONDS]:
            del self._letters[letter]
        return len(self._letters)

    def oldest_seconds(self) -> float:
        """How long the one waits that waits longest."""
        now = time.monotonic()
        return max((now - since for since, _ in self._letters.values()), default=0.0)

    def begin(self, letter: str, seconds: float) -> None:
        """It waits `seconds` for its next attempt."""
        now = time.monotonic()
        since, _ = self._letters.get(letter, (now, 0.0))
        self._letters[letter] = (since, now + seconds)

    def over(self, letter: str) -> None:
        """It waits no more."""
        self._letters.pop(letter, None)

    async def show(self) -> None:
        """Keep the gauges fresh."""
        while True:
            metrics.WAITING.set(self.count())
            metrics.WAITING_AGE.set(self.oldest_seconds())
            await asyncio.sleep(REFRESH_SECONDS)
