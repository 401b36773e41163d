"""A reload under load: other settings hold afterwards, and nobody who writes to us notices."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.callers import Callers, kept
from tests.servers import NatsServer, free_port
from tests.smtp.client import client
from tests.smtp.ingest_process import IngestProcess
from tests.smtp.world import World, world
from tests.waiting import until
from tests.world import World as System

pytestmark = pytest.mark.slow

LETTER = b"Subject: x\r\n\r\nx\r\n"
TO = "saraban@demo.test"


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


def running(place: World, options: str) -> IngestProcess:
    made = IngestProcess(place.nats, place.folder, options, place.folder / "ingest.log")
    made.start()
    try:
        made.wait_ready()
    except BaseException:
        made.kill()
        raise
    return made


async def said(place: World, words: str) -> None:
    await until(lambda: words in (place.folder / "ingest.log").read_text(), 60)


async def gone(pids: dict[str, int]) -> None:
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.values()), 60)


@pytest.mark.parametrize("processes", [(1, 1), (2, 3), (2, 1)])
async def test_under_load_nobody_is_refused_and_the_new_settings_hold(place: World, processes: tuple[int, int]) -> None:
    before, after = processes
    ingress = running(place, f"processes = {before}\nmessage_bytes = 5000000")
    try:
        old = ingress.pids
        assert len(old) == before
        async with Callers(ingress.port) as callers, client(ingress.port) as busy:
            assert (await busy.begin(TO)).startswith("354")
            await callers.more(20)
            ingress.write(f"processes = {after}\nmessage_bytes = 6000000")
            ingress.supervisor.send_signal(signal.SIGHUP)
            await said(place, "saraban: reloaded ")
            assert ingress.page("/readyz")[0] == 200, "those who leave are no reason to send nobody any more"
            await callers.more(20)
            busy.send(LETTER)  # in the middle all the time
            assert (await busy.reply()).startswith("250 2.6.0")
            await gone(old)
            callers.offers.clear()
            await callers.more(60)
        assert callers.offers == {"SIZE 6000000"}
        assert (callers.refused, callers.cut) == (0, 0)
        assert set(callers.replies) <= {"421 4.3.2"}, "idle sessions of those who leave, and nothing else"
        assert len(ingress.pids) == after
        letters = await kept(place)
        callers.hold_against(letters)
        assert LETTER in letters
        page = ingress.page("/metrics")[1]
        assert 'saraban_up_reloads_total{outcome="done"} 1.0' in page
        assert "saraban_up_restarts_total{" not in page
    finally:
        ingress.kill()


@pytest.mark.parametrize(
    ("wrong", "why", "outcome"),
    [
        ("message_bytes = 7", "ingest.message_bytes: expected int >= 1000000", "refused"),
        ('certificate = "missing.pem"\nprivate_key = "missing.pem"', "ended with exit code 2", "failed"),
    ],
)
async def test_with_a_wrong_configuration_everything_goes_on_as_before(
    place: World, wrong: str, why: str, outcome: str
) -> None:
    ingress = running(place, "processes = 2")
    try:
        before = ingress.pids
        ingress.write(f"processes = 2\n{wrong}")
        ingress.supervisor.send_signal(signal.SIGHUP)
        await said(place, "not reloaded, what runs goes on: ")
        line = next(line for line in (place.folder / "ingest.log").read_text().splitlines() if "not reloaded" in line)
        assert why in line
        await until(lambda: ingress.pids == before)
        assert f'saraban_up_reloads_total{{outcome="{outcome}"}} 1.0' in ingress.page("/metrics")[1]
        # One that dies now is started with what held, not with what is written.
        os.kill(before["ingest-1"], signal.SIGKILL)
        await until(lambda: ingress.pids.get("ingest-1", before["ingest-1"]) != before["ingest-1"])
        await asyncio.to_thread(ingress.wait_ready)
        async with client(ingress.port) as peer:
            assert (await peer.letter(LETTER, TO)).startswith("250")
    finally:
        ingress.kill()


async def test_another_address_is_opened_and_the_old_one_closed(place: World) -> None:
    ingress = running(place, "")
    try:
        old, new = ingress.port, free_port()
        before = ingress.pids
        with socket.create_server(("127.0.0.1", 0)) as other:
            ingress.write("", listen=f"127.0.0.1:{other.getsockname()[1]}")
            ingress.supervisor.send_signal(signal.SIGHUP)
            await said(place, "cannot be listened on: Address already in use")
            assert ingress.pids == before
        ingress.write("", listen=f"127.0.0.1:{new}")
        ingress.supervisor.send_signal(signal.SIGHUP)
        await said(place, "saraban: reloaded ")
        async with client(new) as peer:
            assert (await peer.letter(LETTER, TO)).startswith("250")
        await gone(before)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", old)
    finally:
        ingress.kill()


async def test_the_whole_system_reloads(tmp_path: Path) -> None:
    """`saraban up`: every service is replaced by one with the new settings, nats-server stays."""
    toml = '[ingest]\nmessage_bytes = {size}\nhostname = "mx.test"\n[sign]\noperator = "{operator}"\n'
    system = System(tmp_path / "one", toml.format(size=5_000_000, operator="x"))
    await system.start()
    try:
        before = {part: system.pid(part) for part in ("ingest", "register", "sign", "notify", "nats-server")}
        (system.folder / "world.toml").write_text(toml.format(size=6_000_000, operator="y"))
        assert system._up is not None
        system._up.send_signal(signal.SIGHUP)
        await system.until(lambda: "reloaded" in system.log.read_text(), "the reload")
        async with client(system.smtp, helo=False) as peer:
            peer.writer.write(b"EHLO client.test\r\n")
            assert "SIZE 6000000" in (await peer._reader.readuntil(b"250 ")).decode()
        assert system.settings.sign.operator == "y"
        await gone({part: pid for part, pid in before.items() if part != "nats-server"})
        assert system.pid("nats-server") == before["nats-server"]
        assert system.page("/readyz")[0] == 200
        assert "starting it again" not in system.log.read_text()
    finally:
        assert await system.stop() == 0
