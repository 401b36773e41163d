"""Whether the server syncs before it acknowledges, asked of a real one."""

from pathlib import Path

import pytest

from services.runtime.durability import broken, durable
from tests.servers import NatsServer, free_port


async def test_a_server_that_syncs_always_is_durable(nats_server: NatsServer) -> None:
    assert await durable(nats_server.settings()) is None
    assert await broken(nats_server.settings()) is None


async def test_one_that_syncs_now_and_then_is_not(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, sync="2m")
    server.start()
    try:
        reason = await durable(server.settings())
        assert reason is not None
        assert "sync_interval is not `always`" in reason
        assert await durable(server.settings(replicas=3)) is None  # a cluster is durable by its replicas
    finally:
        server.kill()


async def test_a_page_of_another_server_proves_nothing(nats_server: NatsServer, tmp_path: Path) -> None:
    other = NatsServer(tmp_path / "other", sync="2m")
    other.start()
    try:
        reason = await durable(other.settings(monitors=(nats_server.monitor,)))
        assert reason is not None
        assert "another server" in reason
    finally:
        other.kill()


@pytest.mark.parametrize(
    ("monitors", "words"),
    [
        ((), "nats.monitors is empty"),
        (("http://127.0.0.1:{free}",), "cannot be read"),
        (("file:///etc/passwd",), "no address of a web page"),
    ],
)
async def test_what_cannot_be_asked_is_a_reason(nats_server: NatsServer, monitors: tuple[str, ...], words: str) -> None:
    named = tuple(monitor.format(free=free_port()) for monitor in monitors)
    reason = await durable(nats_server.settings(monitors=named, connect_seconds=1))
    assert reason is not None
    assert words in reason


async def test_a_silent_server_is_a_reason(nats_server: NatsServer) -> None:
    nats_server.pause()
    try:
        assert await durable(nats_server.settings(connect_seconds=0.5)) is not None
        assert await broken(nats_server.settings(connect_seconds=0.5)) is None
    finally:
        nats_server.resume()


async def test_something_else_on_the_port_is_a_reason(nats_server: NatsServer) -> None:
    wrong = nats_server.settings(servers=(nats_server.monitor.replace("http", "nats"),), connect_seconds=1)
    assert await durable(wrong) is not None
