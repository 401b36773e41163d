"""A service as a process: its pages, signals and exit codes; each in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.ops import REQUESTS, OpsServer
from services.runtime.readiness import Readiness
from tests.servers import free_port
from tests.waiting import until_sync

SERVICE = """
import asyncio, time
from services.runtime import process, readiness, settings
readiness.STUCK_SECONDS = 1.5
process.LAST_SECONDS = 1.0

async def main(stop, ready):
    ready.set("nats", True)
    print("running", flush=True)
{main}

process.run("register", settings.Settings(state={state!r}, ops=settings.Ops(listen={listen!r})), main)
print("returned", flush=True)
"""

WAIT = "    await stop.wait()"


class Service:
    """A process that runs one service."""

    def __init__(self, state: Path, main: str, environ: dict[str, str] | None = None, listen: str = "") -> None:
        self.port = free_port()
        code = SERVICE.format(main=main, state=str(state), listen=listen or f"127.0.0.1:{self.port}")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | (environ or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def running(self) -> "Service":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "running\n"
        return self

    def ended(self) -> tuple[int, str, list[str]]:
        """Exit code, what main's caller printed, and the events it logged."""
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, [json.loads(line)["event"] for line in err.splitlines()]

    def get(self, path: str) -> tuple[int, str]:
        return get(self.port, path)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_returns(tmp_path: Path, number: signal.Signals) -> None:
    service = Service(tmp_path, WAIT).running()
    service.process.send_signal(number)
    code, out, events = service.ended()
    assert (code, out) == (0, "returned\n")
    assert events == ["runtime.started", "runtime.stopping", "runtime.stopped"]
    assert list((tmp_path / "run").rglob("*.json")) == []


@pytest.mark.parametrize(
    ("main", "event"),
    [("    raise KeyError('x')", "runtime.crashed"), ("    return", "runtime.crashed")],
    ids=["raises", "ends by itself"],
)
def test_what_ends_by_itself_has_crashed(tmp_path: Path, main: str, event: str) -> None:
    code, out, events = Service(tmp_path, main).running().ended()
    assert (code, out) == (1, "")
    assert event in events


def test_asked_twice_it_goes_at_once(tmp_path: Path) -> None:
    service = Service(tmp_path, WAIT + "\n    await asyncio.Event().wait()").running()
    service.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        service.process.wait(timeout=1)
    service.process.send_signal(signal.SIGTERM)
    assert service.ended()[0] == 128 + signal.SIGTERM


def test_a_task_that_will_not_be_cancelled_does_not_hold_the_process(tmp_path: Path) -> None:
    main = """
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await stop.wait()"""
    service = Service(tmp_path, main).running()
    service.process.send_signal(signal.SIGTERM)
    assert service.ended()[0] == 0


def test_its_own_page_says_how_it_is(tmp_path: Path) -> None:
    main = "    ready.set('directory', False, 'not read yet')\n" + WAIT
    service = Service(tmp_path, main).running()
    assert service.get("/livez") == (200, "alive\n")
    until_sync(lambda: "not read yet" in service.get("/readyz")[1])
    assert service.get("/readyz") == (503, f"register ({service.process.pid}): directory: not read yet\n")
    status, page = service.get("/metrics")
    assert status == 200
    assert 'saraban_ready{service="register"} 0.0' in page
    assert service.get("/")[0] == 404
    service.process.terminate()
    assert service.ended()[0] == 0


def test_it_answers_while_the_loop_is_stuck(tmp_path: Path) -> None:
    service = Service(tmp_path, "    time.sleep(6)\n" + WAIT).running()
    assert service.get("/livez")[0] == 200
    until_sync(lambda: service.get("/livez")[0] == 503)
    assert "event loop stuck for" in service.get("/livez")[1]
    until_sync(lambda: service.get("/livez")[0] == 200)
    service.process.terminate()
    service.ended()


def test_supervised_it_leaves_the_page_to_the_supervisor(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    ops = OpsServer("127.0.0.1:0", folder)
    ops.start()
    service = Service(tmp_path, WAIT, {"SARABAN_SUPERVISED": "1"}).running()
    try:
        until_sync(lambda: get(ops.port, "/readyz") == (200, "ready\n"))
        with pytest.raises(urllib.error.URLError):
            service.get("/livez")
        service.process.kill()
        service.process.wait()
        assert get(ops.port, "/readyz") == (503, "no process is running\n")
    finally:
        service.process.kill()
        service.process.communicate()
        ops.stop()


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        service = Service(tmp_path, WAIT, listen=f"127.0.0.1:{other.getsockname()[1]}")
        code, _, events = service.ended()
    assert code == 3
    assert "runtime.crashed" in events


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[OpsServer]:
    Readiness("ingest", tmp_path).set("nats", ready=True)
    server = OpsServer("127.0.0.1:0", tmp_path)
    server.start()
    yield server
    server.stop()


def test_idle_connections_do_not_shut_out_a_probe_for_long(ops: OpsServer) -> None:
    """A bound on requests under way, and a deadline for each."""
    idle = [socket.create_connection(("127.0.0.1", ops.port)) for _ in range(REQUESTS + 5)]
    try:
        began = time.monotonic()
        until_sync(lambda: _alive(ops.port), seconds=15)
        assert time.monotonic() - began < 12
    finally:
        for connection in idle:
            connection.close()


def _alive(port: int) -> bool:
    try:
        return get(port, "/livez")[0] == 200
    except OSError:
        return False


def test_a_head_request_has_no_body(ops: OpsServer) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{ops.port}/readyz", method="HEAD")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert (answer.status, answer.read()) == (200, b"")


def test_stopping_frees_the_address(ops: OpsServer) -> None:
    port = ops.port
    ops.stop()
    with socket.create_server(("127.0.0.1", port), reuse_port=False):
        pass
