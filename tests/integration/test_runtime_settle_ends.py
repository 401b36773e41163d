"""How a settlement ends: asked to, with the server killed under it, with its consumer gone, stalled or not there."""

import asyncio
from typing import cast

import pytest
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber

from contracts.orders import ReleaseOrdered
from contracts.streams import NOTIFY_RELEASES
from services.runtime import consumers, replies, settle
from services.runtime.bus import Bus
from services.runtime.consumers import ConsumerLost
from services.runtime.settle import Delivery
from tests.servers import NatsServer
from tests.settling import release, working
from tests.waiting import until


async def test_stopping_lets_the_running_handler_finish(bus: Bus, notify: Bus) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        finished.set()

    async with working(notify, handler) as worker:
        await bus.publish(release())
        await begun.wait()
        worker.stop.set()
        await worker.task
        assert finished.is_set()
        assert await worker.pending() == (0, 0)


async def test_a_killed_server_costs_nothing(nats_server: NatsServer, bus: Bus, notify: Bus) -> None:
    done: set[int] = set()

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        done.add(delivery.event.number)

    async with working(notify, handler) as worker:
        for number in range(1, 6):
            await bus.publish(release(number))
        await until(lambda: len(done) == 5)
        nats_server.kill()
        await until(lambda: not bus.connected and not notify.connected)
        nats_server.start()
        await until(lambda: bus.connected and notify.connected)
        for number in range(6, 11):
            await bus.publish(release(number))
        await until(lambda: done == set(range(1, 11)), seconds=30)
        assert not worker.task.done()


async def test_a_long_outage_leaves_no_requests_and_no_tasks_behind(
    nats_server: NatsServer, bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent into an outage fills nats-py's buffer; then each fetch fails at once, and a task begins for it."""
    monkeypatch.setattr(settle, "FETCH_SECONDS", 0.05)
    monkeypatch.setattr(replies, "PENDING_BYTES", 2_000)
    done: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        done.append(delivery.event.number)

    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.ready)
        broker = worker.settlement._broker
        assert broker is not None
        nats_server.kill()
        await until(lambda: not broker.connection.is_connected)
        await asyncio.sleep(2)  # forty fetches; it fails here, if it fails, and waits for nothing
        assert broker.connection.pending_data_size < 1_000
        tasks = [len(cast("PullStreamSubscriber", subscriber).tasks) for subscriber in broker.subscribers]
        assert set(tasks) == {1}
        nats_server.start()
        await until(lambda: bus.connected)
        await bus.publish(release(7))
        await until(lambda: done == [7], seconds=30)


async def test_a_deleted_consumer_ends_the_service(bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "WATCH_SECONDS", 0.2)

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        """Nothing to do."""

    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.ready)
        await bus.api(f"CONSUMER.DELETE.ORDERS.{NOTIFY_RELEASES.durable}")
        with pytest.raises(ConsumerLost, match="deleted"):
            await asyncio.wait_for(worker.task, 20)
        assert not worker.readiness.ready


async def test_it_waits_for_a_consumer_that_is_not_provisioned(
    bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "WATCH_SECONDS", 0.2)
    handled = asyncio.Event()

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        handled.set()

    await bus.api(f"CONSUMER.DELETE.ORDERS.{NOTIFY_RELEASES.durable}")
    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.reasons == ["consumers: notify-releases is not provisioned"])
        path = f"CONSUMER.CREATE.ORDERS.{NOTIFY_RELEASES.durable}.{NOTIFY_RELEASES.filter_subject}"
        await bus.api(path, {"stream_name": "ORDERS", "config": NOTIFY_RELEASES.config()})
        await bus.publish(release())
        async with asyncio.timeout(10):
            await handled.wait()


async def test_a_stalled_consumer_ends_the_service(bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pull loop is stopped as if it had died: nothing else would notice."""
    monkeypatch.setattr(consumers, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "STALLED_SECONDS", 1.0)

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        """Nothing to do."""

    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.ready)
        assert worker.settlement._broker is not None
        for subscriber in worker.settlement._broker.subscribers:
            await subscriber.stop()
        await bus.publish(release())
        with pytest.raises(ConsumerLost, match="messages wait"):
            await asyncio.wait_for(worker.task, 20)


async def test_a_connection_that_ends_for_good_ends_the_service(nats_server: NatsServer, bus: Bus, notify: Bus) -> None:
    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        """Nothing to do."""

    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.ready)
        assert worker.settlement._broker is not None
        # What the server does to a client that sends too much: it is never connected again.
        await worker.settlement._broker.connection.publish("order.v1.release.demo", b"", headers={"x": "x" * 9_000_000})
        with pytest.raises(ConsumerLost, match="ended"):
            await asyncio.wait_for(worker.task, 20)


async def test_the_loop_does_not_freeze_when_the_connection_ends_under_a_handler(
    nats_server: NatsServer, bus: Bus, notify: Bus
) -> None:
    """FastStream's pull loop would fetch from the closed connection for ever, without a single await."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        begun.set()
        await go_on.wait()

    async with working(notify, handler) as worker:
        await bus.publish(release())
        await begun.wait()
        assert worker.settlement._broker is not None
        connection = worker.settlement._broker.connection
        await connection.publish("order.v1.release.demo", b"", headers={"x": "x" * 9_000_000})
        await until(lambda: connection.is_closed)
        go_on.set()
        with pytest.raises(ConsumerLost, match="ended"):
            await asyncio.wait_for(worker.task, 20)
