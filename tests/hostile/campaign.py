"""A run of hostile letters through real children, with innocent ones beside them: what came of each, and what it cost.

Letters come when they come, whatever happens to those before them. Innocent ones come alone first, then at the same
rate beside the hostile ones; the ratio of the two p99 is what the hostile ones cost the others.
"""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from contracts.findings import Findings
from contracts.mail import MailReceived
from services.runtime.settings import Sign
from services.sign import trust
from services.sign.app import judging
from services.sign.children import Children, SlowError
from services.sign.forks import ForkKeeper
from services.sign.resolver import Resolver
from services.sign.sender_worker import CROWDED_SECONDS, FIRST_SECONDS
from services.sign.slow_letters import FIRST_PAUSE_SECONDS
from tests import books, letters
from tests.hostile import certificates, inputs

MIB: Final = 1_048_576
FINDINGS_OCTETS: Final = 1_000_000
"""Most that findings may take: what is published has to pass the server, with room."""


@dataclass
class Outcome:
    """What came of one hostile letter."""

    number: int
    kind: str
    octets: int
    seconds: float
    put_off: int
    limits: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class Report:
    """What a run came to."""

    outcomes: list[Outcome] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    child_peak: int = 0
    together_peak: int = 0
    parent_grown: int = 0
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [f"{one.number} {one.kind}: {problem}" for one in self.outcomes for problem in one.problems]

    @property
    def ratio(self) -> float:
        """p99 of innocent letters beside hostile ones, to theirs alone."""
        return p99(self.beside) / p99(self.alone)


def p99(seconds: list[float]) -> float:
    """The hundredth part took longer."""
    return sorted(seconds)[len(seconds) * 99 // 100] if seconds else 0.0


def innocent() -> bytes:
    """A letter like thousands."""
    pdf = letters.letter_pdf(letters.letter_text("opdc-w56"))
    return letters.letter_mail(pdf, "clerk@opdc.go.th", "saraban@demo.example", "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง แนวปฏิบัติ")


class Campaign:
    """Children, and the letters for them."""

    def __init__(self, children: Children, judges: Children, config: Sign) -> None:
        self._children, self._judges, self._config = children, judges, config
        self._innocent = innocent()
        self._workers = asyncio.Semaphore(config.children + config.slow_children + 3)  # as many as sign has
        self.report = Report()

    async def hostile(self, made: inputs.Kept) -> Outcome:
        """Have one looked at as the worker does: where it is put off, it comes again."""
        begun, put_off = time.monotonic(), 0
        received = books.received(size=made.size)
        judged = await self._judged(made, received)
        while True:
            # As the worker does it: for a letter that was put off, nothing is read before there is room.
            if not put_off or self._children.room:
                try:
                    async with self._workers:
                        octets = await asyncio.to_thread(made.file.read_bytes)  # the worker's come over a socket
                        found = await self._children.examine(octets, slow=bool(put_off))
                    break
                except SlowError:
                    pass
            put_off += 1
            await asyncio.sleep(FIRST_PAUSE_SECONDS)
        limits = tuple(said.english for said in found.warnings if said.code == "resource_limit")
        seconds = time.monotonic() - begun
        outcome = Outcome(made.number, made.kind, made.size, seconds, put_off, limits, (*judged, *_problems(found)))
        self.report.outcomes.append(outcome)
        return outcome

    async def _judged(self, made: inputs.Kept, received: MailReceived) -> tuple[str, ...]:
        """Have its sender looked at, as sender_worker.py does it, by children that do nothing else."""
        while True:
            try:
                octets = await asyncio.to_thread(made.file.read_bytes)
                return _problems(await self._judges.judge_sender(octets, received, FIRST_SECONDS))
            except SlowError:
                await asyncio.sleep(CROWDED_SECONDS)

    async def innocents(self, seconds: float | None, rate: float, took: list[float], rng: Random) -> None:
        """Innocent letters at chance moments; for so long, or until cancelled."""
        async with asyncio.TaskGroup() as group:
            end = time.monotonic() + seconds if seconds is not None else float("inf")
            while time.monotonic() < end:
                group.create_task(self._one_innocent(took))
                await asyncio.sleep(rng.expovariate(rate))

    async def _one_innocent(self, took: list[float]) -> None:
        begun = time.monotonic()
        while True:
            try:
                async with self._workers:
                    found = await self._children.examine(self._innocent, None)
                break
            except SlowError:
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
        took.append(time.monotonic() - begun)
        if found.warnings or found.particulars.letter_number is None:
            self.report.outcomes.append(
                Outcome(
                    -1, "innocent", 0, took[-1], 0, (), (f"an innocent letter was judged wrongly: {found.warnings}",)
                )
            )

    async def watch(self) -> None:
        """The largest sizes of children, one and all together."""
        while True:
            sizes = [_resident(pid) for pid in self._children.pids]
            self.report.child_peak = max(self.report.child_peak, *[peak for _, peak in sizes], 0)
            self.report.together_peak = max(self.report.together_peak, sum(now for now, _ in sizes))
            await asyncio.sleep(0.05)


async def run(
    seed: int,
    count: int,
    *,
    rate: float,
    alone_seconds: float,
    config: Sign | None = None,
    largest: int = inputs.LARGEST,
    say: Callable[[str], object] = len,
) -> Report:
    """Run `count` hostile letters at `rate` a second, with as many innocent ones beside them."""
    config = config or Sign()
    with TemporaryDirectory() as folder:
        rng = Random(seed)
        anchor, letters_kept = await _made(Path(folder), seed, count, largest)
        say(f"{count} made, {sum(one.size for one in letters_kept) / MIB:.0f} MiB")
        async with campaign(config, anchor) as here:
            for _ in range(5):
                await here.innocents(0.2, rate, [], rng)
            if alone_seconds:
                await here.innocents(alone_seconds, rate, here.report.alone, rng)
            begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            beside = asyncio.create_task(here.innocents(None, rate, here.report.beside, rng)) if alone_seconds else None
            async with asyncio.TaskGroup() as group:
                for number, made in enumerate(letters_kept, 1):
                    group.create_task(_told(here, made, say))
                    await asyncio.sleep(rng.expovariate(rate))
                    if number % 50 == 0:
                        say(f"{number} came, {len(here.report.outcomes)} done, {time.monotonic() - begun:.0f} s")
            if beside is not None:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
            here.report.seconds = time.monotonic() - begun
            here.report.parent_grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            return here.report


async def _made(folder: Path, seed: int, count: int, largest: int) -> tuple[bytes, list[inputs.Kept]]:
    """The authority's certificate and the letters, made before the clock runs: what they cost to make is the sender's.

    By a process of its own, since it takes memory, which is measured here.
    """
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, get_context("spawn")) as maker:
        anchor = await loop.run_in_executor(maker, certificates.anchor)
        kept = [
            await loop.run_in_executor(maker, inputs.keep, folder, seed, number, largest) for number in range(count)
        ]
    return anchor, kept


