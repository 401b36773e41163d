"""The signed heads that FINDINGS holds: the newest of a book, those of all books, the one before a row."""

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from contracts import codec, headers
from contracts.codec import UndecodableError
from contracts.findings import CheckpointSealed
from contracts.receipt import Head
from contracts.streams import BOOKS, FINDINGS, REGISTER
from contracts.values import sha256_hex
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Missing, Refused
from services.runtime.letters import RawMessage, read_message
from services.sign.ledger import EXPECTED
from services.sign.scan import LAST_OF_EACH, from_sequence, scan, since
from services.sign.signed_book import Before, BookChangedError, book_of, checkpoints_of, fold, previous_of

CHECKPOINTS: Final = "sign.v1.checkpoint.*.*.*"

LOOKS_BACK: Final = (timedelta(minutes=10), timedelta(days=1), timedelta(days=36_500))
"""How far back a head before a row is looked for, one after the other; the last is the whole stream."""


class Stored(NamedTuple):
    """A head, and where its checkpoint lies in FINDINGS."""

    head: Head
    sequence: int


class Known(NamedTuple):
    """Of a book's newest checkpoint, without reading it."""

    sequence: int
    stamped: bool


def head_of(event: CheckpointSealed) -> Head:
    """The head as a receipt carries it."""
    return Head(
        link=event.link,
        sequence=event.sequence,
        length=event.length,
        signed_at=event.signed_at,
        signature=event.signature,
        token=event.token,
    )


def checkpoint(book: str, head: Head) -> CheckpointSealed:
    """The event that says it."""
    _, _, _, agency, series, year = book.split(".")
    return CheckpointSealed(
        agency=agency,
        series=series,  # type: ignore[arg-type]  # a token of a subject that only the register may write
        year=int(year),
        sequence=head.sequence,
        length=head.length,
        link=head.link,
        signed_at=head.signed_at,
        signature=head.signature,
        token=head.token,
    )


class Heads:
    """Reads and writes checkpoints. Raises the errors of the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def newest(self, book: str) -> Stored | None:
        """The newest checkpoint of a book, by the stream's leader."""
        try:
            found = await self._bus.api(f"STREAM.MSG.GET.{FINDINGS.family}", {"last_by_subj": checkpoints_of(book)})
        except Missing:
            return None
        sequence = int(found["message"]["seq"])
        stored = await self._checkpoint(sequence)
        if stored is None:
            raise Refused(f"checkpoint {sequence} of {FINDINGS.family} is gone again")
        return stored

    async def publish(self, event: CheckpointSealed, last: int) -> int:
        """Store a checkpoint if the newest of its book still lies at `last` (0: there is none).

        Raises the errors of the bus; Conflict: another worker was faster.
        """
        message = Outgoing(event.nats_subject, codec.encode(event), codec.encode_headers(event) | {EXPECTED: str(last)})
        return (await commit(self._bus.nc, (message,), self._bus.timeout)).sequence

    async def signed(self) -> dict[str, Known]:
        """Of every book that was ever signed, where the row of its newest head lies."""
        found: dict[str, Known] = {}
        async with aclosing(scan(self._bus, FINDINGS.family, [CHECKPOINTS], LAST_OF_EACH, headers_only=True)) as every:
            async for message in every:
                named = {name.lower(): value for name, value in (message.headers or {}).items()}
                *_, sequence, _, state = ("", "", *headers.percent_decode(named.get("ce-id", "")).split(":"))
                if sequence.isdigit():
                    found[book_of(message.subject)] = Known(int(sequence), state == "stamped")
        return found

    async def written(self) -> dict[str, int]:
        """Every book there is, and where its newest row lies."""
        async with aclosing(scan(self._bus, REGISTER.family, [BOOKS], LAST_OF_EACH, headers_only=True)) as every:
            return {message.subject: message.metadata.sequence.stream async for message in every}

    async def row(self, sequence: int) -> RawMessage | None:
        """A message of REGISTER."""
        return await read_message(self._bus.nc, REGISTER.family, sequence, self._bus.timeout)

    async def before(self, book: str, sequence: int, stored_at: datetime, most: int) -> Before | None:
        """The newest head before the row at `sequence`, and the digests of what lies between, read from the streams.

        None: more than `most` rows lie between. Raises BookChangedError where the rows do not lead from the head to
        the row, besides the errors of the bus.
        """
        head = await self._head_before(book, sequence, stored_at)
        if head is None:
            return Before(None, ())
        digests = bytearray()
        start = from_sequence(head.sequence + 1)
        async with aclosing(scan(self._bus, REGISTER.family, [book], start)) as rows:
            async for message in rows:
                if message.metadata.sequence.stream >= sequence:
                    if previous_of(message.data) != fold(bytes.fromhex(head.link), bytes(digests)):
                        raise BookChangedError(f"message {sequence} does not go on from the head of {head.length}")
                    break
                if len(digests) >= most * 32:
                    return None
                digests += bytes.fromhex(sha256_hex(message.data))
        return Before(head, tuple(digests[at : at + 32].hex() for at in range(0, len(digests), 32)))

    async def _head_before(self, book: str, sequence: int, stored_at: datetime) -> Head | None:
        newest = await self.newest(book)
        if newest is None or newest.head.sequence < sequence:
            return newest.head if newest else None
        for back in LOOKS_BACK:
            begin = max(stored_at - back, datetime.fromtimestamp(0, stored_at.tzinfo))
            place = await self._last_before(book, sequence, begin)
            if place:
                found = await self._checkpoint(place)
                return found.head if found else None
        return None

    async def _last_before(self, book: str, sequence: int, begin: datetime) -> int:
        """Where the newest checkpoint lies whose head is before the row at `sequence`; 0: none since `begin`."""
        place = 0
        async with aclosing(scan(self._bus, FINDINGS.family, [checkpoints_of(book)], since(begin))) as checkpoints:
            async for message in checkpoints:
                if (event := _decoded(message.data)) is not None and event.sequence < sequence:
                    place = message.metadata.sequence.stream
                elif event is not None:
                    break
        return place

    async def _checkpoint(self, sequence: int) -> Stored | None:
        message = await read_message(self._bus.nc, FINDINGS.family, sequence, self._bus.timeout)
        if message is None:
            return None
        event = _decoded(message.body)
        if event is None:
            raise Refused(f"message {sequence} of {FINDINGS.family} is no checkpoint")
        return Stored(head_of(event), sequence)


def _decoded(body: bytes) -> CheckpointSealed | None:
    try:
        return codec.decode(body, CheckpointSealed)
    except UndecodableError:
        return None
