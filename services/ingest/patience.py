"""Whoever does not answer several times in a row is left alone for a while: a dead server must not delay all mail."""

import asyncio
from typing import Final, Literal

from services.ingest import log, metrics

FAILURES: Final = 5
"""So many questions in a row without a use; one slow answer means nothing."""

PAUSE_SECONDS: Final = 30.0

Source = Literal["blocklist", "rspamd"]
Answer = Literal["listed", "clean"]
Trouble = Literal["silent", "failed"]


class Patience:
    """With one list, or with rspamd. Counts what each question came to."""

    def __init__(self, source: Source, name: str) -> None:
        self._source: Source = source
        self._name = name
        self._failures = 0
        self._again_at = 0.0

    def left(self) -> bool:
        """Whether it is asked now; a question that is not asked is counted as such."""
        if asyncio.get_running_loop().time() >= self._again_at:
            return True
        metrics.REPUTATION.labels(self._source, "unasked").inc()
        return False

    def answered(self, answer: Answer) -> None:
        """It gave an answer."""
        metrics.REPUTATION.labels(self._source, answer).inc()
        if self._failures >= FAILURES:
            log.reputation_back(self._source, self._name)
        self._failures = 0

    def tried(self, trouble: Trouble, why: str) -> None:
        """It gave none, or none that can be used."""
        metrics.REPUTATION.labels(self._source, trouble).inc()
        self._failures += 1
        if self._failures >= FAILURES:
            self._again_at = asyncio.get_running_loop().time() + PAUSE_SECONDS
        if self._failures == FAILURES:
            log.reputation_silent(self._source, self._name, why, PAUSE_SECONDS)
