"""Where the findings and the sealed receipt of a letter lie in FINDINGS.

The stream has one subject an agency, so nothing in it can be looked up by letter. This index follows the stream's
headers (no bodies) and keeps the positions of the newest letters. It begins a good way before the first receipt that
notify has not handled yet; what is older has been handled.
"""

import asyncio
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from typing import Any, Final

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from contracts.event import Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.streams import FINDINGS, NOTIFY_SEALED
from services.notify import log
from services.runtime.bus import Bus
from services.runtime.errors import BusError

BEFORE: Final = 10_000
"""Messages of FINDINGS read again at the start: far more than the letters that sign works on at once."""
KEPT: Final = 100_000
"""Letters remembered; about 20 MB."""
FETCH: Final = 500
FETCH_SECONDS: Final = 2.0
STALE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 1.0
UNUSED_SECONDS: Final = 60
"""After so long without us the server removes the consumer."""


class _GapError(Exception):
    """Something was delivered and did not arrive: read again from where we are."""


_TROUBLE = (_GapError, nats.errors.Error, JetStreamError, BusError, OSError, TimeoutError)
_EXAMINED = f"{LetterExamined.__struct_config__.tag}:"
_SEALED = f"{ReceiptSealed.__struct_config__.tag}:"


class Examined:
    """The index. `follow` has to run."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._findings: OrderedDict[str, int] = OrderedDict()
        self._receipts: OrderedDict[str, int] = OrderedDict()
        self._reached = 0
        self._current_at: float | None = None
        self._moved = asyncio.Condition()

    @property
    def current(self) -> bool:
        """Whether it knows everything that is in the stream, give or take a moment."""
        return self._current_at is not None and time.monotonic() - self._current_at < STALE_SECONDS

    def findings(self, letter: Position) -> Position | None:
        """Where the findings of a letter lie."""
        return _position(self._findings.get(str(letter)))

    def receipt(self, letter: Position) -> Position | None:
        """Where the sealed receipt of a letter lies."""
        return _position(self._receipts.get(str(letter)))

    async def passed(self, sequence: int, seconds: float) -> bool:
        """Wait until everything up to this message of FINDINGS is known; False if that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self._reached >= sequence)
                return True
        return False

    async def follow(self) -> None:
        """Read the stream for ever."""
        said = ""
        while True:
            try:
                await self._read()
            except _TROUBLE as error:
                if repr(error) != said:  # an outage gives the same one at every attempt
                    said = repr(error)
                    log.index_interrupted(said)
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        name = f"notify-index-{uuid.uuid4().hex[:12]}"
        if not self._reached:
            self._reached = await self._start()
        made = await self._bus.api(
            f"CONSUMER.CREATE.{FINDINGS.family}.{name}.{FINDINGS.subjects[0]}",
            {
                "stream_name": FINDINGS.family,
                "action": "create",
                "config": {
                    "name": name,
                    "filter_subject": FINDINGS.subjects[0],
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": self._reached + 1,
                    "ack_policy": "none",
                    "headers_only": True,
                    "mem_storage": True,
                    "num_replicas": 1,
                    "inactive_threshold": UNUSED_SECONDS * 1_000_000_000,
                },
            },
        )
        subscription = await self._bus.js.pull_subscribe_bind(
            durable=name, stream=FINDINGS.family, inbox_prefix=self._bus.nc.new_inbox().encode() + b"."
        )
        try:
            if not made.get("num_pending"):
                self._current_at = time.monotonic()
            expected = 1
            while True:
                messages = await self._fetch(subscription, name)
                for message in messages:
                    # Without acks the server does not notice what a lost connection swallowed.
                    if message.metadata.sequence.consumer != expected:
                        raise _GapError("messages got lost on the way")
                    expected += 1
                    self._take(message)
                if len(messages) < FETCH:
                    self._current_at = time.monotonic()
                async with self._moved:
                    self._moved.notify_all()
        finally:
            if self._bus.connected:
                await subscription.unsubscribe()

    async def _fetch(self, subscription: JetStreamContext.PullSubscription, name: str) -> list[Msg]:
        try:
            return await subscription.fetch(FETCH, timeout=FETCH_SECONDS)
        except TimeoutError:  # the client's own, or asyncio's from beneath it
            # Nothing new, or the server lost the consumer in a restart, or what it sent got lost: it says which.
            info = await self._bus.api(f"CONSUMER.INFO.{FINDINGS.family}.{name}")
            if int(info["delivered"]["stream_seq"]) > self._reached:
                raise _GapError("messages got lost on the way") from None
            return []

    async def _start(self) -> int:
        info: dict[str, Any] = await self._bus.api(f"CONSUMER.INFO.{FINDINGS.family}.{NOTIFY_SEALED.durable}")
        return max(0, int(info["ack_floor"]["stream_seq"]) - BEFORE)

    def _take(self, message: Msg) -> None:
        sequence = message.metadata.sequence.stream
        self._reached = max(self._reached, sequence)
        key = (message.headers or {}).get("ce-id", "")
        for prefix, found in ((_EXAMINED, self._findings), (_SEALED, self._receipts)):
            if key.startswith(prefix):
                letter = key.removeprefix(prefix)
                found[letter] = sequence
                found.move_to_end(letter)
                if len(found) > KEPT:
                    found.popitem(last=False)


def _position(sequence: int | None) -> Position | None:
    return None if sequence is None else Position(stream=FINDINGS.family, sequence=sequence)
