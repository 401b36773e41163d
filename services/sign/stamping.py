"""Heads that were published without a time-stamp, because no authority answered in time, get theirs when one does.

A newer head of the book takes an older one's place: it covers it by the chain. So what waits has a bound, the number
of books, and only the last head of a book that nobody writes to is stamped here.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from contracts.receipt import Head
from services.runtime.errors import BusError, Conflict
from services.sign import log, metrics
from services.sign.authorities import Authorities
from services.sign.heads import Heads, checkpoint

AT_ONCE: Final = 4
PAUSE_SECONDS: Final = 1.0


class Stamping:
    """The backlog of one worker. `stamped` is told of each head that got its token."""

    def __init__(self, heads: Heads, authorities: Authorities, stamped: Callable[[str, Head], None]) -> None:
        self._heads = heads
        self._authorities = authorities
        self._stamped = stamped
        self._waiting: dict[str, float] = {}

    def note(self, book: str, *, stamped: bool) -> None:
        """A head of this book was published."""
        if stamped:
            self._waiting.pop(book, None)
        else:
            self._waiting.setdefault(book, time.monotonic())

    def take_up(self, books: Iterable[str]) -> None:
        """These books' newest heads have no time-stamp, by the streams."""
        now = time.monotonic()
        self._waiting = {book: self._waiting.get(book, now) for book in books}

    def measure(self) -> None:
        """Show how much waits."""
        now = time.monotonic()
        metrics.TOKENS_WAITING.set(len(self._waiting))
        metrics.TOKENS_OLDEST.set(now - min(self._waiting.values(), default=now))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            oldest = sorted(self._waiting, key=lambda book: self._waiting[book])[:AT_ONCE]
            if not oldest or not self._authorities.willing:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if not any(await asyncio.gather(*(self._stamp(book) for book in oldest))):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _stamp(self, book: str) -> bool:
        try:
            stored = await self._heads.newest(book)
            if stored is None or stored.head.token is not None:
                self._waiting.pop(book, None)
                return True
            token = await self._authorities.stamp(stored.head.signature)
            if token is None:
                return False
            head = replace(stored.head, token=token)
            await self._heads.publish(checkpoint(book, head), stored.sequence)
        except Conflict:
            metrics.CONFLICTS.inc()  # a newer head, or another worker's token: the next look says which
            return True
        except BusError:
            return False
        self._waiting.pop(book, None)
        self._stamped(book, head)
        metrics.CHECKPOINTS.labels("later").inc()
        log.head_signed(book, head.length, stamped=True)
        return True
