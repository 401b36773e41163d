"""250 means kept: whatever is killed, and whenever, every letter answered 250 is there, octet for octet."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.event import Position
from services.runtime.bus import Bus
from services.runtime.letters import read_letter, read_message
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.smtp.client import client
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import World, world

MAIL = f"MAIL_{THIS_YEAR}"
SEED = 2569
LETTERS = 200
SESSIONS = 8
KILLS = 3


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


def letter(number: int, dice: random.Random) -> bytes:
    size = dice.choice([10, 200, 5_000, 70_000, 600_000])
    head = f"Message-ID: <{number}@client.test>\r\nSubject: {number}\r\n\r\n".encode()
    return head + (b"%07d" % number * 10 + b"\r\n") * (size // 72 + 1)


class Senders:
    """Sends letters over several sessions, each again until it is answered 250, as a mail server does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._next = iter(range(LETTERS))
        self.acknowledged: dict[int, bytes] = {}
        self._more = asyncio.Event()

    async def reached(self, letters: int) -> None:
        """Wait until so many letters are acknowledged."""
        while len(self.acknowledged) < letters:
            self._more.clear()
            await self._more.wait()

    async def run(self) -> None:
        await asyncio.gather(*(self._session(number) for number in range(SESSIONS)))

    async def _session(self, number: int) -> None:
        dice = random.Random(SEED + number)
        for name in self._next:
            content = letter(name, dice)
            to = ["saraban@demo.test"] if name % 5 else ["saraban@demo.test", "saraban@two.test"]
            while name not in self.acknowledged:
                with contextlib.suppress(OSError, TimeoutError):
                    async with client(self._port) as peer:
                        reply = await peer.letter(content, *to)
                        if reply.startswith("250"):
                            self.acknowledged[name] = content
                            self._more.set()
                        assert not reply.startswith("5"), reply
                if name not in self.acknowledged:
                    await asyncio.sleep(0.02)


async def stored(place: World) -> dict[str, list[bytes]]:
    """Letters by agency, as anyone reads them back."""
    bus = await Bus.connect(place.nats, "test")
    found: dict[str, list[bytes]] = {"demo": [], "two": []}
    last = (await bus.js.stream_info(MAIL)).state.last_seq
    for sequence in range(1, last + 1):
        message = await read_message(bus.nc, MAIL, sequence)
        if message is not None and message.subject.startswith("mail.v1.received."):
            event, octets = await read_letter(bus.nc, Position(stream=MAIL, sequence=sequence), 10)
            found[event.agency].append(octets)
    await bus.close()
    return found


async def kill_while_sending(place: World, kill_and_start: "Killer") -> None:
    ingress = IngestProcess(place.nats, place.folder, "max_payload = 262144")
    ingress.start()
    try:
        await asyncio.to_thread(ingress.wait_ready)
        senders = Senders(ingress.port)
        sending = asyncio.create_task(senders.run())
        dice = random.Random(SEED)
        for round_ in range(1, KILLS + 1):
            await senders.reached(round_ * LETTERS // (KILLS + 1))
            await asyncio.sleep(dice.random() * 0.02)
            await asyncio.to_thread(kill_and_start, ingress, place)
        await asyncio.wait_for(sending, 120)
        assert len(senders.acknowledged) == LETTERS
        kept = await stored(place)
        for name, content in senders.acknowledged.items():
            assert content in kept["demo"], name
            assert name % 5 or content in kept["two"], name
    finally:
        ingress.kill()


class Killer:
    """Ends something at once and starts it again."""

    def __call__(self, ingress: IngestProcess, place: World) -> None:
        raise NotImplementedError


class KillIngress(Killer):
    def __call__(self, ingress: IngestProcess, place: World) -> None:
        ingress.kill()
        ingress.start()


class KillNats(Killer):
    def __call__(self, ingress: IngestProcess, place: World) -> None:
        place.server.kill()
        place.server.start()


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_ingress_is_killed(place: World) -> None:
    await kill_while_sending(place, KillIngress())


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_nats_is_killed(place: World) -> None:
    await kill_while_sending(place, KillNats())
