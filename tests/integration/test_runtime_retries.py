"""A message that was given up, and an officer who wants it tried again."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from contracts import codec
from contracts.dead import MessageGivenUp, MessageRetried
from contracts.event import Event, Position
from contracts.orders import ReleaseOrdered
from contracts.streams import NOTIFY_RELEASES, NOTIFY_RETRIES
from services.runtime.bus import Bus
from services.runtime.letters import read_message
from services.runtime.readiness import Readiness
from services.runtime.retries import Handled, Retries
from services.runtime.settle import Delivery, Poison, Retry, Settlement
from tests.servers import NatsServer
from tests.settling import release
from tests.waiting import until_it

Handler = Callable[[Delivery[ReleaseOrdered]], Awaitable[None]]


@asynccontextmanager
async def working(server: NatsServer, handler: Handler) -> AsyncIterator[None]:
    """notify, as far as releases go, with its own user."""
    bus = await Bus.connect(server.settings(), "notify")
    settlement = Settlement(bus, Readiness("notify"))
    settlement.on(NOTIFY_RELEASES, handler, ReleaseOrdered)
    retries = Retries(bus, {NOTIFY_RELEASES.durable: Handled(handler, (ReleaseOrdered,))})
    settlement.on(NOTIFY_RETRIES, retries.retried, MessageRetried)
    stop = asyncio.Event()
    running = asyncio.create_task(settlement.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)
        await bus.close()


async def dead(bus: Bus) -> list[Event]:
    last = (await bus.api("STREAM.INFO.DEAD"))["state"]["last_seq"]
    found = [await read_message(bus.nc, "DEAD", n) for n in range(1, last + 1)]
    return [codec.decode(message.body) for message in found if message is not None]


async def settled(bus: Bus, position: Position) -> None:
    async def is_settled() -> bool:
        info = await bus.api(f"CONSUMER.INFO.{NOTIFY_RETRIES.stream}.{NOTIFY_RETRIES.durable}")
        return bool(info["ack_floor"]["stream_seq"] >= position.sequence)

    await until_it(is_settled)


async def ask_again(bus: Bus, source: Position, consumer: str = NOTIFY_RELEASES.durable) -> None:
    """As `saraban dead retry` does it."""
    officers = await Bus.connect(bus.settings, "officers")
    position = await officers.publish(
        MessageRetried(
            agency="demo",
            service="notify",
            consumer=consumer,
            source=source,
            id=secrets.token_hex(16),
            given_up=1,
            by="นางสาวผู้สั่ง",
            reason="mended",
            decided_at="2026-05-29T03:00:00.000000Z",
        )
    )
    await officers.close()
    await settled(bus, position)


async def given_up(bus: Bus) -> None:
    async def is_dead() -> bool:
        return bool(await dead(bus))

    await until_it(is_dead)


async def test_it_is_handed_to_its_handler_again(nats_server: NatsServer, bus: Bus) -> None:
    mended = False
    handled: list[tuple[ReleaseOrdered, Position]] = []

    async def handler(delivery: Delivery[ReleaseOrdered]) -> None:
        if not mended:
            raise Poison("broken")
        handled.append((delivery.event, delivery.position))

    async with working(nats_server, handler):
        order = release(7)
        position = await bus.publish(order)
        await given_up(bus)
        mended = True
        await ask_again(bus, position)
        assert handled == [(order, position)]
    assert [event.type for event in await dead(bus)] == ["dead.given_up.v1", "dead.retried.v1"]


async def test_a_second_failure_shows_in_the_list_again(nats_server: NatsServer, bus: Bus) -> None:
    tries = 0

    async def handler(_: Delivery[ReleaseOrdered]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Poison("broken")
        raise RuntimeError("broken otherwise")

    async with working(nats_server, handler):
        position = await bus.publish(release())
        await given_up(bus)
        await ask_again(bus, position)
    _, _, again = await dead(bus)
    assert isinstance(again, MessageGivenUp)
    assert (again.consumer, again.source) == (NOTIFY_RELEASES.durable, position)
    assert again.reason == "failed again: RuntimeError('broken otherwise')"


async def test_not_now_is_not_never(nats_server: NatsServer, bus: Bus) -> None:
    tries = 0

    async def handler(_: Delivery[ReleaseOrdered]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Poison("broken")
        if tries < 4:
            raise Retry(0.05, "the relay is away")

    async with working(nats_server, handler):
        position = await bus.publish(release())
        await given_up(bus)
        await ask_again(bus, position)
    assert tries == 4
    assert [event.type for event in await dead(bus)] == ["dead.given_up.v1", "dead.retried.v1"]


async def test_what_was_erased_meanwhile_is_let_go(nats_server: NatsServer, bus: Bus) -> None:
    tries = 0

    async def handler(_: Delivery[ReleaseOrdered]) -> None:
        nonlocal tries
        tries += 1
        raise Poison("broken")

    async with working(nats_server, handler):
        position = await bus.publish(release())
        await given_up(bus)
        await bus.api("STREAM.MSG.DELETE.ORDERS", {"seq": position.sequence})
        await ask_again(bus, position)
    assert tries == 1
    assert len(await dead(bus)) == 2


async def test_a_consumer_that_is_no_more_is_said(nats_server: NatsServer, bus: Bus) -> None:
    async def handler(_: Delivery[ReleaseOrdered]) -> None:
        raise Poison("broken")

    async with working(nats_server, handler):
        position = await bus.publish(release())
        await given_up(bus)
        await ask_again(bus, position, "notify-of-old")
    again = (await dead(bus))[-1]
    assert isinstance(again, MessageGivenUp)
    assert again.reason == "this version has no consumer 'notify-of-old'"
