"""A model of the parts of nats-server 2.15 that the register stands on: streams, atomic batches, expiry.

`test_jetstream.py` drives the same operations against a real nats-server and compares every answer, so the model is
no kinder than the server. What is stored here stays stored, as with `sync_interval: always` the server answers only
after its fsync: an older store can come back only where an operator restores one, which `restored` is for.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from contracts.event import Position
from services.register.numbering import TTL
from services.register.page import EXPECTED, EXPECTED_STREAM
from services.runtime import errors
from services.runtime.batch import Outgoing

PLACES: Final = 50
"""Batches of one stream that the server keeps open at a time."""

ABANDONED_SECONDS: Final = 10.0
"""So long a batch that does not come to its end holds its place."""


class Stored(Struct, frozen=True):
    """A message as a stream keeps it."""

    sequence: int
    subject: str
    body: bytes
    at: float
    until: float


class Stream:
    """One stream: its messages, and the newest of each subject."""

    def __init__(self, name: str, *subjects: str) -> None:
        self.name = name
        self.subjects = subjects
        self.messages: dict[int, Stored] = {}
        self.history: list[Stored] = []
        """All that was ever stored, what has expired too: for who judges, not for who reads."""
        self.last = 0
        self._newest: dict[str, list[int]] = {}
        self._expiring: list[Stored] = []
        self._abandoned: list[float] = []

    def put(self, message: Outgoing, now: float) -> int:
        self.last += 1
        ttl = message.headers.get(TTL)
        until = now + float(ttl.removesuffix("s")) if ttl else float("inf")
        stored = self.messages[self.last] = Stored(self.last, message.subject, message.body, now, until)
        self.history.append(stored)
        self._newest.setdefault(message.subject, []).append(self.last)
        if ttl:
            self._expiring.append(stored)
        return self.last

    def remove(self, sequence: int) -> None:
        found = self.messages.pop(sequence, None)
        if found is not None:
            self._newest[found.subject].remove(sequence)
            if not self._newest[found.subject]:
                del self._newest[found.subject]

    def expire(self, now: float) -> int:
        """Remove what has outlived its TTL; how many messages that were."""
        gone = [stored for stored in self._expiring if stored.until <= now]
        if gone:
            self._expiring = [stored for stored in self._expiring if stored.until > now]
            for stored in gone:
                self.remove(stored.sequence)
        return len(gone)

    def newest(self, subject: str) -> int:
        """Sequence of the last message on exactly this subject; 0 if there is none."""
        found = self._newest.get(subject)
        return found[-1] if found else 0

    def last_on(self, subject: str) -> Stored | None:
        """The last message on a subject, which may hold wildcards."""
        if "*" not in subject and ">" not in subject:
            return self.messages.get(self.newest(subject))
        newest = max((own[-1] for name, own in self._newest.items() if matches(subject, name)), default=0)
        return self.messages.get(newest)

    def next_on(self, subject: str, sequence: int) -> Stored | None:
        """The first message on a subject at or behind a sequence."""
        return next(self.behind(sequence - 1, subject), None)

    def behind(self, sequence: int, *subjects: str) -> Iterator[Stored]:
        """The messages behind a sequence, in their order."""
        for n, stored in self.messages.items():  # kept in the order of their sequences
            if n > sequence and (not subjects or any(matches(one, stored.subject) for one in subjects)):
                yield stored

    def open_batch(self, now: float) -> None:
        """Take a place for a batch, or say that there is none."""
        self._abandoned = [until for until in self._abandoned if until > now]
        if len(self._abandoned) >= PLACES:
            raise errors.from_answer({"err_code": errors.BATCH_IN_FLIGHT, "description": "too many in flight"})

    def abandon(self, now: float) -> None:
        """A batch that was begun does not go on."""
        self.open_batch(now)
        self._abandoned.append(now + ABANDONED_SECONDS)


class JetStream:
    """Streams, and a clock that only moves when it is told to."""

    def __init__(self, *streams: Stream) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self.now = 0.0
        self.expired = 0

    def commit(self, messages: Sequence[Outgoing]) -> Position:
        """What `services.runtime.batch.commit` promises: all are stored, or none and the server's error is raised."""
        stream = self._owner(messages[0])
        if len(messages) > 1:
            stream.open_batch(self.now)
            if self._owns(messages[-1]) is not stream:
                stream.abandon(self.now)
                raise errors.NotServed("no stream takes the subject")
            if any(self._owns(message) is not stream for message in messages):
                raise errors.from_answer({"err_code": errors.BATCH_INCOMPLETE, "description": "incomplete"})
        self._check(stream, messages)
        for message in messages:
            stream.put(message, self.now)
        return Position(stream=stream.name, sequence=stream.last)

    def abandon(self, messages: Sequence[Outgoing]) -> None:
        """The beginning of a batch arrived, and its end never does."""
        self._owner(messages[0]).abandon(self.now)

    def pass_time(self, seconds: float) -> None:
        """Time goes on; guards expire."""
        self.now += seconds
        for stream in self.streams.values():
            self.expired += stream.expire(self.now)

    def _check(self, stream: Stream, messages: Sequence[Outgoing]) -> None:
        seen: set[str] = set()
        for n, message in enumerate(messages):
            last, own = message.headers.get(EXPECTED_STREAM), message.headers.get(EXPECTED)
            if last is not None:
                if stream.last + n != int(last):
                    raise _wrong(stream.last + n)
                if n:
                    raise _wrong_constant()
            if own is not None:
                if message.subject in seen:
                    raise _wrong_constant()
                if stream.newest(message.subject) != int(own):
                    raise _wrong(stream.newest(message.subject))
            seen.add(message.subject)

    def _owner(self, message: Outgoing) -> Stream:
        stream = self._owns(message)
        if stream is None:
            raise errors.NotServed(f"nobody serves {message.subject}")
        return stream

    def _owns(self, message: Outgoing) -> Stream | None:
        for stream in self.streams.values():
            for subject in stream.subjects:
                if matches(subject, message.subject):
                    return stream
        return None


def _wrong(last: int) -> errors.BusError:
    return errors.from_answer({"err_code": errors.WRONG_LAST_SEQUENCE, "description": f"wrong last sequence: {last}"})


def _wrong_constant() -> errors.BusError:
    return errors.from_answer({"err_code": errors.WRONG_LAST_SEQUENCE_CONSTANT, "description": "wrong last sequence"})


@lru_cache(maxsize=65_536)
def matches(pattern: str, subject: str) -> bool:
    """Whether a subject falls under a pattern of NATS."""
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(found) >= len(wanted) and all(
            one in ("*", other) for one, other in zip(wanted[:-1], found[: len(wanted) - 1], strict=True)
        )
    return len(wanted) == len(found) and all(one in ("*", other) for one, other in zip(wanted, found, strict=True))
