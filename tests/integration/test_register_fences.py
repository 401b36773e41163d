"""What keeps two workers from writing the same page: each check of the server by itself, as we ask for it."""

import time
from collections.abc import Callable

import pytest

from contracts.event import Position
from services.register import numbering
from services.register.assessment import Assessment, assess
from services.register.intake import letter
from services.register.known import Known
from services.register.memory import Memory
from services.register.page import EXPECTED, EXPECTED_STREAM, Batch
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.errors import Conflict
from tests.books import MAIL, agency, read, received
from tests.servers import NatsServer


def letters(*sequences: int) -> list[Assessment]:
    return [assess(letter(received(), Position(stream=MAIL, sequence=n), 0), agency()) for n in sequences]


async def learnt(bus: Bus) -> Known:
    known, memory = Known(100), Memory(bus)
    known.last = await memory.last()
    known.ends = await memory.ends([f"register.v1.entered.demo.received.{MAIL[-4:]}"])
    known.notices = {"demo": 0}
    return known


def batch(known: Known, *found: Assessment) -> Batch:
    return numbering.number(found, [], known, lambda: b"s" * 32, lambda _, __: None)


async def store(bus: Bus, known: Known, found: Batch) -> None:
    last = await commit(bus.nc, found.messages, 10)
    found.stored(known, last.sequence, time.time())


def without_stream(found: Batch) -> None:
    del found.messages[0].headers[EXPECTED_STREAM]


def without_book(found: Batch) -> None:
    del found.messages[0].headers[EXPECTED]


@pytest.mark.parametrize("weaken", [without_stream, without_book])
async def test_one_who_knows_less_than_is_written_writes_nothing(
    nats_server: NatsServer, bus: Bus, weaken: Callable[[Batch], None]
) -> None:
    stale, fresh = await learnt(bus), await learnt(bus)
    await store(bus, fresh, batch(fresh, *letters(1, 2)))
    other = batch(stale, *letters(3))
    weaken(other)
    with pytest.raises(Conflict):
        await commit(bus.nc, other.messages, 10)
    assert [row.number for row in (await read(bus)).entered()] == [1, 2]
    await store(bus, fresh, batch(fresh, *letters(3)))
    found = await read(bus)
    assert found.problems() == []
    assert [row.number for row in found.entered()] == [1, 2, 3]


async def test_a_letter_that_has_its_guard_gets_no_second_number(nats_server: NatsServer, bus: Bus) -> None:
    known = await learnt(bus)
    twice = letters(1)[0]
    await store(bus, known, batch(known, twice))
    fresh = await learnt(bus)
    with pytest.raises(Conflict):
        await commit(bus.nc, batch(fresh, *letters(2), twice).messages, 10)
    assert [row.number for row in (await read(bus)).entered()] == [1], "a refused batch leaves nothing"


async def test_without_any_check_a_row_would_be_taken(nats_server: NatsServer, bus: Bus) -> None:
    """The server does not know what a book is: all of it rests on what the register asks for."""
    stale, fresh = await learnt(bus), await learnt(bus)
    await store(bus, fresh, batch(fresh, *letters(1)))
    other = batch(stale, *letters(2))
    without_stream(other)
    without_book(other)
    await commit(bus.nc, other.messages, 10)
    assert (await read(bus)).problems() != []
