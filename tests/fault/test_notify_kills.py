"""Whatever dies between a mail and its mark: nothing is lost, and what is repeated keeps its Message-ID."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.mail import Peer
from contracts.notices import LetterDelivered, SenderReceipted
from contracts.streams import NOTIFY_SEALED
from services.runtime.bus import Bus
from tests.dispatch import Dispatch, Letter
from tests.servers import NatsServer
from tests.sinks import Sink, sink
from tests.waiting import until

LETTERS = 12
TRUSTED = Peer(address="10.0.0.1", trusted=True)


@pytest.fixture
def world(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def relay() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


class Process:
    """Notify as its own process, started again as a supervisor would."""

    def __init__(self, world: Dispatch, nats: NatsServer) -> None:
        self._world, self._nats = world, nats
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = self._nats.settings()
        user = settings.users["notify"]
        self._world.state.mkdir(parents=True, exist_ok=True)
        config = self._world.state / "notify.toml"
        config.write_text(
            f'state = "{self._world.state}"\n[ops]\nlisten = "127.0.0.1:0"\n'
            f"[nats]\nservers = {json.dumps(settings.servers)}\nmonitors = {json.dumps(settings.monitors)}\n"
            f'users = {{ notify = "{user}" }}\n'
            "[notify]\nfirst_retry_seconds = 1.0\nlast_retry_seconds = 1.0\nsmtp_seconds = 10.0\n"
        )
        self._running = subprocess.Popen([sys.executable, "-m", "services.cli", "notify", "--config", config])

    def kill(self) -> None:
        """As a power cut would."""
        running, self._running = self._running, None
        if running is not None:
            running.send_signal(signal.SIGKILL)
            running.wait()


async def letters(world: Dispatch, relay: Sink) -> list[Letter]:
    await world.agency(relay=relay.relay)
    found = [await world.letter(sender=f"clerk{at}@sender.example", peer=TRUSTED) for at in range(LETTERS)]
    for letter in found:
        await world.sealed(letter)
    return found


async def soon_again(bus: Bus) -> None:
    """Deliver what a dead worker held after seconds instead of two minutes."""
    path = f"CONSUMER.CREATE.{NOTIFY_SEALED.stream}.{NOTIFY_SEALED.durable}.{NOTIFY_SEALED.filter_subject}"
    config = NOTIFY_SEALED.config() | {"ack_wait": 3_000_000_000}
    await bus.api(path, {"stream_name": NOTIFY_SEALED.stream, "config": config, "action": "update"})


def expected(found: list[Letter]) -> set[tuple[str, str]]:
    return {(kind, letter.event.mail) for letter in found for kind in ("final", "cover")}


def arrived(relay: Sink) -> Counter[tuple[str, str]]:
    ids = [mail.header("Message-ID").strip("<>").split(".") for mail in relay.taken]
    return Counter((parts[0], parts[1]) for parts in ids)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["before the 250", "after the 250"])
async def test_kill_9_around_the_relays_answer(
    world: Dispatch, nats_server: NatsServer, relay: Sink, point: str
) -> None:
    process = Process(world, nats_server)
    struck: list[int] = []
    loop = asyncio.get_running_loop()

    def strike(_: bytes) -> str:
        if relay.offered in (3, 9, 16) and relay.offered not in struck:
            struck.append(relay.offered)
            if point == "before the 250":
                process.kill()
            else:
                loop.call_soon(process.kill)  # after the reply was written
        return ""

    relay.data = strike
    found = await letters(world, relay)
    await soon_again(world.bus)
    process.start()
    try:
        for kill in range(3):
            await until(lambda count=kill + 1: len(struck) >= count and process._running is None, 60)  # type: ignore[misc]  # count is bound for the loop
            process.start()
        for letter in found:
            await world.tells(SenderReceipted, letter, 120)
            await world.tells(LetterDelivered, letter, 120)
        await world.idle()
    finally:
        process.kill()
    assert set(arrived(relay)) == expected(found)
    # A kill repeats at most what was between its hand-over and its mark: four sessions to one relay.
    assert sum(arrived(relay).values()) <= len(expected(found)) + 3 * 4
    told = Counter((event.type, event.key) for event in await world.told(SenderReceipted))
    assert len(told) == LETTERS


async def test_nats_killed_while_mails_are_under_way(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    found = await letters(world, relay)
    await soon_again(world.bus)  # an ack that was on its way is lost too
    relay.gate = asyncio.Event()
    async with world.running(nats_server.settings(request_seconds=2.0)):
        await until(lambda: relay.at_once >= 2)
        nats_server.kill()
        relay.gate.set()  # the relay says 250, and nobody is there to write it down
        await until(lambda: len(relay.taken) >= 2)
        nats_server.start()
        await until(lambda: world.bus.connected)
        for letter in found:
            await world.tells(SenderReceipted, letter, 120)
            await world.tells(LetterDelivered, letter, 120)
    assert set(arrived(relay)) == expected(found)
    assert sum(arrived(relay).values()) <= len(expected(found)) + 16


async def test_a_stop_lets_mails_under_way_finish(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    found = await letters(world, relay)
    relay.gate = asyncio.Event()

    async def open_soon() -> None:
        assert relay.gate is not None
        await until(lambda: relay.at_once >= 2)
        asyncio.get_running_loop().call_later(0.5, relay.gate.set)

    async with world.running(nats_server.settings()):
        await open_soon()
    first = set(arrived(relay))
    assert first
    async with world.running(nats_server.settings()):
        for letter in found:
            await world.tells(LetterDelivered, letter, 60)
    assert arrived(relay) == Counter(expected(found))  # each once


async def test_a_stop_while_nats_is_away_ends_in_order(world: Dispatch, nats_server: NatsServer, relay: Sink) -> None:
    """A supervisor that stops everything at once stops nats-server too; that is no crash of ours."""
    found = await letters(world, relay)
    relay.gate = asyncio.Event()
    async with world.running(nats_server.settings(request_seconds=2.0)):
        await until(lambda: relay.at_once >= 2)
        nats_server.kill()
        relay.gate.set()
        await until(lambda: len(relay.taken) >= 2)
    nats_server.start()
    await until(lambda: world.bus.connected)
    assert found
