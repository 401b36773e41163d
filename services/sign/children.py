"""The pool of child processes that look at letters: bounded in number, memory and time, replaced when used up.

A letter that ends its child gets the findings that were known by then, with the warning `resource_limit`; it is not
tried again. What is no letter's fault, a child that does not start, is `ChildError`, and can be tried again. A letter
that takes long goes on in the slow lane, so that no other waits for it (lanes.py).
"""

import asyncio
import contextlib
import time

import msgspec

from contracts.findings import Findings, Particulars
from contracts.mail import MailReceived
from contracts.values import instant
from services.runtime.settings import Sign
from services.sign import log, metrics, sandbox
from services.sign.child_process import ChildError, ChildProcess, Outcome
from services.sign.evidence import witnessed
from services.sign.fetcher import Fetcher
from services.sign.forks import ForkKeeper
from services.sign.frames import (
    Setup,
    Task,
)
from services.sign.lanes import Lanes
from services.sign.ocr import Ocr
from services.sign.resolver import LetterQuestions, Resolver
from services.sign.trust import TrustStore
from services.sign.warnings import warning

CLOCK = 8
"""A letter has so many times its processor time by the clock. If it spent that waiting for the processor, behind all
others, it comes again later."""


LARGE_OCTETS = 2 << 20
"""A letter of this size uses up its share whatever is in it; it stands behind all others from the start."""


class SlowError(Exception):
    """The letter takes long and the slow lane is full. Temporary: bring it again, as `slow`, when there is `room`."""


