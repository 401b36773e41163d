"""Attempts: evidence for whoever knocked and was refused or told to come again.

Noted without waiting, published in batches. While NATS is away they go to a local file, and from there to MAIL later,
also after a restart. Everything has a bound: a flood of guessed addresses must not fill the store.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, Literal

from contracts import codec
from contracts.mail import MailAttempted, Peer
from contracts.values import AgencyId, instant
from services.ingest import log, metrics
from services.ingest.attempts_file import AttemptsFile
from services.ingest.replies import Reply
from services.runtime import batch
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.errors import BusError, Refused

QUEUE: Final = 10_000
"""Attempts in memory; a second's worth is the rule, more only while the disk is slow."""

BATCH: Final = 200
BURST_SECONDS: Final = 60
RECIPIENTS: Final = 100
"""Recipients named in one attempt."""

RETRY_SECONDS: Final = 1.0

Stage = Literal["mail", "rcpt", "data"]


class Attempts:
    """Takes attempts from sessions; `run` brings them to MAIL."""

    def __init__(self, bus: Bus, clock: Clock, file: AttemptsFile, rate: int) -> None:
        self._bus = bus
        self._clock = clock
        self._file = file
        self._rate = rate
        self._allowance = float(rate * BURST_SECONDS)
        self._refilled = asyncio.get_running_loop().time()
        self._queue: deque[MailAttempted] = deque()
        self._noted = asyncio.Event()
        self._dropped = 0

    def note(
        self,
        agency: AgencyId,
        peer: Peer,
        sender: str,
        recipients: Sequence[str],
        stage: Stage,
        reply: Reply,
        size: int = 0,
        message_id: str = "",
    ) -> None:
        """Note one attempt; never waits, never fails."""
        if not self._allowed() or len(self._queue) >= QUEUE:
            self._drop(1)
            return
        try:
            stamp = self._clock.now()
        except Exception:  # noqa: BLE001 - whoever is being refused is refused all the same
            log.failed(peer.address)
            self._drop(1)
            return
        self._queue.append(
            MailAttempted(
                agency=agency,
                id=secrets.token_hex(16),
                attempted_at=instant(stamp.utc_ns),
                bound_ms=stamp.bound_ms,
                within_bound=stamp.within_bound,
                peer=peer,
                sender=sender,
                recipients=tuple(recipients[:RECIPIENTS]),
                stage=stage,
                code=reply.code,
                reply=reply.sentence,
                size=size,
                message_id=message_id,
            )
        )
        self._noted.set()

    async def run(self) -> None:
        """Publish what is noted, or keep it in the file, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._noted.wait()
            self._noted.clear()
            try:
                await self.settle()
            except OSError as error:  # the file's disk is full, say: what is noted waits in memory, which has a bound
                self._say_dropped(f"the file cannot be written: {error}")
                await asyncio.sleep(RETRY_SECONDS)
            self._say_dropped("too many at once, or the file is full")

    async def settle(self) -> None:
        """Bring everything that is noted to MAIL, or else to the file."""
        while self._queue:
            events = list(islice(self._queue, BATCH))
            if not await self._publish(events):
                kept = await asyncio.to_thread(self._file.append, events)
                metrics.ATTEMPTS.labels("kept").inc(kept)
                log.attempts_kept(kept, str(self._file.path))
                self._drop(len(events) - kept)
            for _ in events:  # only now: whoever is cancelled on the way finds them again, twice at worst
                self._queue.popleft()
        if self._bus.connected and not self._file.empty:
            await self._empty_file()

    async def _empty_file(self) -> None:
        events = await asyncio.to_thread(self._file.read)
        for start in range(0, len(events), BATCH):
            if not await self._publish(events[start : start + BATCH]):
                return  # all of them again, later: a subscriber knows a repeat by its id
        await asyncio.to_thread(self._file.clear)
        log.attempts_published(len(events), str(self._file.path))

    async def _publish(self, events: Sequence[MailAttempted]) -> bool:
        """Whether the events need no more care."""
        messages = [Outgoing(event.nats_subject, codec.encode(event), codec.encode_headers(event)) for event in events]
        try:
            await batch.commit(self._bus.nc, messages, self._bus.timeout)
        except Refused:  # it would be refused again
            self._drop(len(events))
            return True
        except BusError:
            return False
        metrics.ATTEMPTS.labels("published").inc(len(events))
        return True

    def _allowed(self) -> bool:
        now = asyncio.get_running_loop().time()
        most = float(self._rate * BURST_SECONDS)
        self._allowance = min(most, self._allowance + (now - self._refilled) * self._rate)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _drop(self, events: int) -> None:
        """Counted at once, logged by `run` once a second at most: a flood must not fill the log either."""
        metrics.ATTEMPTS.labels("dropped").inc(events)
        self._dropped += events

    def _say_dropped(self, why: str) -> None:
        if self._dropped:
            log.attempts_dropped(self._dropped, why)
            self._dropped = 0
