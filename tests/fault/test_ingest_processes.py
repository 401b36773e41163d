"""Several processes of an ingress on one port: each serves, nobody misses one that is killed, all end in order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.callers import Callers, kept
from tests.servers import NatsServer
from tests.smtp.client import client
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import World, world
from tests.waiting import until

pytestmark = pytest.mark.slow

TO = "saraban@demo.test"
LETTER = b"Subject: x\r\n\r\nx\r\n"


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


@pytest.fixture
def ingress(place: World) -> Iterator[IngestProcess]:
    made = IngestProcess(place.nats, place.folder, "processes = 2\ndrain_seconds = 3.0")
    made.start()
    try:
        made.wait_ready()
        yield made
    finally:
        made.kill()


async def test_a_process_that_is_killed_is_missed_by_nobody_who_connects(place: World, ingress: IngestProcess) -> None:
    before = ingress.pids
    assert sorted(before) == ["ingest-1", "ingest-2"]
    async with Callers(ingress.port) as callers:
        callers.watch(before.values())
        await callers.more(20)
        os.kill(before["ingest-1"], signal.SIGKILL)
        await until(lambda: ingress.pids.get("ingest-1", before["ingest-1"]) != before["ingest-1"])
        assert ingress.pids["ingest-2"] == before["ingest-2"]
        os.kill(ingress.pids["ingest-2"], signal.SIGKILL)
        await callers.more(40)
        await asyncio.to_thread(ingress.wait_ready)
        await callers.more(20)
    assert callers.refused == 0
    assert callers.served_by(before) == set(before), "all were served by one process"
    callers.hold_against(await kept(place))
    status, page = ingress.page("/metrics")
    assert status == 200
    assert 'saraban_up_restarts_total{part="ingest-1"} 1.0' in page


async def test_on_stop_idle_sessions_end_and_a_letter_in_the_middle_is_kept(
    place: World, ingress: IngestProcess
) -> None:
    async with client(ingress.port) as idle, client(ingress.port) as busy, client(ingress.port) as endless:
        for peer in (busy, endless):
            assert (await peer.begin(TO)).startswith("354")
            peer.writer.write(LETTER)
            await peer.writer.drain()
        ingress.supervisor.send_signal(signal.SIGTERM)
        assert (await idle.reply()).startswith("421 4.3.2")
        await until(lambda: _is_closed(ingress.port))  # the other process may be a moment later
        busy.writer.write(b".\r\n")
        assert (await busy.reply()).startswith("250 2.6.0")
        assert (await busy.reply()).startswith("421 4.3.2")
        assert (await endless.reply()).startswith("421 4.3.2"), "after drain_seconds"
    assert await asyncio.to_thread(ingress.supervisor.wait, 30) == 0
    assert await kept(place) == [LETTER]


def _is_closed(port: int) -> bool:
    with socket.socket() as peer:
        return peer.connect_ex(("127.0.0.1", port)) != 0


async def test_asked_twice_everything_ends_at_once(place: World) -> None:
    ingress = IngestProcess(place.nats, place.folder, "processes = 2\ndrain_seconds = 600.0")
    ingress.start()
    try:
        await asyncio.to_thread(ingress.wait_ready)
        async with client(ingress.port) as idle, client(ingress.port) as peer:
            assert (await peer.begin(TO)).startswith("354")
            ingress.supervisor.send_signal(signal.SIGTERM)
            assert (await idle.reply()).startswith("421")
            ingress.supervisor.send_signal(signal.SIGTERM)
            await asyncio.to_thread(ingress.supervisor.wait, 30)
        assert ingress.pids == {}
    finally:
        ingress.kill()


async def test_while_nats_is_away_who_connects_is_told_so(place: World, ingress: IngestProcess) -> None:
    """The sockets listen all the time: without a word a sender's server would wait five minutes."""
    place.server.stop()
    before = ingress.pids
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(ingress.pids) == 2 and not set(ingress.pids.values()) & set(before.values()))
    reader, writer = await asyncio.open_connection("127.0.0.1", ingress.port)
    assert (await reader.readline()).startswith(b"421 4.3.2 ")
    writer.close()
    place.server.start()
    await asyncio.to_thread(ingress.wait_ready)
    async with client(ingress.port) as peer:
        assert (await peer.letter(LETTER, TO)).startswith("250")


def start(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "ingest", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_ingress_on_the_port_is_told_so(place: World, ingress: IngestProcess) -> None:
    (place.folder / "other").mkdir()
    other = IngestProcess(place.nats, place.folder / "other")
    other.write("processes = 2", listen=f"127.0.0.1:{ingress.port}")
    done = start("--config", str(other.config))
    assert done.returncode == 1
    assert f"127.0.0.1:{ingress.port} cannot be listened on: Address already in use" in done.stderr


def test_a_second_ingress_on_the_state_leaves_the_first_alone(place: World, ingress: IngestProcess) -> None:
    before = ingress.pids
    done = start("--config", str(ingress.config))
    assert done.returncode == 1
    assert "is in use by another `saraban ingest`" in done.stderr
    assert ingress.pids == before


def test_sockets_that_systemd_holds_are_served(place: World) -> None:
    """sd_listen_fds(3): the service is started, and started again, while the sockets listen all the time."""
    ingress = IngestProcess(place.nats, place.folder, "processes = 2")
    with socket.create_server(("127.0.0.1", 0)) as held:
        ingress.port = held.getsockname()[1]
        for _ in range(2):
            ingress.start(held)
            try:
                ingress.wait_ready()
                with socket.create_connection(("127.0.0.1", ingress.port), timeout=30) as peer:
                    assert peer.recv(100).startswith(b"220 ")
                assert ingress.stop() == 0
                waiting = socket.create_connection(("127.0.0.1", ingress.port), timeout=30)
            finally:
                ingress.kill()
            waiting.close()


def test_an_address_that_is_not_ours_is_said(place: World) -> None:
    ingress = IngestProcess(place.nats, place.folder)
    ingress.write("", listen="192.0.2.1:8025")
    done = start("--config", str(ingress.config))
    assert done.returncode == 1
    assert "192.0.2.1:" in done.stderr
    assert "cannot be listened on: Cannot assign requested address" in done.stderr