class Children:
    """Examines letters: `children` at once that have not had their turn, and `slow_children` that take long.

    Further ones wait for their turn. A letter that had none of the slow lane's places is a `SlowError`.
    """

    def __init__(
        self,
        config: Sign,
        trust: TrustStore,
        resolver: Resolver | None,
        software: str,
        fetcher: Fetcher | None = None,
        forks: ForkKeeper | None = None,
    ) -> None:
        """`forks` is shared with others and closed by whoever made it; without it the children have a server alone."""
        self._config, self._trust, self._resolver, self._software = config, trust, resolver, software
        self._fetcher = fetcher
        self._ocr = Ocr.of(config)
        self._lanes = Lanes(config.children, config.slow_children)
        self._forks = forks if forks is not None else ForkKeeper()
        self._alone = forks is None
        self._idle: list[ChildProcess] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._spares: set[asyncio.Task[None]] = set()
        self._missing: list[str] = []

    @property
    def room(self) -> bool:
        """Whether a letter that is known to take long could be looked at now."""
        return self._lanes.room

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of those that run."""
        return self._forks.pids

    async def start(self) -> tuple[str, ...]:
        """Start one child, so that a host where none can run is found out now; the walls around it.

        Raises:
            ChildError: none can be started.
        """
        await self._lanes.enter()
        try:
            child = await self._take()
            self._idle.append(child)
            return child.walls
        finally:
            self._lanes.leave()

    def trust(self, store: TrustStore) -> None:
        """From the next letter on judge by this store; one that is under way keeps the store it began with."""
        self._trust = store

    async def close(self) -> None:
        """End every child; letters in the middle are waited for."""
        for _ in range(self._config.children):
            await self._lanes.enter()
        await asyncio.gather(*self._spares)
        while self._idle:
            await self._idle.pop().end()
        await asyncio.gather(*self._ending)
        if self._alone:
            await self._forks.close()

    async def examine(self, octets: bytes, received: MailReceived | None = None, *, slow: bool = False) -> Findings:
        """The findings of a mail; with `received`, its sender is judged too. `slow`: it is known to take long.

        Raises:
            ChildError: no child could be started.
            SlowError: it takes long, others wait, and the slow lane is full.
        """
        return await self._run(Task(kind="mail", name="", received=received, now_ns=time.time_ns()), octets, slow)

    async def judge_sender(self, octets: bytes, received: MailReceived, dns_seconds: float | None = None) -> Findings:
        """Whether a mail's sender is who he says, and nothing else of it; `dns_seconds`, if it shall have fewer.

        Raises:
            ChildError: no child could be started.
            SlowError: it takes long, others wait, and the slow lane is full.
        """
        task = Task(kind="sender", name="", received=received, now_ns=time.time_ns())
        return await self._run(task, octets, False, dns_seconds)

    async def examine_pdf(self, octets: bytes, name: str) -> Findings:
        """The findings of a PDF file by itself.

        Raises:
            ChildError: no child could be started.
            SlowError: it takes long, others wait, and the slow lane is full.
        """
        return await self._run(Task(kind="pdf", name=name, received=None, now_ns=time.time_ns()), octets, False)

    async def _run(self, task: Task, octets: bytes, slow: bool, dns_seconds: float | None = None) -> Findings:
        lane = _Lane(self._lanes)
        await lane.enter(slow)
        questions: LetterQuestions | None = None
        if self._resolver is not None and task.received is not None:
            questions = self._resolver.letter(task.received.sender, dns_seconds)
        child: ChildProcess | None = None
        kept = False
        try:
            child = await self._take()
            if slow or len(octets) > LARGE_OCTETS:
                child.make_way()
            outcome = await self._look(child, task, octets, questions, lane)
            if outcome.cause == "lost" or (outcome.cause == "died" and not outcome.begun):
                # Gone with the fork server, or before it saw the letter: not the letter's fault, worth one more child.
                await child.kill()
                child = await self._take()
                outcome = await self._look(child, task, octets, questions, lane)
            if outcome.starved:
                raise SlowError
            kept = outcome.usable and not child.behind and child.letters < self._config.child_letters
            if outcome.limit:
                log.child_ended(outcome.limit, child.said)
                metrics.CHILDREN_ENDED.labels(outcome.cause).inc()
            return _finished(outcome, task, self._software, questions)
        finally:
            # Also when the caller gave up: a child in the middle of a letter is of no further use.
            if child is not None:
                if kept and len(self._idle) < self._config.children:
                    self._idle.append(child)
                else:
                    self._end(child)
            lane.leave()

    async def _look(
        self, child: "ChildProcess", task: Task, octets: bytes, questions: LetterQuestions | None, lane: "_Lane"
    ) -> "Outcome":
        """Have one letter looked at, where it hinders nobody."""
        fetches = self._fetcher.letter() if self._fetcher is not None else None
        pictures = self._ocr.letter() if self._ocr is not None else None
        seconds = CLOCK * self._config.child_seconds
        work = asyncio.ensure_future(child.examine(task, octets, questions, pictures, fetches, seconds))
        try:
            await lane.stay(work, child)
            if child.behind:
                self._replace()
            return await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def _end(self, child: ChildProcess) -> None:
        """End a child beside what follows: half a gigabyte takes a moment to give back, behind all others."""
        task = asyncio.create_task(child.kill(), name="child ends")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _replace(self) -> None:
        """Start a child in the place of one that does not come back, so that no letter has to wait for its start."""
        if len(self._idle) + len(self._spares) < self._config.children:
            task = asyncio.create_task(self._start_spare(), name="spare child")
            self._spares.add(task)
            task.add_done_callback(self._spares.discard)

    async def _start_spare(self) -> None:
        with contextlib.suppress(ChildError):  # the letter that needs one says so
            self._idle.append(await self._start())

    async def _take(self) -> "ChildProcess":
        """A child that waits for a letter, or a new one."""
        while self._idle:
            child = self._idle.pop()
            if child.alive and child.trust is self._trust:
                return child
            self._end(child)
        return await self._start()

    async def _start(self) -> ChildProcess:
        while len(self._ending) >= self._config.children + self._config.slow_children:  # they still have their memory
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
        setup = Setup(
            trust=self._trust,
            memory_bytes=self._config.child_memory_bytes,
            seconds=self._config.child_seconds,
            software=self._software,
            pictures=self._ocr is not None,
            fetches=self._fetcher is not None,
        )
        child = await ChildProcess.start(self._forks, setup)
        metrics.CHILDREN_STARTED.inc()
        metrics.CHILD_WALLS.set(len(child.walls))
        missing = [wall for wall in sandbox.WALLS if wall not in child.walls]
        if missing and missing != self._missing:
            log.child_not_walled(missing)
        self._missing = missing
        return child


class _Lane:
    """Where one letter is while it is looked at."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.slow = False

    async def enter(self, slow: bool) -> None:
        if not slow:
            await self._lanes.enter()
        elif not self._lanes.enter_slow():
            raise SlowError
        self.slow = slow

    def leave(self) -> None:
        (self._lanes.leave_slow if self.slow else self._lanes.leave)()

    async def stay(self, work: "asyncio.Future[Outcome]", child: "ChildProcess") -> None:
        """Until the work is done or in the slow lane. Raises SlowError: it has to make way."""
        if self.slow:
            return
        stayed = await self._lanes.stay(work, child.spent, child.make_way)
        if stayed == "over":
            raise SlowError
        if stayed == "slow":
            self.slow = True
            child.make_way()
            metrics.CHILDREN_SLOW.inc()


def _finished(outcome: Outcome, task: Task, software: str, questions: LetterQuestions | None) -> Findings:
    found = outcome.findings or Findings(particulars=Particulars(), judged_at=instant(task.now_ns), software=software)
    if questions is not None and found.authentication is not None:
        found = msgspec.structs.replace(
            found, authentication=witnessed(found.authentication, questions.evidence, instant(task.now_ns))
        )
    if not outcome.limit:
        return found
    return msgspec.structs.replace(found, warnings=(*found.warnings, warning("resource_limit", detail=outcome.limit)))
