"""Settlement through FastStream on a real nats-server, as the service notify with its own user."""

import asyncio
from itertools import pairwise

import pytest

from contracts import codec
from contracts.orders import BookOpenOrdered, ReleaseOrdered
from contracts.streams import NOTIFY_RELEASES, Consumer
from services.runtime import settle
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable
from services.runtime.letters import read_message
from services.runtime.settle import Delivery, Poison, Retry
from tests.settling import dead_letters, release, working
from tests.waiting import until


async def test_returning_means_done(bus: Bus, notify: Bus) -> None:
    seen: list[Delivery[ReleaseOrdered]] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append(delivery)

    order = release(7)
    async with working(notify, handler) as worker:
        position = await bus.publish(order)
        await until(lambda: seen)
        await worker.settled()
        assert worker.readiness.ready
    (delivery,) = seen
    message = await read_message(bus.nc, "ORDERS", position.sequence)
    assert message is not None
    assert (delivery.event, delivery.position, delivery.deliveries) == (order, position, 1)
    assert delivery.stored_at == message.stored_at


async def test_a_single_message_is_handled_at_once(bus: Bus, notify: Bus) -> None:
    """Batch mode would wait out its timeout: 5 s."""
    handled = asyncio.Event()

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        handled.set()

    async with working(notify, handler) as worker:
        await until(lambda: worker.readiness.ready)
        await bus.publish(release())
        async with asyncio.timeout(2):
            await handled.wait()


async def test_retry_delivers_again_after_the_delay(bus: Bus, notify: Bus) -> None:
    loop = asyncio.get_running_loop()
    seen: list[tuple[int, float]] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append((delivery.deliveries, loop.time()))
        if delivery.deliveries < 3:
            raise Retry(0.5, "not yet")

    async with working(notify, handler) as worker:
        await bus.publish(release())
        await until(lambda: len(seen) == 3)
        await worker.settled()
    assert [deliveries for deliveries, _ in seen] == [1, 2, 3]
    assert all(later - earlier >= 0.49 for (_, earlier), (_, later) in pairwise(seen))
    assert await dead_letters(bus) == []


async def test_poison_leaves_a_dead_letter_and_the_rest_flows(bus: Bus, notify: Bus) -> None:
    seen: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append(delivery.event.number)
        if delivery.event.number == 2:
            raise Poison("there is no such entry")

    async with working(notify, handler) as worker:
        for number in (1, 2, 3):
            await bus.publish(release(number))
        await until(lambda: len(seen) == 3)
        await worker.settled()
    (letter,) = await dead_letters(bus)
    assert (letter.agency, letter.service, letter.consumer) == ("demo", "notify", "notify-releases")
    assert (letter.source.stream, letter.source.sequence, letter.subject) == ("ORDERS", 2, "order.v1.release.demo")
    assert (letter.reason, letter.attempts) == ("there is no such entry", 1)


@pytest.mark.parametrize("body", [b"no json", b"{}", b'{"type":"order.release.v9"}', b""])
async def test_what_cannot_be_read_is_poison(bus: Bus, notify: Bus, body: bytes) -> None:
    handled: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        handled.append(delivery.event.number)

    async with working(notify, handler) as worker:
        await commit(bus.nc, [Outgoing("order.v1.release.demo", body, {})], 10)
        await bus.publish(release(2))
        await until(lambda: handled)
        await worker.settled()
    (letter,) = await dead_letters(bus)
    assert letter.reason.startswith("cannot be read")
    assert handled == [2]


async def test_events_of_other_kinds_are_acknowledged(bus: Bus, notify: Bus) -> None:
    handled: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        handled.append(delivery.event.number)

    other = BookOpenOrdered(
        agency="demo", id="0" * 32, by="O", reason="r", given_at="2026-05-29T03:00:00.000000Z", series="received",
        year=2569, first=8432,
    )  # fmt: skip
    async with working(notify, handler) as worker:
        await commit(bus.nc, [Outgoing("order.v1.release.demo", codec.encode(other), {})], 10)
        await bus.publish(release(2))
        await until(lambda: handled)
        await worker.settled()
    assert handled == [2]
    assert await dead_letters(bus) == []


