"""One child process and the way to it: what it is told, what it asks for, how it ends."""

import asyncio
import contextlib
import signal
import time

import msgspec

from contracts.findings import Findings
from services.sign.fetch_questions import NotFetchedError
from services.sign.fetcher import LetterFetches
from services.sign.forks import START_SECONDS, Fork, ForkError, ForkKeeper
from services.sign.frames import (
    ANSWER_OCTETS,
    LENGTH,
    Answer,
    Begun,
    Done,
    Fetched,
    Frame,
    FromChild,
    Picture,
    Question,
    Reading,
    Ready,
    Setup,
    SoFar,
    Task,
    Useful,
    Wanted,
    from_child,
    pack,
)
from services.sign.lanes import Spent
from services.sign.ocr import LetterPictures
from services.sign.questions import NoAnswerError
from services.sign.resolver import LetterQuestions
from services.sign.trust import TrustStore

FRAMES = 2_000
"""Most frames one letter's child may send: steps, questions."""


class ChildError(Exception):
    """No child could be started. Temporary: says nothing about any letter."""


class Outcome(msgspec.Struct):
    """What came of one letter."""

    findings: Findings | None = None
    limit: str = ""
    """Which limit ended it, for a person; empty if none did."""
    cause: str = ""
    """The same as a label: time, memory, died, protocol."""
    usable: bool = False
    begun: bool = False
    """The child had the task: what ended it was the letter."""
    starved: bool = False
    """Its time ran out while others had the processor."""


class ChildProcess:
    """One child process and the way to it."""

    def __init__(self, process: Fork) -> None:
        self._process = process
        self.walls: tuple[str, ...] = ()
        self.letters = 0
        self._begun = 0.0
        self._before = (0.0, 0.0)
        self.trust: TrustStore | None = None
        self.behind = False

    @classmethod
    async def start(cls, forks: ForkKeeper, setup: Setup) -> "ChildProcess":
        """Start a child and wait until it stands behind its walls."""
        try:
            child = cls(await forks.fork())
        except (ForkError, OSError) as error:
            raise ChildError(str(error)) from error
        child.trust = setup.trust
        try:
            async with asyncio.timeout(START_SECONDS):
                await child._say(setup)
                child.walls = _walls(await child._hear())
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError) as error:
            await child.kill()
            raise ChildError(f"a child process did not start: {child.said or type(error).__name__}") from error
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    @property
    def said(self) -> str:
        """The last line of its standard error."""
        return self._process.said

    def spent(self) -> Spent:
        """What the letter has used so far; while others answer it, the DNS or who reads its pictures, it is blocked."""
        had, waited = (now - before for now, before in zip(self._process.times(), self._before, strict=True))
        return Spent(had, max(0.0, time.monotonic() - self._begun - had - waited))

    def make_way(self) -> None:
        """Let every other process go first, from now on: it is not to be kept for another letter."""
        self.behind = True
        self._process.make_way()

    async def examine(
        self,
        task: Task,
        octets: bytes,
        questions: LetterQuestions | None,
        pictures: LetterPictures | None,
        fetches: LetterFetches | None,
        seconds: float,
    ) -> Outcome:
        """Have one letter looked at."""
        self.letters += 1
        self._begun, self._before = time.monotonic(), self._process.times()
        outcome = Outcome()
        turning_to = ""
        try:
            async with asyncio.timeout(seconds):
                await self._say(task)
                await self._write(LENGTH.pack(len(octets)), octets)
                for _ in range(FRAMES):
                    frame = await self._hear()
                    if isinstance(frame, Question):
                        await self._say(Answer(await _answer(questions, frame)))
                    elif isinstance(frame, Picture):
                        await self._say(Reading(await _read(pictures, frame)))
                    elif isinstance(frame, Wanted):
                        await self._say(await _fetched(fetches, frame))
                    elif isinstance(frame, Useful):
                        await _keep(fetches, frame)
                    elif isinstance(frame, Begun):
                        outcome.begun = True
                    elif isinstance(frame, SoFar):
                        outcome.findings, turning_to = frame.findings, frame.turning_to
                    elif isinstance(frame, Done):
                        return Outcome(findings=frame.findings, usable=not frame.retire)
                    else:
                        break
                outcome.limit, outcome.cause = "protocol", "protocol"
        except TimeoutError:
            outcome.limit, outcome.cause = f"{seconds:g} s", "time"
            outcome.starved = sum(self.spent()) < seconds / 2
        except (OSError, EOFError):
            outcome.limit, outcome.cause = await self._why()
        except msgspec.MsgspecError:
            outcome.limit, outcome.cause = "protocol", "protocol"
        if turning_to:
            outcome.limit = f"{turning_to}: {outcome.limit}"
        return outcome

    async def end(self) -> None:
        """Let it go: it ends when its input does."""
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it now."""
        self._process.kill()
        await asyncio.shield(self._process.wait())
        self._process.close()

    async def _why(self) -> tuple[str, str]:
        """How it came to its end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait()
        code = self._process.returncode
        if self._process.lost:
            return "fork server", "lost"
        if code is None or code >= 0:
            return f"exit {code}", "died"
        if -code == signal.SIGXCPU:
            return "processor time", "time"
        # pdfium and the allocator abort when there is no more memory to be had.
        return (
            ("memory", "memory")
            if -code in (signal.SIGABRT, signal.SIGTRAP, signal.SIGILL)
            else (f"signal {-code}", "died")
        )

    async def _say(self, frame: Frame) -> None:
        await self._write(pack(frame))

    async def _write(self, *octets: bytes) -> None:
        for piece in octets:
            self._process.stdin.write(piece)
        await self._process.stdin.drain()

    async def _hear(self) -> FromChild:
        (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        if size > ANSWER_OCTETS:
            raise msgspec.ValidationError("a frame longer than any finding")
        return from_child(await self._process.stdout.readexactly(size))


async def _answer(questions: LetterQuestions | None, question: Question) -> tuple[str, ...] | None:
    if questions is None:
        return None
    try:
        return await questions.ask(question.name, question.kind)
    except NoAnswerError:
        return None


async def _read(pictures: LetterPictures | None, picture: Picture) -> str | None:
    return None if pictures is None else await pictures.read(picture.width, picture.height, picture.octets)


async def _fetched(fetches: LetterFetches | None, wanted: Wanted) -> Fetched:
    if fetches is None:
        return Fetched(None, "number")
    try:
        return Fetched(await fetches.fetch(wanted.kind, wanted.url, wanted.body))
    except NotFetchedError as error:
        return Fetched(None, error.cause)


async def _keep(fetches: LetterFetches | None, useful: Useful) -> None:
    if fetches is not None:
        await fetches.keep(useful.kind, useful.url, useful.body, useful.seconds)


def _walls(frame: FromChild) -> tuple[str, ...]:
    if not isinstance(frame, Ready):
        raise msgspec.ValidationError("a child that does not say that it is ready")
    return frame.walls
