"""Many schedules on all processors, what they met, and the smallest form of one that failed."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.simulator import schedule

FAILED: Final = Path(__file__).with_name("failed.toml")
"""Every schedule that ever failed, and why."""

TO_BE_MET: Final = (
    "a batch was stored",
    "a conflict",
    "a worker without the lease was fenced",
    "a late batch was fenced",
    "a late batch was stored",
    "a batch never arrived",
    "a batch was abandoned",
    "an answer was lost",
    "a worker crashed",
    "a worker began anew",
    "a lease was lost",
    "two workers at once",
    "the server was busy",
    "the server restarts",
    "a letter again",
    "a guard expired",
    "a copy was numbered behind its guard",
    "an order was refused",
    "a book of the next year began",
    "MAIL goes on to the next year",
)
"""Without any one of these a campaign has proven nothing about it, and fails."""

_CHUNK: Final = 250
_SHRINK_SECONDS: Final = 20.0


class Kept(Struct, frozen=True):
    """A schedule that failed once: its seed, or its decisions after shrinking."""

    why: str
    fault: str = ""
    seed: int = 0
    drawn: list[int] = []

    def run(self, *, traced: bool = False) -> schedule.Outcome:
        return schedule.run(self.seed, self.drawn or None, traced=traced)


class Campaign(Struct):
    """What so many schedules showed."""

    schedules: int = 0
    failed: list[int] = []
    met: Counter[str] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def missed(self) -> list[str]:
        """What should have been met and was not."""
        return [kind for kind in TO_BE_MET if not self.met[kind]]


def kept() -> list[Kept]:
    """The schedules of failed.toml."""
    return msgspec.toml.decode(FAILED.read_bytes(), type=dict[str, list[Kept]])["schedule"]


def some(first: int, count: int) -> Campaign:
    """The schedules of `count` seeds, in this process."""
    began = time.perf_counter()
    found = Campaign()
    for seed in range(first, first + count):
        outcome = schedule.run(seed)
        found.schedules += 1
        found.met.update(outcome.met)
        if outcome.problems:
            found.failed.append(seed)
    found.seconds = time.perf_counter() - began
    return found


def many(first: int, count: int) -> Iterator[Campaign]:
    """The same on all processors; what has been found so far, again and again."""
    began = time.perf_counter()
    found = Campaign()
    chunks = [(start, min(_CHUNK, first + count - start)) for start in range(first, first + count, _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(some, *zip(*chunks, strict=True)):
            found.schedules += part.schedules
            found.failed += part.failed
            found.met.update(part.met)
            found.seconds = time.perf_counter() - began
            yield found


def shrunk(seed: int) -> list[int]:
    """Fewer and tamer decisions that fail as well; found by leaving out and by taming, for a bounded time."""
    best = schedule.run(seed).drawn
    until = time.monotonic() + _SHRINK_SECONDS
    size = len(best) // 2
    while size and time.monotonic() < until:
        start, better = 0, False
        while start < len(best) and time.monotonic() < until:
            for tried in (best[:start] + best[start + size :], best[:start] + [0] * size + best[start + size :]):
                if tried != best and (outcome := schedule.run(drawn=tried)).problems:
                    drawn = outcome.drawn[: len(tried)]
                    better = better or drawn != best
                    best = drawn
                    break
            else:
                start += size
                continue
            if best[start : start + size] == [0] * len(best[start : start + size]):
                start += size
        size = size if better and size < 8 else size // 2
    while best and best[-1] == 0:
        best.pop()
    return best


def story(failed: Kept) -> str:
    """A failed schedule in words, step by step."""
    outcome = failed.run(traced=True)
    return "\n".join([*outcome.trace, *(f"PROBLEM {problem}" for problem in outcome.problems)])
