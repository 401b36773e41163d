"""The letters of MAIL in the order in which it stored them, each with the digest of its octets as they lie there."""

import hashlib
from collections.abc import AsyncIterator, Sequence

from msgspec import Struct

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from services.audit.reading import Message, messages
from services.audit.report import Progress, Report
from services.runtime.bus import Bus

RECEIVED = "mail.v1.received."
PART = "mail.v1.part."
SAID_EVERY = 500

Place = tuple[str, int]
"""Stream and sequence: they compare as MAIL stored the letters, since the streams are named by their years."""


class Letter(Struct, frozen=True, kw_only=True):
    """One letter as it lies in MAIL."""

    place: Place
    agency: str
    stored_ns: int
    event: MailReceived | None
    """None: its headers are no event; the register numbers it all the same."""

    @property
    def where(self) -> str:
        """How a problem names it."""
        return f"{self.agency} letter at {self.place[0]}:{self.place[1]}"


class _Parts:
    """The parts directly before an event: their number and digest, one in memory at a time."""

    def __init__(self) -> None:
        self._begin("", 0)

    def _begin(self, subject: str, sequence: int) -> None:
        self.count, self.size, self.digest = 0, 0, hashlib.sha256()
        self._subject, self._next = subject, sequence

    def add(self, message: Message) -> None:
        if message.subject != self._subject or message.sequence != self._next:
            self._begin(message.subject, message.sequence)
        self.count += 1
        self.size += len(message.body)
        self.digest.update(message.body)
        self._next = message.sequence + 1

    def lie_before(self, message: Message, agency: str, count: int) -> bool:
        return self._next == message.sequence and self._subject == PART + agency and self.count == count


async def letters(
    bus: Bus,
    streams: Sequence[tuple[str, int]],
    agency: str | None,
    report: Report,
    progress: Progress,
    *,
    octets: bool,
    after: Place = ("", 0),
) -> AsyncIterator[Letter]:
    """The letters of `streams` (name and last sequence) behind `after`, oldest first.

    With `octets`, what they hash to is checked.
    """
    token = agency or "*"
    subjects = [RECEIVED + token, PART + token] if octets else [RECEIVED + token]
    for name, last in streams:
        if name < after[0]:
            continue
        parts = _Parts()
        start = after[1] if name == after[0] else 0
        async for message in messages(bus, name, subjects, after=start, last=last, headers_only=not octets):
            if message.sequence % SAID_EVERY == 0:
                progress(name, message.sequence, last)
            if message.subject.startswith(PART):
                parts.add(message)
                continue
            letter = _letter(message)
            report.counts.letters += 1
            if octets and letter.event is not None:
                _check(letter, letter.event, message, parts, report)
            yield letter
        progress(name, last, last)


def _letter(message: Message) -> Letter:
    agency = message.subject.removeprefix(RECEIVED)
    event: MailReceived | None
    try:
        event = codec.decode_received(message.headers)
    except codec.UndecodableError:
        event = None
    if event is not None and event.agency != agency:
        event = None
    return Letter(place=(message.stream, message.sequence), agency=agency, stored_ns=message.stored_ns, event=event)


def _check(letter: Letter, event: MailReceived, message: Message, parts: _Parts, report: Report) -> None:
    if event.parts:
        if not parts.lie_before(message, letter.agency, event.parts):
            report.counts.erased_letters += 1
            return
        digest, size = parts.digest.hexdigest(), parts.size
    else:
        digest, size = hashlib.sha256(message.body).hexdigest(), len(message.body)
    report.counts.octets += size
    if size != event.size:
        report.broken("bytes", letter.where, f"has {size} octets as stored; {event.size} were received")
    elif digest != event.sha256:
        report.broken("bytes", letter.where, f"hashes to {digest[:16]}… as stored; {event.sha256[:16]}… was received")


def place(position: Position) -> Place:
    """Where a position is, to compare."""
    return position.stream, position.sequence