async def test_an_exception_is_retried_and_given_up_in_the_end(
    bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "ATTEMPTS", 2)
    seen: list[tuple[int, int]] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append((delivery.event.number, delivery.deliveries))
        if delivery.event.number == 1:
            raise KeyError("a mistake of ours")

    async with working(notify, handler) as worker:
        await bus.publish(release(1))
        await bus.publish(release(2))
        await until(lambda: len(seen) == 3)
        await worker.settled()
    assert seen == [(1, 1), (2, 1), (1, 2)]
    (letter,) = await dead_letters(bus)
    assert letter.attempts == 2
    assert "a mistake of ours" in letter.reason


async def test_trouble_with_nats_never_makes_poison(bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "ATTEMPTS", 1)
    monkeypatch.setattr(settle, "LONGEST_PAUSE_SECONDS", 0.05)
    seen: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append(delivery.deliveries)
        if delivery.deliveries < 4:
            raise Unavailable("NATS is away")

    async with working(notify, handler) as worker:
        await bus.publish(release())
        await until(lambda: len(seen) == 4)
        await worker.settled()
    assert await dead_letters(bus) == []


async def test_nothing_is_given_up_without_its_dead_letter(
    bus: Bus, notify: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "LONGEST_PAUSE_SECONDS", 0.2)
    dead = (await bus.api("STREAM.INFO.DEAD"))["config"]
    await bus.api("STREAM.DELETE.DEAD")
    seen: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append(delivery.deliveries)
        raise Poison("never")

    async with working(notify, handler) as worker:
        await bus.publish(release())
        await until(lambda: len(seen) >= 2)
        await bus.api("STREAM.CREATE.DEAD", dead)
        await worker.settled()
    assert len(await dead_letters(bus)) == 1


async def test_a_long_handler_is_not_delivered_twice(bus: Bus, notify: Bus) -> None:
    """ack_wait is one second, the handler takes three: the server hears that it is worked on."""
    path = f"CONSUMER.CREATE.ORDERS.{NOTIFY_RELEASES.durable}.{NOTIFY_RELEASES.filter_subject}"
    short = Consumer(
        durable=NOTIFY_RELEASES.durable,
        stream="ORDERS",
        filter_subject=NOTIFY_RELEASES.filter_subject,
        ack_wait_seconds=1,
        max_ack_pending=64,
    )
    await bus.api(path, {"stream_name": "ORDERS", "config": short.config(), "action": "update"})
    deliveries: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        deliveries.append(delivery.deliveries)
        await asyncio.sleep(3)

    async with working(notify, handler, short, deadline_seconds=10, workers=2) as worker:
        await bus.publish(release())
        await until(lambda: deliveries)
        await worker.settled()
    assert deliveries == [1]


async def test_a_handler_past_its_deadline_is_tried_again(bus: Bus, notify: Bus) -> None:
    seen: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        seen.append(delivery.deliveries)
        if delivery.deliveries == 1:
            await asyncio.Event().wait()

    async with working(notify, handler, deadline_seconds=0.2) as worker:
        await bus.publish(release())
        await until(lambda: len(seen) == 2)
        await worker.settled()


async def test_one_worker_keeps_the_order_and_two_work_at_once(bus: Bus, notify: Bus) -> None:
    running = most = 0
    order: list[int] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        order.append(delivery.event.number)

    for workers in (1, 2):
        most = 0
        order.clear()
        for number in range(1, 21):
            await bus.publish(release(number))
        async with working(notify, handler, workers=workers) as worker:
            await until(lambda: len(order) == 20)
            await worker.settled()
        assert most == workers
        if workers == 1:
            assert order == list(range(1, 21))
