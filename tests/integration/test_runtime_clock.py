"""The central clock against real time servers: chronyd on loopback ports, some of them with false time."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.runtime import ntp, settings
from services.runtime.clock import CentralClock, read_kernel
from tests.servers import free_port
from tests.waiting import until_sync

pytestmark = [pytest.mark.system("chrony", "faketime")]

Serve = Callable[[str], str]


class TimeServers:
    """chronyd processes that serve this host's time, moved by what a test says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self, moved: str = "") -> str:
        """Start one; `moved` is a shift such as `+5s`. Returns HOST:PORT when it answers."""
        port = free_port()
        name = f"127.0.0.1:{port}"
        config = self._folder / f"chrony-{port}.conf"
        config.write_text(
            f"port {port}\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\nallow 127.0.0.1\nlocal stratum 3\n"
            f"pidfile {self._folder}/chrony-{port}.pid\n"
        )
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
        user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        command = ["chronyd", "-x", "-U", "-d", "-u", user, "-f", str(config)]
        if moved:
            command = ["faketime", "-f", moved, *command]
        self._processes[name] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"PATH": path}
        )
        until_sync(lambda: _answers("127.0.0.1", port))
        return name

    def stop(self, name: str) -> None:
        process = self._processes.pop(name)
        process.terminate()
        process.wait(timeout=20)

    def close(self) -> None:
        for name in list(self._processes):
            self.stop(name)


def _answers(host: str, port: int) -> bool:
    try:
        ntp.ask("probe", host, port, 0.2)
    except ntp.NoAnswer:
        return False
    return True


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[TimeServers]:
    found = TimeServers(tmp_path)
    yield found
    found.close()


def config(*names: str) -> settings.Clock:
    return settings.Clock(servers=names, timeout_seconds=0.5, poll_seconds=1)


needs_undisciplined = pytest.mark.skipif(
    read_kernel().bound_ns is not None, reason="this host's clock is disciplined: the servers do not set the time"
)


@needs_undisciplined
async def test_the_servers_make_an_unsynchronised_host_certain(servers: TimeServers) -> None:
    names = [servers.serve() for _ in range(3)]
    clock = CentralClock(config(*names))
    assert not clock.now().within_bound
    await clock.poll()
    before, stamp, after = time.time_ns(), clock.now(), time.time_ns()
    assert stamp.within_bound
    assert stamp.bound_ms < 30
    assert stamp.stratum == 3
    assert stamp.source.startswith("3 of 3 central servers agree")
    assert before - stamp.bound_ms * 1e6 <= stamp.utc_ns <= after + stamp.bound_ms * 1e6


@needs_undisciplined
async def test_a_server_with_false_time_is_outvoted(servers: TimeServers) -> None:
    true = [servers.serve(), servers.serve()]
    clock = CentralClock(config(servers.serve("+5s"), *true))
    await clock.poll()
    before, stamp, after = time.time_ns(), clock.now(), time.time_ns()
    assert stamp.within_bound
    assert stamp.source.startswith("2 of 3 central servers agree")
    assert all(name in stamp.source for name in true)
    assert before - stamp.bound_ms * 1e6 <= stamp.utc_ns <= after + stamp.bound_ms * 1e6


@needs_undisciplined
async def test_a_majority_with_other_time_than_the_host_is_followed(servers: TimeServers) -> None:
    clock = CentralClock(config(servers.serve("-90s"), servers.serve("-90s"), servers.serve()))
    await clock.poll()
    stamp = clock.now()
    assert stamp.within_bound
    assert abs(stamp.utc_ns - (time.time_ns() - 90_000_000_000)) < 50_000_000


async def test_without_a_majority_nothing_is_certain(servers: TimeServers) -> None:
    clock = CentralClock(config(servers.serve("+5s"), servers.serve("-5s"), servers.serve()))
    await clock.poll()
    stamp = clock.now()
    assert "no majority of 3 central servers" in stamp.source
    assert stamp.within_bound is (read_kernel().bound_ns is not None)


@needs_undisciplined
async def test_one_of_three_is_no_majority(servers: TimeServers) -> None:
    gone = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    clock = CentralClock(config(servers.serve(), *gone))
    await clock.poll()
    assert not clock.now().within_bound


@needs_undisciplined
async def test_when_the_servers_fall_silent_the_bound_grows(servers: TimeServers) -> None:
    names = [servers.serve() for _ in range(3)]
    clock = CentralClock(config(*names))
    await clock.poll()
    before = clock.now()
    for name in names:
        servers.stop(name)
    await clock.poll()
    after = clock.now()
    assert after.bound_ms > before.bound_ms
    assert after.within_bound  # for another half an hour


async def test_a_clock_without_servers_says_what_it_knows() -> None:
    stamp = CentralClock(settings.Clock()).now()
    assert stamp.source in ("host clock, not synchronised", "host clock, disciplined")
    assert stamp.within_bound is (stamp.source == "host clock, disciplined" and stamp.bound_ms <= 30)
