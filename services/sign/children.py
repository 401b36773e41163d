"""The pool of child processes that look at letters: bounded in number, memory and time, replaced when used up.

A letter that ends its child gets the findings that were known by then, with the warning `resource_limit`; it is not
tried again. What is no letter's fault, a child that does not start, is `ChildError`, and can be tried again.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from contracts.findings import Findings, Particulars
from contracts.mail import MailReceived
from contracts.values import instant
from services.runtime.settings import Sign
from services.sign import log, metrics
from services.sign.evidence import witnessed
from services.sign.frames import (
    ANSWER_OCTETS,
    LENGTH,
    Answer,
    Begun,
    Done,
    Frame,
    FromChild,
    Question,
    Ready,
    Setup,
    SoFar,
    Task,
    from_child,
    pack,
)
from services.sign.questions import NoAnswerError
from services.sign.resolver import LetterQuestions, Resolver
from services.sign.trust import TrustStore
from services.sign.warnings import warning

START_SECONDS = 30.0
"""Deadline of a child's start; it takes half a second on an idle machine."""
_STDERR_OCTETS = 2_048
_ROOT = Path(__file__).resolve().parents[2]


class ChildError(Exception):
    """No child could be started. Temporary: says nothing about any letter."""


class Children:
    """Examines letters, at most `children` at once; further ones wait their turn."""

    def __init__(self, config: Sign, trust: TrustStore, resolver: Resolver | None, software: str) -> None:
        self._config, self._trust, self._resolver, self._software = config, trust, resolver, software
        # Last in, first out: while one child is enough, no other is started.
        self._places: asyncio.Queue[_Child | None] = asyncio.LifoQueue()
        for _ in range(config.children):
            self._places.put_nowait(None)

    async def start(self) -> tuple[str, ...]:
        """Start one child, so that a host where none can run is found out now; its walls against the network.

        Raises:
            ChildError: none can be started.
        """
        place = await self._places.get()
        try:
            place = place or await self._new()
            return place.walls
        finally:
            self._places.put_nowait(place)

    async def close(self) -> None:
        """End every child; letters in the middle are waited for."""
        for _ in range(self._config.children):
            child = await self._places.get()
            if child is not None:
                await child.end()

    async def examine(self, octets: bytes, received: MailReceived | None = None) -> Findings:
        """The findings of a mail; with `received`, its sender is judged too.

        Raises:
            ChildError: no child could be started.
        """
        return await self._run(Task(kind="mail", name="", received=received, now_ns=time.time_ns()), octets)

    async def judge_sender(self, octets: bytes, received: MailReceived, dns_seconds: float | None = None) -> Findings:
        """Whether a mail's sender is who he says, and nothing else of it; `dns_seconds`, if it shall have fewer.

        Raises:
            ChildError: no child could be started.
        """
        task = Task(kind="sender", name="", received=received, now_ns=time.time_ns())
        return await self._run(task, octets, dns_seconds)

    async def examine_pdf(self, octets: bytes, name: str) -> Findings:
        """The findings of a PDF file by itself.

        Raises:
            ChildError: no child could be started.
        """
        return await self._run(Task(kind="pdf", name=name, received=None, now_ns=time.time_ns()), octets)

    async def _run(self, task: Task, octets: bytes, dns_seconds: float | None = None) -> Findings:
        child = await self._places.get()
        kept: _Child | None = None
        try:
            if child is None or not child.alive:
                child = await self._new()
            questions: LetterQuestions | None = None
            if self._resolver is not None and task.received is not None:
                questions = self._resolver.letter(task.received.sender, dns_seconds)
            outcome = await child.examine(task, octets, questions, self._config.child_seconds)
            if not outcome.begun and outcome.cause == "died":
                # It was gone before it saw the letter: no fault of the letter's, and worth one more child.
                await child.kill()
                child = await self._new()
                outcome = await child.examine(task, octets, questions, self._config.child_seconds)
            if outcome.usable and child.letters < self._config.child_letters:
                kept = child
            if outcome.limit:
                log.child_ended(outcome.limit, child.said)
                metrics.CHILDREN_ENDED.labels(outcome.cause).inc()
            return _finished(outcome, task, self._software, questions)
        finally:
            # Also when the caller gave up: a child in the middle of a letter is of no further use.
            if child is not None and kept is None:
                await child.kill()
            self._places.put_nowait(kept)

    async def _new(self) -> "_Child":
        setup = Setup(
            anchors=self._trust.anchors,
            memory_bytes=self._config.child_memory_bytes,
            seconds=self._config.child_seconds,
            software=self._software,
        )
        child = await _Child.start(setup)
        metrics.CHILDREN_STARTED.inc()
        metrics.CHILD_WALLS.set(len(child.walls))
        if not child.walls:
            log.child_not_walled()
        return child


