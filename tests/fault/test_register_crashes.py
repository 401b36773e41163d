"""Whatever dies, and whenever: numbers stay without a hole, in order, and no letter has two."""

import asyncio
import os
import random
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.event import Position
from contracts.mail import MailReceived
from services.register import transaction, worker
from services.register.agencies import Agencies
from services.register.worker import Worker
from services.runtime import batch, settings
from services.runtime.batch import Outgoing
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.errors import Unavailable
from services.runtime.lease import Lease
from services.runtime.readiness import Readiness
from tests.books import Books, agency, put, read, received, store, until
from tests.books import worker as running
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer


class Crash(BaseException):
    """The process ends here: no handler of ours catches it."""


def crashing(point: str, at: int, struck: asyncio.Event) -> Callable[..., Any]:
    """The durable write, with a crash before or after its `at`-th call."""
    calls = 0

    async def commit(nc: Any, messages: Sequence[Outgoing], timeout: float) -> Position:
        nonlocal calls
        calls += 1
        if calls == at:
            struck.set()
        if calls == at and point == "before_commit":
            raise Crash
        last = await batch.commit(nc, messages, timeout)
        if calls == at and point == "after_commit":
            raise Crash
        if calls == at and point == "lost_answer":
            raise Unavailable("the answer was lost")
        return last

    return commit


@pytest.mark.parametrize("at", [1, 2, 4])
@pytest.mark.parametrize("point", ["before_commit", "after_commit", "lost_answer"])
async def test_a_crash_at_each_effect(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, point: str, at: int
) -> None:
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(40)
    await store(bus, events)
    struck = asyncio.Event()
    with monkeypatch.context() as patched:
        patched.setattr(transaction, "commit", crashing(point, at, struck))
        if point == "lost_answer":  # no crash: the worker itself has to find out
            async with running(nats_server.settings(), fetch=5):
                await until(bus, 41)
        else:
            with pytest.raises(BaseException):  # noqa: B017 - a Crash, or the group it ended in
                async with running(nats_server.settings(), fetch=5), asyncio.timeout(20):
                    await struck.wait()
    assert struck.is_set()
    async with running(nats_server.settings(), fetch=5):
        found = await until(bus, 41)
    assert_whole(found, events)


async def test_two_workers_at_once_without_a_lease(nats_server: NatsServer, bus: Bus) -> None:
    """Both read everything, both number; the sequence check lets one of them through each time."""
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(200)
    async with unleased(nats_server), unleased(nats_server), unleased(nats_server):
        for start in range(0, 200, 10):
            await store(bus, events[start : start + 10])
        found = await until(bus, 201, seconds=60)
    assert_whole(found, events)


