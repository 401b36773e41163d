"""Mode shared under load: whoever is killed, no letter to staff that was answered 250 is lost, and none is doubled.

A letter may be there once more for each time that its end was sent and the answer never came (RFC 1047): its sender
could not know. Whoever dies before the end of his letter leaves nothing behind.
"""

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.directory import Agency, Domain, NextHop
from services.runtime.bus import Bus
from tests.conftest import THIS_YEAR
from tests.domain_server import DOMAIN, STAFF, DomainServer, domain_server
from tests.smtp.client import Client, client
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import World, world, write

SEED = 2569
LETTERS = 150
SESSIONS = 8
KILLS = 2
OURS = f"saraban@{DOMAIN}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture(scope="module")
def staff(place: World) -> Iterator[DomainServer]:
    with domain_server(place.certificate, place.key) as running:
        hop = NextHop(host="127.0.0.1", port=running.postfix.port, tls="none", client="xclient")
        domain = Domain(name=DOMAIN, mode="shared", next_hop=hop)
        write(place.nats, Agency(id="shared", name="กรม", domains=(domain,), addresses=(OURS,)))
        yield running


class Senders:
    """Peers that send each letter until it is answered 250, and die at every third attempt."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._next = iter(range(LETTERS))
        self._more = asyncio.Event()
        self.acknowledged: set[int] = set()
        self.unanswered: Counter[int] = Counter()
        """By letter: how often its end was sent and no final answer came."""
        self.killed_in_data = 0

    async def reached(self, letters: int) -> None:
        """Wait until so many letters are acknowledged."""
        async with asyncio.timeout(120):
            while len(self.acknowledged) < letters:
                self._more.clear()
                await self._more.wait()

    async def run(self) -> None:
        await asyncio.gather(*(self._session(number) for number in range(SESSIONS)))

    async def _session(self, number: int) -> None:
        dice = random.Random(SEED + number)
        for name in self._next:
            while name not in self.acknowledged:
                with contextlib.suppress(OSError, TimeoutError):
                    async with client(self._port) as peer:
                        await self._attempt(name, peer, dice)
                if name not in self.acknowledged:
                    await asyncio.sleep(0.02)

    async def _attempt(self, name: int, peer: Client, dice: random.Random) -> None:
        reply = await peer.begin(recipient(name))
        assert not reply.startswith("5"), reply
        if not reply.startswith("354"):
            return
        content = letter(name, dice)
        fate = dice.choice(("lives", "lives", "lives", "lives", "dies in DATA", "dies at the end"))
        if fate == "dies in DATA":
            peer.writer.write(content[: dice.randrange(len(content))])
            self.killed_in_data += 1
            peer.writer.transport.abort()
            return
        self.unanswered[name] += 1
        peer.send(content)
        if fate == "dies at the end":
            await asyncio.sleep(dice.random() * 0.02)
            peer.writer.transport.abort()
            return
        reply = await peer.reply()
        assert not reply.startswith("5"), reply
        if reply.startswith("250"):
            self.unanswered[name] -= 1
            self.acknowledged.add(name)
            self._more.set()


def recipient(name: int) -> str:
    """Every fifth is ours, the others are for staff."""
    return OURS if name % 5 == 0 else STAFF[name % 19]


async def stored(place: World) -> int:
    """Letters in MAIL; one that came twice counts twice."""
    bus = await Bus.connect(place.nats, "test")
    info = await bus.js.stream_info(f"MAIL_{THIS_YEAR}", subjects_filter="mail.v1.received.>")
    await bus.close()
    return sum((info.state.subjects or {}).values())


def letter(name: int, dice: random.Random) -> bytes:
    size = dice.choice([10, 200, 5_000, 70_000, 300_000])
    head = f"Message-ID: <{name}@client.test>\r\nSubject: {name}\r\n\r\n".encode()
    return head + (b"%07d" % name * 10 + b"\r\n") * (size // 72 + 1) + b"the end of %d\r\n" % name


@pytest.mark.slow
@pytest.mark.system("postfix")
@pytest.mark.parametrize("what", ["peers", "next hop", "ingress"])
async def test_no_loss_and_no_double(place: World, staff: DomainServer, tmp_path: Path, what: str) -> None:
    staff.empty()
    before = await stored(place)
    ingress = IngestProcess(place.nats, tmp_path, "next_hop_seconds = 20.0")
    ingress.start()
    try:
        await asyncio.to_thread(ingress.wait_ready)
        senders = Senders(ingress.port)
        sending = asyncio.create_task(senders.run())
        for round_ in range(1, KILLS + 1):
            await senders.reached(round_ * LETTERS // (KILLS + 1))
            if what == "next hop":
                await asyncio.to_thread(staff.postfix.stop)
                await asyncio.to_thread(staff.postfix.start)
            elif what == "ingress":
                ingress.kill()
                ingress.start()
        await asyncio.wait_for(sending, 120)
    finally:
        ingress.stop()
    await staff.settled()
    assert senders.killed_in_data > 10
    there: Counter[int] = Counter()
    for octets in staff.all_letters():
        found = re.search(rb"^Subject: (\d+)$", octets, re.MULTILINE)
        assert found is not None
        name = int(found[1])
        assert octets.endswith(b"\nthe end of %d\n" % name)
        there[name] += 1
    for name in range(LETTERS):
        if recipient(name) == OURS:
            assert there[name] == 0
        else:
            assert 1 <= there[name] <= 1 + senders.unanswered[name], name
    known = [name for name in there if senders.unanswered[name] == 0]
    assert len(known) > LETTERS // 3, "for these the count is exact"
    assert await stored(place) - before >= LETTERS // 5
