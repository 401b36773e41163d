"""Bringing an index up to date with the streams: what is new is read, what was erased is forgotten.

The counts that the server keeps of a subject say whether something was erased since: then, and only then, the sequences
of the subject are read again. A store that is another one (made at another time, or gone back behind what was read)
makes the index worthless; it is made anew.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import IO, Final

from contracts import codec
from contracts.findings import LetterExamined, Particular
from contracts.register import EntryCorrected, EntryMoved, LetterEntered, LetterRecorded
from contracts.streams import FINDINGS, REGISTER
from contracts.values import BANGKOK, from_instant, sha256_hex
from services.audit.reading import Message, batches
from services.desk.index import DamagedError, Index
from services.desk.search_keys import number_key, text_key, written_number
from services.register.acts import EFFECTS
from services.register.book import ROWS
from services.runtime.bus import Bus
from services.runtime.letters import read_message

LOCK_SECONDS: Final = 600.0
"""So long a search waits for another one that builds the index."""

Tell = Callable[[int, int], None]
"""How far, of how far."""


class BusyError(Exception):
    """Somebody else builds the index, and does not end."""


@contextlib.asynccontextmanager
async def up_to_date(bus: Bus, path: Path, agency: str, tell: Tell) -> AsyncIterator[Index]:
    """The index at this moment; it is made anew where it is gone, damaged, or of another store.

    Raises BusyError, OSError where the folder cannot be written, and the errors of the bus.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("wb") as lock:
        await _lock(lock)
        try:
            index = await _caught_up(bus, path, agency, tell)
        except DamagedError:
            _remove(path)
            index = await _caught_up(bus, path, agency, tell)
    try:
        yield index
    finally:
        index.close()


async def _lock(file: IO[bytes]) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError("another search has been building the index for ten minutes; try again") from None
            await asyncio.sleep(0.1)
        else:
            return


def _remove(path: Path) -> None:
    for name in (path.name, path.name + "-journal"):
        path.with_name(name).unlink(missing_ok=True)


async def _caught_up(bus: Bus, path: Path, agency: str, tell: Tell) -> Index:
    index = Index(path)
    try:
        reader = _Reader(bus, index, agency, tell)
        await reader.read()
    except BaseException:
        index.close()
        raise
    return index


