"""One active worker: the lease on a real nats-server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from services.runtime.bus import Bus
from services.runtime.lease import Lease
from tests.servers import NatsServer
from tests.waiting import until


@pytest.fixture
async def workers(nats_server: NatsServer, bus: Bus) -> AsyncIterator[tuple[Bus, Bus]]:
    one, two = [await Bus.connect(nats_server.settings(request_seconds=2), "register") for _ in range(2)]
    yield one, two
    await one.close()
    await two.close()


async def acquire(lease: Lease, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        await lease.acquire()


async def test_only_one_holds_it(workers: tuple[Bus, Bus]) -> None:
    one, two = (Lease(bus, holder="worker", poll_seconds=0.1) for bus in workers)
    await acquire(one)
    keeping = asyncio.create_task(one.keep())
    waiting = asyncio.create_task(two.acquire())
    done, _ = await asyncio.wait({waiting}, timeout=4)  # longer than the key lives without renewal
    assert not done
    assert one.held
    assert not two.held
    keeping.cancel()
    await one.release()
    assert not one.held
    async with asyncio.timeout(15):
        await waiting
    assert two.held


async def test_a_worker_that_dies_is_followed_when_the_key_expires(workers: tuple[Bus, Bus]) -> None:
    one, two = (Lease(bus, poll_seconds=0.1) for bus in workers)
    await acquire(one)
    began = time.monotonic()
    await acquire(two)
    assert time.monotonic() - began < 6
    assert not one.held, "two believe in it"
    assert two.held


async def test_who_was_overtaken_notices(workers: tuple[Bus, Bus]) -> None:
    one, two = (Lease(bus, poll_seconds=0.1) for bus in workers)
    await acquire(one)
    await acquire(two)
    async with asyncio.timeout(3):
        await one.keep()
    assert two.held
    await one.release()  # of what it does not hold: takes nothing away from the other
    async with asyncio.timeout(3):
        await _renewed(two)
    assert two.held


async def _renewed(lease: Lease) -> None:
    until_before = lease._until
    keeping = asyncio.create_task(lease.keep())
    await until(lambda: lease._until > until_before)
    keeping.cancel()


async def test_belief_ends_before_the_key_does(nats_server: NatsServer, workers: tuple[Bus, Bus]) -> None:
    """The server is silent: nobody can say whether the key is still there, so it is not believed in."""
    one, _ = workers
    lease = Lease(one)
    await acquire(lease)
    nats_server.pause()
    try:
        began = time.monotonic()
        async with asyncio.timeout(5):
            await lease.keep()
        assert not lease.held
        assert time.monotonic() - began < 3
    finally:
        nats_server.resume()


async def test_it_can_be_taken_again_after_the_server_was_killed(
    nats_server: NatsServer, workers: tuple[Bus, Bus]
) -> None:
    one, two = (Lease(bus, poll_seconds=0.1) for bus in workers)
    await acquire(one)
    nats_server.kill()
    async with asyncio.timeout(5):
        await one.keep()
    waiting = [asyncio.create_task(lease.acquire()) for lease in (one, two)]
    nats_server.start()
    async with asyncio.timeout(20):
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert one.held != two.held
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_an_answer_that_was_lost_is_found_again(bus: Bus, workers: tuple[Bus, Bus]) -> None:
    """The key is ours although we never heard so."""
    lease = Lease(workers[0], poll_seconds=0.1)
    bucket = await bus.js.key_value("lease")
    await bucket.create("register", lease.holder.encode())
    await acquire(lease, seconds=2)
    assert lease.held
