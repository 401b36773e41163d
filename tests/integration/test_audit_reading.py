"""The audit's reader: whole, in order, bounded, and on from where it was when the server comes back."""

import asyncio

import pytest

from services.audit import reading
from services.audit.reading import last_before, messages
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Unavailable
from tests.books import MAIL
from tests.servers import NatsServer

DEMO, OTHER = "mail.v1.received.demo", "mail.v1.received.other"


async def fill(bus: Bus, count: int, size: int = 10) -> None:
    for start in range(0, count, 250):
        batch = range(start, min(start + 250, count))
        await commit(bus.nc, [Outgoing(OTHER if n % 5 == 0 else DEMO, b"%d" % n + b"x" * size, {}) for n in batch], 30)


async def test_every_message_comes_once_and_in_order(bus: Bus) -> None:
    await fill(bus, 1_100)
    found = [message.sequence async for message in messages(bus, MAIL, ["mail.v1.>"])]
    assert found == list(range(1, 1_101))


async def test_several_subjects_and_an_end(bus: Bus) -> None:
    await fill(bus, 600)
    found = [m async for m in messages(bus, MAIL, [OTHER, "mail.v1.part.other"], last=400)]
    assert [m.sequence for m in found] == list(range(1, 400, 5))
    assert {m.subject for m in found} == {OTHER}
    assert found[1].body == b"5" + b"x" * 10


async def test_an_empty_stream_ends_at_once(bus: Bus) -> None:
    assert [m async for m in messages(bus, MAIL, ["mail.v1.>"])] == []
    await fill(bus, 3)
    assert [m async for m in messages(bus, MAIL, ["mail.v1.part.*"])] == []


async def test_headers_alone(bus: Bus) -> None:
    await commit(bus.nc, [Outgoing(DEMO, b"x" * 1_000, {"ce-id": "a%20b"})], 10)
    (found,) = [m async for m in messages(bus, MAIL, [DEMO], headers_only=True)]
    assert (found.body, found.headers["ce-id"]) == (b"", "a%20b")


async def test_the_newest_of_each_subject(bus: Bus) -> None:
    await fill(bus, 20)
    found = {m.subject: m.sequence async for m in messages(bus, MAIL, ["mail.v1.>"], newest_only=True)}
    assert found == {DEMO: 20, OTHER: 16}


async def test_a_request_is_bounded_and_a_message_above_the_bound_comes_alone(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BYTES", 5_000)
    asked: list[int] = []
    ask = reading._Reader._ask

    async def counted(self: reading._Reader, size: int) -> None:
        asked.append(size)
        await ask(self, size)

    monkeypatch.setattr(reading._Reader, "_ask", counted)
    await fill(bus, 6, 2_000)
    await commit(bus.nc, [Outgoing(DEMO, b"x" * 50_000, {})], 10)
    await fill(bus, 2, 2_000)
    found = [m.sequence async for m in messages(bus, MAIL, ["mail.v1.>"])]
    assert found == list(range(1, 10))
    assert len([size for size in asked if size]) >= 4
    assert 0 in asked


async def test_it_goes_on_when_the_server_comes_back(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 100)
    await fill(bus, 1_000)
    found = []
    async for message in messages(bus, MAIL, ["mail.v1.>"]):
        found.append(message.sequence)
        if message.sequence == 300:
            nats_server.kill()
            nats_server.start()
    assert found == list(range(1, 1_001))


async def test_it_says_so_when_the_server_does_not(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EXPIRES_SECONDS", 0.5)
    monkeypatch.setattr(reading, "ATTEMPTS", 2)
    monkeypatch.setattr(reading, "BATCH", 100)
    await fill(bus, 1_000)
    read = messages(bus, MAIL, ["mail.v1.>"])
    await anext(read)
    nats_server.kill()

    async def rest() -> None:
        async for _ in read:
            pass

    with pytest.raises(Unavailable, match=f"{MAIL} cannot be read behind "):
        await asyncio.wait_for(rest(), 60)


async def test_it_leaves_no_consumer_behind(bus: Bus) -> None:
    await fill(bus, 600)
    read = messages(bus, MAIL, ["mail.v1.>"])
    await anext(read)
    await read.aclose()  # type: ignore[attr-defined]  # a generator, typed by what it promises
    assert (await bus.api(f"CONSUMER.NAMES.{MAIL}"))["consumers"] in (None, [])


async def test_a_place_in_time(bus: Bus) -> None:
    for number in range(4):
        for agency in ("one", "two"):
            await commit(bus.nc, [Outgoing(f"order.v1.open.{agency}", b"%d" % number, {})], 10)
            await asyncio.sleep(0.001)  # instants have microseconds
    subjects = ["order.v1.open.one", "order.v1.open.two"]
    found = [message async for message in messages(bus, "ORDERS", subjects)]
    assert len(found) == 8
    for message in found:
        after = await last_before(bus, "ORDERS", message.stored_ns - 1_000)
        assert after == message.sequence - 1
        assert [each.sequence async for each in messages(bus, "ORDERS", subjects, after=after)] == list(
            range(message.sequence, 9)
        )
    assert await last_before(bus, "ORDERS", found[0].stored_ns - 86_400_000_000_000) == 0
    assert await last_before(bus, "ORDERS", found[-1].stored_ns + 86_400_000_000_000) == 8
    assert await last_before(bus, "DEAD", found[0].stored_ns) == 0
