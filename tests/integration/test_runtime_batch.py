"""The two atomic writes against a real nats-server."""

import pytest

from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from tests.conftest import THIS_YEAR

MAIL = f"MAIL_{THIS_YEAR}"


def part(n: int, body: bytes = b"") -> Outgoing:
    return Outgoing("mail.v1.part.demo", body or b"part %d" % n, {"n": str(n)})


async def test_one_message_is_stored_and_its_position_returned(bus: Bus) -> None:
    position = await commit(bus.nc, [part(1)], 10)
    assert (position.stream, position.sequence) == (MAIL, 1)
    message = await read_message(bus.nc, MAIL, 1)
    assert message is not None
    assert (message.subject, message.body, message.headers["n"]) == ("mail.v1.part.demo", b"part 1", "1")


@pytest.mark.parametrize("size", [2, 3, 900])
async def test_a_batch_lies_side_by_side_and_in_order(bus: Bus, size: int) -> None:
    await commit(bus.nc, [part(0)], 10)
    position = await commit(bus.nc, [part(n) for n in range(1, size + 1)], 10)
    assert position.sequence == size + 1
    for n in (1, size // 2, size):
        message = await read_message(bus.nc, MAIL, position.sequence - (size - n))
        assert message is not None
        assert message.body == b"part %d" % n
