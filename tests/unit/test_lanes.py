"""Who may look at a letter: what takes long makes room, and waits where there is none."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from services.sign.lanes import FIRST_SECONDS, LAST_BLOCKED_SECONDS, Lanes, Spent

QUICK, SLOW = Spent(FIRST_SECONDS / 2, 0), Spent(FIRST_SECONDS * 1.5, 0)


def way() -> None:
    """Where the test is not about it."""


def work() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


def ending(going: "asyncio.Future[None]", used: Spent) -> Callable[[], Spent]:
    """What the work has used; it is done when it is asked the fifth time."""
    asked = itertools.count(1)

    def spent() -> Spent:
        if next(asked) == 5:
            going.set_result(None)
        return used

    return spent


async def test_a_place_is_given_back_to_who_waited_longest() -> None:
    lanes = Lanes(1, 1)
    await lanes.enter()
    order: list[int] = []

    async def come(number: int) -> None:
        await lanes.enter()
        order.append(number)

    waiting = [asyncio.create_task(come(number)) for number in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    for _ in range(2):
        lanes.leave()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [1, 2]


async def test_whoever_gives_up_in_the_moment_of_its_turn_leaves_the_place_to_others() -> None:
    lanes = Lanes(1, 1)
    await lanes.enter()
    waiting = asyncio.create_task(lanes.enter())
    await asyncio.sleep(0)
    lanes.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(lanes.enter(), 60)


async def test_a_letter_that_takes_long_makes_room_at_once() -> None:
    lanes = Lanes(1, 1)
    await lanes.enter()
    assert await lanes.stay(work(), lambda: SLOW, way) == "slow"
    await asyncio.wait_for(lanes.enter(), 60)
    assert not lanes.room


async def test_a_letter_that_uses_little_keeps_its_place_however_long_it_takes() -> None:
    lanes = Lanes(1, 1)
    await lanes.enter()
    going = work()
    waiting = asyncio.create_task(lanes.enter())
    assert await lanes.stay(going, ending(going, QUICK), way) == "done"
    assert lanes.room
    waiting.cancel()


@pytest.mark.parametrize("used", [SLOW, Spent(0, 2 * LAST_BLOCKED_SECONDS)])
async def test_where_the_slow_lane_is_full_it_makes_way_only_for_somebody(used: Spent) -> None:
    lanes = Lanes(1, 1)
    assert lanes.enter_slow()
    await lanes.enter()
    staying = asyncio.create_task(lanes.stay(work(), lambda: used, way))
    done, _ = await asyncio.wait({staying}, timeout=0.2)
    assert not done  # nobody wants its place
    waiting = asyncio.create_task(lanes.enter())
    assert await asyncio.wait_for(staying, 60) == "over"
    waiting.cancel()


@pytest.mark.parametrize(("used", "behind"), [(QUICK, 0), (SLOW, 1)])
async def test_whoever_has_used_its_share_lets_others_go_first_though_the_slow_lane_is_full(
    used: Spent, behind: int
) -> None:
    lanes = Lanes(1, 1)
    assert lanes.enter_slow()
    await lanes.enter()
    ways: list[None] = []
    going = work()
    assert await lanes.stay(going, ending(going, used), lambda: ways.append(None)) == "done"
    assert len(ways) == behind  # once, however often it was looked at


async def test_it_moves_when_the_slow_lane_has_room_again() -> None:
    lanes = Lanes(1, 1)
    assert lanes.enter_slow()
    assert not lanes.enter_slow()
    await lanes.enter()
    staying = asyncio.create_task(lanes.stay(work(), lambda: SLOW, way))
    await asyncio.sleep(0)
    lanes.leave_slow()
    assert await asyncio.wait_for(staying, 60) == "slow"