class _Reader:
    def __init__(self, bus: Bus, index: Index, agency: str, tell: Tell) -> None:
        self._bus = bus
        self._index = index
        self._agency = agency
        self._tell = tell
        self._records = f"register.v1.record.{agency}"
        self._examined = f"sign.v1.examined.{agency}"
        self._last_row: tuple[int, bytes] | None = None

    async def read(self) -> None:
        # FINDINGS first: whatever was examined has its row before it.
        findings, found = await self._state(FINDINGS.family, self._examined)
        register, recorded = await self._state(REGISTER.family, self._records)
        await self._check_anchor()
        books = f"register.v1.entered.{self._agency}.>"
        await self._follow(REGISTER.family, [books, self._records], register, self._rows)
        await self._follow(FINDINGS.family, [self._examined], findings, self._findings)
        await self._forget("record", REGISTER.family, self._records, register, recorded)
        await self._forget("examined", FINDINGS.family, self._examined, findings, found)

    async def _state(self, stream: str, subject: str) -> tuple[int, int]:
        """Where the stream ends, and how many messages the subject has; raises DamagedError for another store."""
        info = await self._bus.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
        made, last = str(info["created"]), int(info["state"]["last_seq"])
        known = self._index.meta(f"made {stream}")
        if known and (known != made or last < self._index.count(f"read {stream}")):
            raise DamagedError(f"{stream} is another store")
        if not known:
            with self._index.changing():
                self._index.keep(**{f"made {stream}": made})
        counts = info["state"].get("subjects") or {}
        return last, int(counts.get(subject, 0))

    async def _check_anchor(self) -> None:
        """Whether the newest row that was read still is what it was: a copy may have been brought back and gone on."""
        sequence = self._index.count("anchor")
        if not sequence:
            return
        stored = await read_message(self._bus.nc, REGISTER.family, sequence, self._bus.timeout)
        if stored is None or sha256_hex(stored.body) != self._index.meta("anchor digest"):
            raise DamagedError("REGISTER is another store")

    async def _follow(self, stream: str, subjects: list[str], last: int, take: Callable[[list[Message]], None]) -> None:
        name = f"read {stream}"
        begun = self._index.count(name)
        if begun >= last:
            return
        async with aclosing(batches(self._bus, stream, subjects, after=begun, last=last)) as found:
            async for batch in found:
                with self._index.changing():
                    take(batch)
                    self._index.keep(**{name: batch[-1].sequence})
                    self._keep_anchor()
                self._tell(batch[-1].sequence - begun, last - begun)
        with self._index.changing():
            self._index.keep(**{name: last})

    def _keep_anchor(self) -> None:
        if self._last_row is not None:
            sequence, body = self._last_row
            self._index.keep(**{"anchor": sequence, "anchor digest": hashlib.sha256(body).hexdigest()})
            self._last_row = None

    # -- REGISTER ----------------------------------------------------------------------------------------------------

    def _rows(self, batch: list[Message]) -> None:
        """Rows, effects and records, in order: a record lies directly behind what it belongs to."""
        records = 0
        held = self._held(batch[0])
        for message in batch:
            if message.subject == self._records:
                records += 1
                if held is not None and held[0] == message.sequence - 1 and sha256_hex(message.body) == held[2]:
                    self._record(held[1], message)
                held = None
                continue
            held = self._row(message)
            self._last_row = (message.sequence, message.body)
        self._index.keep(**{"count record": self._index.count("count record") + records, **_held_values(held)})

    def _held(self, first: Message) -> tuple[int, int, str] | None:
        """What the batch before ended with, if its record begins this one."""
        sequence, row, digest = (self._index.meta("held") or "0 0 -").split()
        return (int(sequence), int(row), digest) if int(sequence) == first.sequence - 1 else None

    def _row(self, message: Message) -> tuple[int, int, str] | None:
        """Take a message of a book; returns the sequence, the entry and the digest of a record behind it."""
        row = codec.decode(message.body, *ROWS)
        if isinstance(row, LetterEntered):
            day = from_instant(row.deemed_at).astimezone(BANGKOK).date().isoformat()
            place = str(row.position) if row.position is not None else ""
            hidden = row.series == "classified"
            self._index.enter(message.sequence, message.subject, row.number, row.number_text, day, place, hidden=hidden)
            return message.sequence, message.sequence, row.record
        if not isinstance(row, EFFECTS):
            return None
        entry = self._index.act(message.subject, row.number, message.sequence)
        if entry is None:
            return None
        if isinstance(row, EntryMoved) and row.to_series == "classified":
            self._index.hide(entry)
        return (message.sequence, entry, row.record) if isinstance(row, EntryCorrected) else None

    def _record(self, row: int, message: Message) -> None:
        record = codec.decode(message.body, LetterRecorded)
        number = record.letter_number
        self._index.record(
            row,
            message.sequence,
            text_key(number, record.subject, record.sender, record.author, record.addressee),
            text_key(record.sender, record.author),
            number_key(number) if number else written_number(record.subject),
            record.letter_date or "",
        )

    # -- FINDINGS ----------------------------------------------------------------------------------------------------

    def _findings(self, batch: list[Message]) -> None:
        for message in batch:
            event = codec.decode(message.body, LetterExamined)
            found = event.findings.particulars
            number = _value(found.letter_number)
            self._index.findings(
                str(event.position),
                message.sequence,
                text_key(number, _value(found.subject), _value(found.issuer), _value(found.addressee)),
                text_key(_value(found.issuer)),
                number_key(number),
                _value(found.letter_date) or "",
            )
        self._index.keep(**{"count examined": self._index.count("count examined") + len(batch)})

    # -- erasing -----------------------------------------------------------------------------------------------------

    async def _forget(self, what: str, stream: str, subject: str, last: int, there: int) -> None:
        """Look what was erased, where the stream has fewer messages than were read."""
        if self._index.count(f"count {what}") == there:
            return
        present: list[int] = []
        async with aclosing(batches(self._bus, stream, [subject], last=last, headers_only=True)) as found:
            async for batch in found:
                present += [message.sequence for message in batch]
                self._tell(batch[-1].sequence, last)
        with self._index.changing():
            self._index.keep(**{f"count {what}": self._index.sweep(what, present)})


def _held_values(held: tuple[int, int, str] | None) -> dict[str, object]:
    return {"held": f"{held[0]} {held[1]} {held[2]}" if held is not None else ""}


def _value(found: Particular | None) -> str | None:
    return found.value if found is not None else None
