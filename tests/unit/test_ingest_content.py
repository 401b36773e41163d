"""Octets gathered into blocks, and the room they take."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.admission import Flight
from services.ingest.content import GATHERED, SMALL, Content, has_long_line
from services.ingest.gathering import ALONE, Gathering
from services.ingest.mailroom import Window
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus


@given(st.lists(st.integers(0, 3 * SMALL), max_size=40), st.integers(0, 20 * SMALL), st.integers(SMALL, 5 * SMALL))
def test_blocks_hold_everything_in_order(sizes: list[int], whole: int, part: int) -> None:
    content = Content()
    pieces = [bytes([n % 251]) * size for n, size in enumerate(sizes)]
    for piece in pieces:
        content.add(piece)
    assert content.size == sum(sizes)
    blocks = content.take_blocks(whole, part)
    assert b"".join(blocks) == b"".join(pieces)
    if sum(sizes) <= whole:
        assert len(blocks) <= 1
    else:
        assert all(len(block) == part for block in blocks[:-1])
        assert all(0 < len(block) <= part for block in blocks)


def test_octet_by_octet_is_gathered() -> None:
    content = Content()
    for _ in range(GATHERED * 2):
        content.add(b"x")
    assert len(content._pieces) <= 2
    assert len(content._gathered) < GATHERED  # else it would be copied whole in the end


@pytest.mark.parametrize(
    ("lines", "long"),
    [([998], False), ([999], True), ([998] * 5, False), ([10, 2_000, 10], True), ([], False), ([3] * 1_000, False)],
)
@pytest.mark.parametrize("block", [1, 7, 999, 1_000, 1_001, 100_000])
def test_long_lines_are_found_across_blocks(lines: list[int], long: bool, block: int) -> None:
    octets = b"".join(b"x" * line + b"\r\n" for line in lines)
    blocks = tuple(octets[at : at + block] for at in range(0, len(octets), block))
    assert has_long_line(blocks) is long


def test_room_is_taken_and_given_back() -> None:
    flight = Flight(100)
    assert flight.take(60)
    assert not flight.take(41)
    assert flight.take(40)
    flight.give(60)
    assert flight.has_room(60)
    assert not flight.has_room(61)


async def test_the_window_lets_nobody_overtake() -> None:
    window = Window(100)
    order: list[str] = []

    async def letter(name: str, octets: int) -> None:
        await window.enter(octets)
        order.append(name)

    await window.enter(80)
    large = asyncio.create_task(letter("large", 90))
    await asyncio.sleep(0)
    small = asyncio.create_task(letter("small", 10))  # it would fit, but it came later
    await asyncio.sleep(0)
    assert order == []
    window.leave(80)
    await asyncio.gather(large, small)
    assert order == ["large", "small"]


async def test_a_letter_larger_than_the_window_goes_alone() -> None:
    window = Window(100)
    await window.enter(500)
    waiting = asyncio.create_task(window.enter(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    window.leave(500)
    await waiting


async def test_who_gives_up_waiting_holds_no_room() -> None:
    window = Window(100)
    await window.enter(100)
    first, second = asyncio.create_task(window.enter(100)), asyncio.create_task(window.enter(50))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    window.leave(100)
    await second
    window.leave(50)
    await window.enter(100)


async def test_who_gives_up_at_the_moment_of_its_turn_holds_no_room() -> None:
    """It was told to stop and has not heard of it yet when its turn comes."""
    window = Window(100)
    await window.enter(100)
    first, second = asyncio.create_task(window.enter(100)), asyncio.create_task(window.enter(50))
    await asyncio.sleep(0)
    first.cancel()
    window.leave(100)
    await second
    window.leave(50)
    assert window.enter_now(100)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_place_is_not_given_to_who_gives_up() -> None:
    """The same among the small letters: the place goes to the next, and nothing is sent."""
    gathering = Gathering(cast(Bus, None))
    gathering._alone = ALONE
    deadline = asyncio.get_running_loop().time() + 60
    first, second = (asyncio.create_task(gathering._wait(Outgoing("x", b"", {}), deadline)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gathering._alone -= 1
    gathering._call()
    assert await second is None
    assert gathering._alone == ALONE
    with pytest.raises(asyncio.CancelledError):
        await first
