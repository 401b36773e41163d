"""A run of the fuzzer: a real nats-server, `saraban ingest` as a process, sessions in rounds, each judged."""

import itertools
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz import sessions
from tests.fuzz.judge import Judged, judge
from tests.fuzz.reference import ERRORS, RECIPIENTS, SIZE
from tests.fuzz.sessions import Session
from tests.fuzz.shelf import Shelf, Stored
from tests.fuzz.wire import speak
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import world
from tests.waiting import until_sync

OPTIONS: Final = """\
message_bytes = {size}
flight_bytes = 838860800
errors = {errors}
recipients = {recipients}
guesses = 1000000000
proxy_networks = ["127.128.0.0/9"]
certificate = "{certificate}"
private_key = "{key}"
"""
GROWTH_OCTETS: Final = 16 * 1024 * 1024
"""What the process may hold beyond what it held when it was warm: ups and downs of allocator and caches."""


@dataclass
class Tally:
    """What a run came to."""

    inputs: int = 0
    sessions: int = 0
    kept: int = 0
    seconds: float = 0.0
    resident: list[int] = field(default_factory=list)
    """After each round."""
    failed: list[Judged] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Of the whole process, not of one session."""

    @property
    def growth(self) -> int:
        """Octets of memory gained from the run's first quarter to its end."""
        return self.resident[-1] - max(self.resident[: max(1, len(self.resident) // 4)]) if self.resident else 0


class Campaign:
    """An ingress to be fuzzed."""

    def __init__(self, folder: Path, ingress: IngestProcess, shelf: Shelf, log: Path) -> None:
        self.folder = folder
        self.ingress = ingress
        self._shelf = shelf
        self._log = log
        self._said = 0
        self._pid = ingress.pid

    def run(self, seed: int, inputs: int, *, large: bool = True, say: Callable[[str], object] = len) -> Tally:
        """Speak sessions until so many inputs have been taken in; stop at the first round with a failure."""
        tally, began = Tally(), time.monotonic()
        numbers = itertools.count()
        while tally.inputs < inputs and not tally.failed and not tally.faults:
            size = min(2_000, max(50, (inputs - tally.inputs) // 16))
            made = (sessions.make(seed, number, large=large) for number in itertools.islice(numbers, size))
            for judged in self.round(made):
                tally.sessions += 1
                tally.inputs += judged.inputs
                tally.kept += judged.kept
                if judged.problems:
                    tally.failed.append(judged)
            tally.resident.append(self.ingress.resident_bytes)
            tally.faults = self._faults()
            tally.seconds = time.monotonic() - began
            say(
                f"{tally.inputs:>9} inputs  {tally.sessions:>6} sessions  {tally.kept:>6} letters  "
                f"{tally.seconds:6.0f} s  {tally.resident[-1] / 1_048_576:6.1f} MiB"
            )
        return tally

    def round(self, made: Iterator[Session]) -> list[Judged]:
        """Speak some sessions and judge each, when all are over and nothing is under way any more."""
        heard = list(speak(made, self.ingress.port))
        self._settle()
        stored = self._shelf.read_on()
        judged = [judge(one, stored.pop(one.session.peer, [])) for one in heard]
        for address, letters in stored.items():
            judged.append(_nobodys(heard[0].session, address, letters))
        return judged

    def _settle(self) -> None:
        """No session and no octet in flight is left; fails where that does not come about."""
        until_sync(lambda: self._gauge("sessions") == 0 == self._gauge("flight_bytes"), 60.0)

    def _gauge(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ingress.ops}/metrics", timeout=10) as page:
            text = page.read().decode()
        found = re.search(rf"^saraban_ingest_{name} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def _faults(self) -> list[str]:
        lines = self._log.read_text(errors="replace").splitlines()
        new, self._said = lines[self._said :], len(lines)
        words = ("ingest.failed", "ingest.deferred", "runtime.crashed", "Traceback", "exception")
        faults = [line for line in new if any(word in line for word in words)]
        if self.ingress.pid != self._pid:
            faults.append(f"process {self._pid} died; {self.ingress.pid} was started for it")
        return faults

    def shrunk(self, session: Session) -> Session:
        """The same session with as few fragments as still fail."""
        count = max(1, len(session.fragments) // 2)
        while count:
            at = 0
            while at < len(session.fragments):
                fewer = session.without(at, count)
                if self.fails(fewer):
                    session = fewer
                else:
                    at += count
            count //= 2
        return session

    def fails(self, session: Session) -> list[str]:
        """What is wrong with one session, spoken alone."""
        judged = self.round(iter([session]))
        return [problem for one in judged for problem in one.problems] + self._faults()


def _nobodys(session: Session, address: str, letters: list[Stored]) -> Judged:
    """Letters of nobody who spoke in this round: of a client that left in the one before, or by a miracle."""
    problems = [f"{len(letters)} letters of {address}, who did not speak in this round: {letters[0].octets[:200]!r}"]
    return Judged(session, b"", problems, 0, 0)


@contextmanager
def campaign(folder: Path) -> Iterator[Campaign]:
    """Start a nats-server and an ingress in `folder`, and end them."""
    with world(folder) as place:
        options = OPTIONS.format(
            size=SIZE, errors=ERRORS, recipients=RECIPIENTS, certificate=place.certificate, key=place.key
        )
        log = folder / "ingest.log"
        ingress = IngestProcess(place.nats, folder, options, log)
        ingress.start()
        shelf = Shelf(place.nats)
        try:
            ingress.wait_ready()
            yield Campaign(folder, ingress, shelf, log)
            assert ingress.stop() == 0, log.read_text()[-2000:]
        finally:
            ingress.kill()
            shelf.close()


def transcript(judged: Judged) -> str:
    """A session as anybody can repeat it."""
    session = judged.session
    lines = [f"seed {session.seed}, session {session.number}: {session.pace}, {session.ending} ({session.part:.3f})"]
    if session.introduction is not None:
        lines.append(f"PROXY {session.introduction.octets!r}")
    lines += [f"C: {_short(fragment)}" for fragment in session.fragments]
    lines += [f"S: {line.decode('latin-1')}" for line in judged.heard.split(b"\r\n")[-40:] if line]
    lines += [f"!! {problem}" for problem in judged.problems]
    lines.append(f"again, with fewer fragments: python -m tests.fuzz --seed {session.seed} --session {session.number}")
    return "\n".join(lines)


def _short(octets: bytes) -> str:
    return repr(octets) if len(octets) <= 600 else f"{octets[:500]!r} ... {octets[-60:]!r} ({len(octets)} octets)"
