"""Following a stream: nothing twice, nothing left out, whatever happens to the server meanwhile."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from contracts.orders import BookOpenOrdered
from contracts.values import instant
from services.commands.events import merged, together
from services.commands.stream import follow, last_sequence, names
from services.runtime.bus import Bus
from services.runtime.errors import Missing, Unavailable
from tests.servers import NatsServer

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def order(number: int, agency: str = "demo") -> BookOpenOrdered:
    return BookOpenOrdered(
        id=f"{number:032x}",
        agency=agency,
        by="x",
        reason="y",
        given_at=instant(0),
        series="received",
        year=2569,
        first=number,
    )


async def test_what_is_stored_and_no_more(bus: Bus) -> None:
    for number in range(1, 251):  # more than one fetch
        await bus.publish(order(number))
    found = [stored async for stored in follow(bus, "ORDERS", since=BEGINNING, until_now=True)]
    assert [stored.sequence for stored in found] == list(range(1, 251))
    assert found[0].event == order(1)
    after = [stored.sequence async for stored in follow(bus, "ORDERS", after=248, until_now=True)]
    assert after == [249, 250]
    assert [stored async for stored in follow(bus, "ORDERS", after=250, until_now=True)] == []
    assert [stored async for stored in follow(bus, "FINDINGS", since=BEGINNING, until_now=True)] == []
    assert [stored async for stored in follow(bus, "ORDERS", "order.v1.void.*", since=BEGINNING, until_now=True)] == []


async def test_a_server_that_dies_meanwhile(bus: Bus, nats_server: NatsServer) -> None:
    found: list[int] = []
    seen = asyncio.Event()

    async def read() -> None:
        async for stored in follow(bus, "ORDERS"):
            found.append(stored.sequence)
            seen.set()
            if len(found) == 4:
                return

    reading = asyncio.create_task(read())
    # It reads from now on: what it missed is not its business, so publish until the first is seen.
    published = 0
    while not seen.is_set():
        published += 1
        await bus.publish(order(published))
        await asyncio.sleep(0.1)
    nats_server.kill()
    nats_server.start()
    async with asyncio.timeout(60):
        while not reading.done():
            published += 1
            with suppress(Unavailable):  # the client has not noticed yet that the connection is gone
                await bus.publish(order(published))
            await asyncio.sleep(0.2)
        await reading
    assert found == list(range(found[0], found[0] + 4))


async def test_several_streams_as_one(bus: Bus) -> None:
    await bus.publish(order(1))
    await bus.publish(order(2))
    readers = [
        follow(bus, "ORDERS", since=BEGINNING, until_now=True),
        follow(bus, "DEAD", since=BEGINNING, until_now=True),
    ]
    assert [stored.sequence async for stored in merged(readers)] == [1, 2]
    found = []
    async with asyncio.timeout(10):
        async for stored in together([follow(bus, "ORDERS", after=0), follow(bus, "DEAD", after=0)]):
            found.append(stored.sequence)
            if len(found) == 2:
                break
    assert found == [1, 2]


async def test_the_streams_of_a_family(bus: Bus) -> None:
    assert await names(bus, "ORDERS") == ["ORDERS"]
    (mail,) = await names(bus, "MAIL")
    assert mail.startswith("MAIL_25")
    assert await last_sequence(bus, mail) == 0
    with pytest.raises(Missing):
        await names(bus, "NOTHING")


async def test_a_connection_that_was_closed_is_no_reason_to_wait_for_ever(bus: Bus) -> None:
    async def read() -> None:
        async for _ in follow(bus, "ORDERS", after=0):
            pass

    reading = asyncio.create_task(read())
    await bus.publish(order(1))
    await bus.close()
    with pytest.raises(Unavailable):
        async with asyncio.timeout(15):
            await reading


async def test_a_reader_can_be_cancelled_at_any_moment(bus: Bus) -> None:
    """Python 3.11 loses a cancellation that comes together with an answer; a command must end all the same."""

    async def read() -> None:
        async for _ in follow(bus, "ORDERS", after=0):
            pass

    await bus.publish(order(1))
    for moment in range(60):
        reading = asyncio.create_task(read())
        for _ in range(moment):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0002 * (moment % 10))
        reading.cancel()
        done, _ = await asyncio.wait({reading}, timeout=20)
        assert done, f"at moment {moment}"


async def test_connecting_can_be_cancelled_at_any_moment(nats_server: NatsServer) -> None:
    for moment in range(60):
        connecting = asyncio.create_task(Bus.connect(nats_server.settings(), "test"))
        for _ in range(moment):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0002 * (moment % 20))
        if connecting.cancel():
            await asyncio.wait({connecting}, timeout=20)
            assert connecting.cancelled(), f"at moment {moment}"
        else:
            await (await connecting).close()