async def test_a_sleeper_that_wakes_up_late(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """The lease holder is stopped, another takes over; the first wakes up and believes it still holds it."""
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(300)
    first = await start(nats_server, tmp_path / "first")
    await store(bus, events[:100])
    await until(bus, 101)
    second = await start(nats_server, tmp_path / "second")
    try:
        first.send_signal(signal.SIGSTOP)
        await store(bus, events[100:200])
        await until(bus, 201)
        first.send_signal(signal.SIGCONT)
        await store(bus, events[200:])
        found = await until(bus, 301)
    finally:
        await end(first, second)
    assert_whole(found, events)


async def test_workers_killed_at_any_instant(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    chance = random.Random(2569)
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(1_200)
    workers = [await start(nats_server, tmp_path / str(n)) for n in range(2)]
    try:
        for n in range(6):
            await store(bus, events[n * 200 : (n + 1) * 200])
            await asyncio.sleep(chance.uniform(0.01, 0.4))
            workers[n % 2].kill()
            await workers[n % 2].wait()
            workers[n % 2] = await start(nats_server, tmp_path / str(n % 2))
        found = await until(bus, 1_201, seconds=60)
    finally:
        await end(*workers)
    assert_whole(found, events)


async def test_the_server_killed_and_started_again(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(300)
    async with running(nats_server.settings(), fetch=20):
        for n in range(3):
            await store(bus, events[n * 100 : (n + 1) * 100])
            nats_server.kill()
            nats_server.start()
            await reconnected(bus)
        found = await until(bus, 301, seconds=60)
    assert_whole(found, events)


async def test_the_server_comes_back_with_an_older_store(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """What the worker remembers is of a store that is gone: it must believe what it reads, not what it knows."""
    await put(bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}))
    events = mixed(300)
    async with running(nats_server.settings(), fetch=20):
        await store(bus, events[:100])
        await until(bus, 101)
        await store(bus, events[100:200])
        nats_server.pause()
        shutil.copytree(nats_server.store, tmp_path / "copy")
        nats_server.resume()
        await store(bus, events[200:])
        await until(bus, 301)
        nats_server.kill()
        shutil.rmtree(nats_server.store)
        shutil.copytree(tmp_path / "copy", nats_server.store)
        nats_server.start()
        await reconnected(bus)
        await store(bus, events[200:])
        found = await until(bus, 301, seconds=60)
    assert_whole(found, events)


async def test_a_mail_store_older_than_the_register_is_refused(nats_server: NatsServer, bus: Bus) -> None:
    """To go on would skip letters without a word."""
    await put(bus, agency())
    await store(bus, [received() for _ in range(5)])
    async with running(nats_server.settings()):
        await until(bus, 5)
    config = (await bus.api(f"STREAM.INFO.MAIL_{THIS_YEAR}"))["config"]
    await bus.api(f"STREAM.DELETE.MAIL_{THIS_YEAR}")
    await bus.api(f"STREAM.CREATE.MAIL_{THIS_YEAR}", config)
    await store(bus, [received() for _ in range(3)])
    async with running(nats_server.settings()) as readiness, asyncio.timeout(20):
        while not any("letters up to" in reason for reason in readiness.reasons):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
    assert len((await read(bus)).entered()) == 5


async def test_a_foreign_message_in_a_book_stops_the_register_visibly(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received()])
    await bus.js.publish(f"register.v1.entered.demo.received.{THIS_YEAR}", b"not a row")
    async with running(nats_server.settings()) as readiness, asyncio.timeout(20):
        while not any("is no row" in reason for reason in readiness.reasons):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
        await bus.js.delete_msg("REGISTER", 1)
        found = await until(bus, 1)
    assert [row.number for row in found.entered()] == [1]


async def test_a_deleted_consumer_is_made_again(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with running(nats_server.settings()):
        for n in range(3):
            await store(bus, [received()])
            await until(bus, n + 1)
            for name in await consumers(bus):
                await bus.api(f"CONSUMER.DELETE.MAIL_{THIS_YEAR}.{name}")
        found = await until(bus, 3)
        assert len(await consumers(bus)) <= 1
    assert found.problems() == []
    assert await consumers(bus) == [], "and none is left behind"


async def test_the_reading_position_survives_a_restart(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and notices say how far the register has read: nothing before that is read again."""
    await put(bus, agency())
    events = mixed(30, "demo")
    await store(bus, events)
    async with running(nats_server.settings()):
        await until(bus, 30)
    seen: list[int] = []
    real = transaction.Transaction.carry_out

    async def carry_out(self: transaction.Transaction, letters: Any, orders: Any) -> None:
        seen.extend(letter.position.sequence for letter in letters)
        await real(self, letters, orders)

    monkeypatch.setattr(transaction.Transaction, "carry_out", carry_out)
    async with running(nats_server.settings()):
        await store(bus, [received()])
        found = await until(bus, 31)
    assert seen == [31]
    assert found.problems() == []


def mixed(count: int, *agencies: str) -> list[MailReceived]:
    """Letters, every tenth a copy of an earlier one, every thirteenth a report."""
    events: list[MailReceived] = []
    names = agencies or ("demo", "two", "two")
    for n in range(count):
        if n % 10 == 9:
            events.append(events[n // 2])
        else:
            events.append(received(names[n % len(names)], sender="" if n % 13 == 12 else "a@b.example"))
    return events


def assert_whole(found: Books, events: Sequence[MailReceived]) -> None:
    """Every letter has one number, every copy its notice, in order and without a hole."""
    assert found.problems() == []
    rows = [row.event for rows in found.rows.values() for row in rows if hasattr(row.event, "mail")]
    assert sorted(row.mail for row in rows) == sorted({event.mail for event in events})
    assert len(found.notices) == len(events) - len(rows)
    if any(event.agency == "two" for event in events):
        assert found.entered("two")[0].number == 8_432


async def reconnected(bus: Bus) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await bus.api("STREAM.INFO.REGISTER")
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def consumers(bus: Bus) -> list[str]:
    return list((await bus.api(f"CONSUMER.NAMES.MAIL_{THIS_YEAR}", {"offset": 0}))["consumers"] or [])


class Unleased(Lease):
    """Believes that it holds the lease, always."""

    held = True

    async def acquire(self) -> None:
        return

    async def keep(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def unleased(server: NatsServer) -> AsyncIterator[None]:
    bus = await Bus.connect(server.settings(), "register")
    directory = await Directory.watch(bus)
    await directory.wait_loaded()
    stop = asyncio.Event()
    one = Worker(bus, Agencies(bus, directory), Unleased(bus), Readiness("register"), settings.Register(fetch=7))
    task = asyncio.create_task(one.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
        await directory.close()
        await bus.close()


async def start(server: NatsServer, folder: Path) -> asyncio.subprocess.Process:
    """A worker as a process of its own, started as an operator starts it."""
    folder.mkdir(exist_ok=True)
    nats = server.settings()
    lines = [
        f'state = "{folder}"',
        "[ops]",
        'listen = "127.0.0.1:0"',
        "[nats]",
        f'servers = ["{server.url}"]',
        f'monitors = ["{server.monitor}"]',
        "[nats.users]",
        *(f'{name} = "{secret}"' for name, secret in nats.users.items()),
    ]
    (folder / "saraban.toml").write_text("\n".join(lines))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "register", "--config", str(folder / "saraban.toml"),
        env=os.environ | {"PYTHONPATH": str(Path(worker.__file__).parents[2])}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def end(*processes: asyncio.subprocess.Process) -> None:
    for process in processes:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await process.wait()
