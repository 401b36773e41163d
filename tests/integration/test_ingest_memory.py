"""What letters cost in memory: little more than themselves, with a bound that answers instead of growing."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.servers import NatsServer
from tests.smtp.client import Client, client
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import World, world

LINE = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd\r\n"
MEBIBYTE = 1_048_576


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


class Peak:
    """The most memory a process holds while letters travel."""

    def __init__(self, process: IngestProcess) -> None:
        self._process = process
        self.octets = 0

    async def watch(self) -> None:
        while True:
            self.octets = max(self.octets, self._process.resident_bytes)
            await asyncio.sleep(0.01)


async def send_but_for_the_end(peer: Client, octets: int) -> None:
    assert (await peer.begin("saraban@demo.test")).startswith("354")
    for _ in range(octets // (len(LINE) * 1_000)):
        peer.writer.write(LINE * 1_000)
        await peer.writer.drain()


@pytest.mark.slow
async def test_twenty_large_letters_held_open_and_then_ended_at_once(place: World) -> None:
    process = IngestProcess(place.nats, place.folder)
    process.start()
    try:
        await asyncio.to_thread(process.wait_ready)
        peak = Peak(process)
        watching = asyncio.create_task(peak.watch())
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(client(process.port)) for _ in range(20)]
            await asyncio.gather(*(send_but_for_the_end(peer, 10 * MEBIBYTE) for peer in peers))
            for peer in peers:
                peer.writer.write(b".\r\n")
            replies = await asyncio.gather(*(peer.reply() for peer in peers))
        watching.cancel()
        assert all(reply.startswith("250") for reply in replies)
        assert peak.octets < 1.4 * 20 * 10 * MEBIBYTE + 80 * MEBIBYTE  # idle, and the window towards NATS
    finally:
        process.kill()


@pytest.mark.slow
async def test_beyond_the_bound_letters_are_told_to_come_again(place: World) -> None:
    process = IngestProcess(place.nats, place.folder, "flight_bytes = 50000000\nmessage_bytes = 20000000")
    process.start()
    try:
        await asyncio.to_thread(process.wait_ready)
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(client(process.port)) for _ in range(10)]
            await asyncio.gather(*(send_but_for_the_end(peer, 10 * MEBIBYTE) for peer in peers))
            assert process.resident_bytes < 50_000_000 + 90 * MEBIBYTE
            for peer in peers:
                peer.writer.write(b".\r\n")
            replies = await asyncio.gather(*(peer.reply() for peer in peers))
            assert {reply[:9] for reply in replies} == {"250 2.6.0", "452 4.3.1"}
            again = await peers[0].letter(LINE * 100_000, "saraban@demo.test")
            assert again.startswith("250")
    finally:
        process.kill()
