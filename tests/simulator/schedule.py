"""One schedule: workers, letters, orders and faults in an order that a seed chooses, then calm, then the judgement."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest
from msgspec import Struct

from services.register import page
from tests.simulator import oracle
from tests.simulator.chance import Chance
from tests.simulator.worker import Worker
from tests.simulator.world import World

CALM_STEPS: Final = 6_000
"""A schedule that has not come to its end after so many steps without a fault never does."""

_LETTER, _ORDER, _CRASH, _LEASE, _TIME, _DELIVER, _RESTART, _YEAR, _CROWD = range(9)
_EVENTS: Final = (
    (_LETTER,) * 9
    + (_ORDER,) * 3
    + (_CRASH,) * 2
    + (_LEASE,) * 3
    + (_TIME,) * 2
    + (_DELIVER,) * 3
    + (_RESTART, _YEAR, _CROWD)
)


class Outcome(Struct):
    """What a schedule showed."""

    problems: list[str]
    met: Counter[str]
    drawn: list[int]
    trace: list[str]


def run(seed: int = 0, drawn: Sequence[int] | None = None, *, traced: bool = False) -> Outcome:
    """Run the schedule of a seed, or that of a list of decisions."""
    chance = Chance(seed, drawn)
    trace: list[str] = []
    world = World(chance, trace if traced else None)
    with _small_batches(chance):
        try:
            ended = _run(world, chance)
        except Exception as error:  # noqa: BLE001 - whatever the register raises that its driver does not expect
            problems = [f"the register raised {error!r}"]
        else:
            problems = world.problems + ([] if ended else ["the workers do not come to an end"])
            problems += oracle.problems(world)
    return Outcome(problems, world.met, chance.drawn, trace)


def _run(world: World, chance: Chance) -> bool:
    workers = [Worker(name, world) for name in ("anan", "boon", "chai")[: 2 + chance(2)]]
    for _ in range(10 + chance(40)):
        chosen = chance(8)
        if chosen < 5:
            worker = workers[chance(len(workers))]
            for _ in range(chance(4) + 1):
                worker.step()
        else:
            _happen(world, workers, chance)
    return _calm(world, workers)


def _happen(world: World, workers: list[Worker], chance: Chance) -> None:
    match _EVENTS[chance(len(_EVENTS))]:
        case 0:
            for _ in range(chance(4) + 1):
                world.letter()
        case 1:
            world.order()
        case 2:
            workers[chance(len(workers))].crash()
        case 3:
            world.holder = ("", *(worker.name for worker in workers))[chance(len(workers) + 1)]
            world.say(f"the lease goes to {world.holder or 'nobody'}")
        case 4:
            world.pass_time()
        case 5 if world.underway:
            world.deliver()
        case 6:
            world.restart()
        case 7:
            world.turn_the_year()
        case 8:
            world.crowd()
        case _:
            pass


def _calm(world: World, workers: list[Worker]) -> bool:
    """No more faults: those who sleep wake up, one after the other, and what there is gets done."""
    world.say("calm")
    world.holder = workers[0].name
    for worker in workers:
        worker.calm, worker.idle = True, False
    idle = 0
    for n in range(CALM_STEPS):
        if world.underway:
            world.deliver()
        worker = workers[n % len(workers)]
        worker.step()
        idle = idle + 1 if worker.idle else 0
        if idle > 2 * len(workers):
            return True
    return False


@contextmanager
def _small_batches(chance: Chance) -> Iterator[None]:
    """In half of the schedules a batch holds a few letters only, so that more than one is needed."""
    with pytest.MonkeyPatch.context() as patch:
        if chance(2):
            patch.setattr(page, "BATCH_MESSAGES", 12)
        yield