async def _told(here: Campaign, made: inputs.Kept, say: Callable[[str], object]) -> None:
    outcome = await here.hostile(made)
    if outcome.seconds > 1 or outcome.limits or outcome.problems:
        why = "; ".join((*outcome.limits, *outcome.problems))
        say(
            f"  {outcome.number} {outcome.kind}, {outcome.octets} octets: {outcome.seconds:.1f} s, "
            f"put off {outcome.put_off}, {why}"
        )


@asynccontextmanager
async def campaign(config: Sign, anchor: bytes) -> AsyncIterator[Campaign]:
    """Children that trust the campaign's authority and ask a DNS that nobody answers for."""
    store = trust.of([anchor])
    resolver = Resolver(["127.0.0.1:9"], 0.5)
    forks = ForkKeeper()
    children = Children(config, store, None, "campaign", forks=forks)
    judges = Children(judging(config), trust.of([]), resolver, "campaign", forks=forks)
    await children.start()
    here = Campaign(children, judges, config)
    watching = asyncio.create_task(here.watch())
    try:
        yield here
    finally:
        watching.cancel()
        await children.close()
        await judges.close()
        await forks.close()
        await resolver.close()


def summary(report: Report, seed: int) -> str:
    """The report for people."""
    slow = sorted(report.outcomes, key=lambda one: -one.seconds)[:5]
    causes = Counter(
        limit.partition("limit (")[2].partition(")")[0].rpartition(": ")[2]
        for one in report.outcomes
        for limit in one.limits
    )
    lines = [
        f"seed {seed}: {len(report.outcomes)} hostile letters in {report.seconds:.0f} s, "
        f"{len(report.problems)} problems",
        f"limits reached: {dict(causes)}; put off {sum(1 for one in report.outcomes if one.put_off)} letters",
        f"peak of a child {report.child_peak / MIB:.0f} MiB, of all together {report.together_peak / MIB:.0f} MiB, "
        f"of this process {report.parent_grown / MIB:+.0f} MiB",
        "slowest: " + "; ".join(f"{one.number} {one.kind} {one.seconds:.1f} s" for one in slow),
    ]  # fmt: skip
    if report.alone:
        lines.append(
            f"innocent letters: p50 {_ms(sorted(report.alone)[len(report.alone) // 2])} alone, "
            f"{_ms(sorted(report.beside)[len(report.beside) // 2])} beside; p99 {_ms(p99(report.alone))} alone "
            f"({len(report.alone)}), {_ms(p99(report.beside))} beside ({len(report.beside)}): ratio {report.ratio:.2f}"
        )
    return "\n".join([*lines, *report.problems[:40]])


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _problems(found: Findings) -> tuple[str, ...]:
    """What may not be in findings, whatever the letter was."""
    said = []
    octets = msgspec.json.encode(found)
    if len(octets) > FINDINGS_OCTETS:
        said.append(f"findings of {len(octets)} octets")
    if msgspec.json.decode(octets, type=Findings) != found:
        said.append("findings that are others when they are read")
    said += [f"a fault: {one.english}" for one in found.warnings if one.code == "examination_failed"]
    return tuple(said)


def _resident(pid: int) -> tuple[int, int]:
    """Now, and the most there ever was."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return sizes.get("VmRSS", 0), sizes.get("VmHWM", 0)
