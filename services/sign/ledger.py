"""What FINDINGS holds already, so that each letter is examined once and has one final receipt.

Delivery is at least once, several workers may run, an ack may be lost, a deduplication window ends. So every event is
published under the condition that its subject has not moved since this worker looked (as the register does for its
books): a repeat meets a Conflict, the ledger reads on, and finds what is there. Only ids are read, never bodies.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from nats.aio.msg import Msg

from contracts import codec, headers
from contracts.event import Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.streams import EXAMINED, FINDINGS, RECEIPTS_SEALED
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Conflict, Missing
from services.runtime.letters import read_message
from services.sign import metrics
from services.sign.scan import from_sequence, scan, since

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"

MARGIN: Final = timedelta(hours=1)
"""How far the clocks of a cluster's servers, whose times the streams have, may lie apart."""

CONFLICTS: Final = 5
"""Conflicts of one publish before it is left to a redelivery."""

REMEMBERED: Final = 10_000
"""Letters examined whose receipt is not there yet; beyond it the oldest would be examined again."""

_AHEAD: Final = 2_000
_RECEIPT: Final = str(ReceiptSealed.__struct_config__.tag)
_EXAMINED: Final = str(LetterExamined.__struct_config__.tag)


class Ledger:
    """This worker's knowledge of FINDINGS. `cover` has to be called before anything is asked of it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = asyncio.Lock()
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._since: datetime | None = None
        self._reconnects = bus.nc.stats["reconnects"]
        self._forget()

    def _forget(self) -> None:
        self._sealed: defaultdict[str, _Marks] = defaultdict(_Marks)
        self._examined: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._last: dict[str, int] = {}
        self._read = 0  # everything up to this sequence is known …
        self._ahead: set[int] = set()  # … and these beyond it, which this worker wrote

    async def cover(self, moment: datetime) -> None:
        """Know all that was published since `moment`, as the streams' servers tell time. Cheap when it does.

        Raises the errors of the bus.
        """
        async with self._lock:
            reconnects, start = self._bus.nc.stats["reconnects"], moment - MARGIN
            if reconnects != self._reconnects:
                # The server may have come back with an older store: what was there need not be there any more.
                self._forget()
                start = min(start, self._since or start)
            elif self._since is not None and self._since <= moment:
                return
            self._since = None
            await self._scan(since(start))
            self._since, self._reconnects = start, reconnects

    def sealed(self, position: Position) -> bool:
        """Whether the letter at `position` has its final receipt, as far as this worker has read."""
        return position.sequence in self._sealed[position.stream]

    def answered(self, position: Position) -> bool:
        """Whether there are findings or a receipt of the letter at `position`, as far as this worker has read."""
        return (position.stream, position.sequence) in self._examined or self.sealed(position)

    async def examined(self, position: Position) -> LetterExamined | None:
        """What was found in the letter at `position`, if that was published and no receipt yet."""
        sequence = self._examined.get((position.stream, position.sequence))
        if sequence is None:
            return None
        message = await read_message(self._bus.nc, FINDINGS.family, sequence, self._bus.timeout)
        return None if message is None else codec.decode(message.body, LetterExamined)

    async def publish(self, event: LetterExamined | ReceiptSealed) -> bool:
        """Store the event unless it is there already; returns whether this call stored it.

        Raises the errors of the bus; after Unavailable it may be stored, which the next attempt will find.
        """
        subject = event.nats_subject
        async with self._writing[subject]:
            for attempt in range(CONFLICTS):
                last = await self._last_of(subject)
                # Asked last of all: what is written after this look moves the subject, and meets the condition.
                if self._has(event):
                    return False
                try:
                    await self._store(event, subject, last)
                except Conflict as error:
                    metrics.CONFLICTS.inc()
                    # Somebody else's message is found by reading on. Is there none, the stream came back from a copy.
                    await self._catch_up(anew=attempt > 0)
                    last_error = error
                else:
                    return True
            raise last_error

    async def _store(self, event: LetterExamined | ReceiptSealed, subject: str, last: int) -> None:
        message = Outgoing(subject, codec.encode(event), codec.encode_headers(event) | {EXPECTED: str(last)})
        stored = await commit(self._bus.nc, (message,), self._bus.timeout)
        self._note(stored.sequence, subject, event.key)
        self._ahead.add(stored.sequence)
        self._advance()
        if len(self._ahead) > _AHEAD:
            await self._catch_up(anew=False)

    def _has(self, event: LetterExamined | ReceiptSealed) -> bool:
        if isinstance(event, ReceiptSealed):
            return self.sealed(event.position)
        return self.answered(event.position)

    async def _last_of(self, subject: str) -> int:
        if subject not in self._last:
            try:
                found = await self._bus.api(f"STREAM.MSG.GET.{FINDINGS.family}", {"last_by_subj": subject})
                last = int(found["message"]["seq"])
            except Missing:
                last = 0
            if last > self._read and last not in self._ahead:
                await self._catch_up(anew=False)
            # Reading on may have said more; it cannot have said less.
            self._last[subject] = max(last, self._last.get(subject, 0))
        return self._last[subject]

    async def _catch_up(self, *, anew: bool) -> None:
        async with self._lock:
            info = await self._bus.api(f"STREAM.INFO.{FINDINGS.family}")
            if anew or info["state"]["last_seq"] < self._read:
                self._forget()
                await self._scan(since(self._since or datetime.fromisoformat(info["created"])))
            else:
                await self._scan(from_sequence(self._read + 1))

    async def _scan(self, start: Mapping[str, object]) -> None:
        """Note every receipt and finding from `start` to the end of the stream, as it is now."""
        state = (await self._bus.api(f"STREAM.INFO.{FINDINGS.family}"))["state"]
        async for message in scan(self._bus, FINDINGS.family, [EXAMINED, RECEIPTS_SEALED], start, headers_only=True):
            self._take(message)
        # The state was asked for before the consumer was made: whatever it counts has been delivered.
        self._read = max(self._read, int(state["last_seq"]))
        self._advance()

    def _take(self, message: Msg) -> None:
        found = {name.lower(): value for name, value in (message.headers or {}).items()}
        self._note(message.metadata.sequence.stream, message.subject, headers.percent_decode(found.get("ce-id", "")))

    def _note(self, sequence: int, subject: str, key: str) -> None:
        self._last[subject] = max(sequence, self._last.get(subject, 0))
        kind, _, place = key.partition(":")
        stream, _, number = place.rpartition(":")
        if not number.isdigit():
            return  # not an id of ours: whoever wrote it, it is no receipt of a letter
        if kind == _RECEIPT:
            self._sealed[stream].add(int(number))
            self._examined.pop((stream, int(number)), None)
        elif kind == _EXAMINED and int(number) not in self._sealed[stream]:
            self._examined[stream, int(number)] = sequence
            if len(self._examined) > REMEMBERED:
                self._examined.popitem(last=False)

    def _advance(self) -> None:
        while self._read + 1 in self._ahead:
            self._read += 1
        self._ahead = {sequence for sequence in self._ahead if sequence > self._read}


class _Marks:
    """A set of stream sequences, one bit each: a year's letters are a few megabytes."""

    def __init__(self) -> None:
        self._first = 0  # sequence of the first bit, a multiple of 8
        self._bits = bytearray()

    def add(self, sequence: int) -> None:
        byte = sequence // 8
        if not self._bits:
            self._first = byte * 8
        index = byte - self._first // 8
        if index < 0:
            self._bits[:0] = bytes(-index)
            self._first, index = byte * 8, 0
        if index >= len(self._bits):
            self._bits.extend(bytes(index + 1 - len(self._bits)))
        self._bits[index] |= 1 << sequence % 8

    def __contains__(self, sequence: int) -> bool:
        index = (sequence - self._first) // 8
        return 0 <= index < len(self._bits) and bool(self._bits[index] >> sequence % 8 & 1)