class _Outcome(msgspec.Struct):
    """What came of one letter."""

    findings: Findings | None = None
    limit: str = ""
    """Which limit ended it, for a person; empty if none did."""
    cause: str = ""
    """The same as a label: time, memory, died, protocol."""
    usable: bool = False
    begun: bool = False
    """The child had the task: what ended it was the letter."""


class _Child:
    """One child process and the pipe to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._errors = bytearray()
        self._tail = asyncio.create_task(self._read_errors())
        self.walls: tuple[str, ...] = ()
        self.letters = 0

    @classmethod
    async def start(cls, setup: Setup) -> "_Child":
        """Start a child and wait until it stands behind its walls."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-B",
                "-s",
                "-m",
                "services.sign.child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                # Nothing else of ours: settings in the environment hold passwords.
                env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(f"cannot start a child process: {error}") from error
        child = cls(process)
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
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    async def examine(self, task: Task, octets: bytes, questions: LetterQuestions | None, seconds: float) -> _Outcome:
        """Have one letter looked at."""
        self.letters += 1
        outcome = _Outcome()
        turning_to = ""
        try:
            async with asyncio.timeout(seconds):
                await self._say(task)
                await self._write(LENGTH.pack(len(octets)), octets)
                while True:
                    frame = await self._hear()
                    if isinstance(frame, Question):
                        await self._say(Answer(await _answer(questions, frame)))
                    elif isinstance(frame, Begun):
                        outcome.begun = True
                    elif isinstance(frame, SoFar):
                        outcome.findings, turning_to = frame.findings, frame.turning_to
                    elif isinstance(frame, Done):
                        return _Outcome(findings=frame.findings, usable=not frame.retire)
                    else:
                        outcome.limit, outcome.cause = "protocol", "protocol"
                        break
        except TimeoutError:
            outcome.limit, outcome.cause = f"{seconds:g} s", "time"
        except (OSError, EOFError):
            outcome.limit, outcome.cause = await self._why()
        except msgspec.MsgspecError:
            outcome.limit, outcome.cause = "protocol", "protocol"
        if turning_to:
            outcome.limit = f"{turning_to}: {outcome.limit}"
        return outcome

    async def end(self) -> None:
        """Let it go: it ends when its input does."""
        with contextlib.suppress(OSError, TimeoutError):
            assert self._process.stdin is not None
            self._process.stdin.close()
            async with asyncio.timeout(2):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it now."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.shield(self._process.wait())
        self._tail.cancel()

    async def _why(self) -> tuple[str, str]:
        """How it came to its end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait()
        code = self._process.returncode
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
        assert self._process.stdin is not None
        for piece in octets:
            self._process.stdin.write(piece)
        await self._process.stdin.drain()

    async def _hear(self) -> FromChild:
        assert self._process.stdout is not None
        (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        if size > ANSWER_OCTETS:
            raise msgspec.ValidationError("a frame longer than any finding")
        return from_child(await self._process.stdout.readexactly(size))

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while octets := await self._process.stderr.read(_STDERR_OCTETS):
            self._errors += octets
            del self._errors[:-_STDERR_OCTETS]


async def _answer(questions: LetterQuestions | None, question: Question) -> tuple[str, ...] | None:
    if questions is None:
        return None
    try:
        return await questions.ask(question.name, question.kind)
    except NoAnswerError:
        return None


def _walls(frame: FromChild) -> tuple[str, ...]:
    if not isinstance(frame, Ready):
        raise msgspec.ValidationError("a child that does not say that it is ready")
    return frame.walls


def _finished(outcome: _Outcome, task: Task, software: str, questions: LetterQuestions | None) -> Findings:
    found = outcome.findings or Findings(particulars=Particulars(), judged_at=instant(task.now_ns), software=software)
    if questions is not None and found.authentication is not None:
        found = msgspec.structs.replace(
            found, authentication=witnessed(found.authentication, questions.evidence, instant(task.now_ns))
        )
    if not outcome.limit:
        return found
    return msgspec.structs.replace(found, warnings=(*found.warnings, warning("resource_limit", detail=outcome.limit)))
