"""The central clock against real time servers: chronyd on loopback ports, some of them with false time."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from services.runtime import ntp, settings
from services.runtime.clock import CentralClock
from services.runtime.kernel import read_host
from services.runtime.time_servers import TimeServers as TimeServersOf
from tests.servers import free_port
from tests.time_servers import TimeServers

pytestmark = [pytest.mark.system("chrony", "faketime")]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[TimeServers]:
    found = TimeServers(tmp_path)
    yield found
    found.close()


def config(*names: str, **changes: Any) -> settings.Clock:
    return settings.Clock(servers=names, **({"timeout_seconds": 0.5, "poll_seconds": 1} | changes))


def states() -> dict[str, float | None]:
    return {
        state: REGISTRY.get_sample_value("saraban_clock_servers", {"state": state})
        for state in ("agreeing", "outvoted", "silent", "repeated")
    }


needs_undisciplined = pytest.mark.skipif(
    read_host().bound_ns is not None, reason="this host's clock is disciplined: the servers do not set the time"
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
    assert states() == {"agreeing": 3, "outvoted": 0, "silent": 0, "repeated": 0}


@needs_undisciplined
async def test_a_majority_with_other_time_than_the_host_is_followed(servers: TimeServers) -> None:
    """The host is 90 s ahead of the central servers, and one of those is as wrong as the host."""
    clock = CentralClock(config(servers.serve("-90s"), servers.serve("-90s"), servers.serve()))
    await clock.poll()
    stamp = clock.now()
    assert stamp.within_bound
    assert abs(stamp.utc_ns - (time.time_ns() - 90_000_000_000)) < 50_000_000
    assert states() == {"agreeing": 2, "outvoted": 1, "silent": 0, "repeated": 0}


async def test_without_a_majority_nothing_is_certain(servers: TimeServers) -> None:
    clock = CentralClock(config(servers.serve("+5s"), servers.serve("-5s"), servers.serve()))
    await clock.poll()
    stamp = clock.now()
    assert "no majority of 3 central servers" in stamp.source
    assert stamp.within_bound is (read_host().bound_ns is not None)
    assert states() == {"agreeing": 0, "outvoted": 3, "silent": 0, "repeated": 0}


@needs_undisciplined
async def test_one_of_three_is_no_majority(servers: TimeServers) -> None:
    """One is gone, one knows no time and says so (leap indicator 3, stratum 0): the third is alone."""
    clock = CentralClock(config(servers.serve(), f"127.0.0.1:{free_port()}", servers.serve(stratum=0)))
    await clock.poll()
    assert not clock.now().within_bound
    assert states() == {"agreeing": 0, "outvoted": 1, "silent": 2, "repeated": 0}


@needs_undisciplined
async def test_one_machine_with_three_names_is_one_witness(servers: TimeServers) -> None:
    name = servers.serve()
    port = name.rpartition(":")[2]
    clock = CentralClock(config(name, f"localhost:{port}", f"127.1:{port}"))
    await clock.poll()
    assert not clock.now().within_bound
    assert states() == {"agreeing": 0, "outvoted": 1, "silent": 0, "repeated": 2}


@needs_undisciplined
async def test_a_server_that_goes_wrong_is_outvoted_at_once_and_believed_again_when_it_is_mended(
    servers: TimeServers,
) -> None:
    """Its nearest earlier answer must not speak for it."""
    true, changing = [servers.serve(), servers.serve()], servers.serve()
    clock = CentralClock(config(changing, *true))
    await clock.poll()
    for moved, agreeing in (("+5s", 2), ("", 3)):
        servers.stop(changing)
        servers.serve(moved, name=changing)
        await clock.poll()
        assert states()["agreeing"] == agreeing
        stamp, now = clock.now(), time.time_ns()
        assert stamp.within_bound
        assert abs(now - stamp.utc_ns) <= stamp.bound_ms * 1e6 + 50_000_000


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
    assert states() == {"agreeing": 0, "outvoted": 0, "silent": 3, "repeated": 0}


@needs_undisciplined
async def test_an_oscillator_that_is_worse_than_assumed_is_measured(servers: TimeServers) -> None:
    """Servers that run 0.04 % fast beside us: to them, ours is slow. Silence then costs what was seen, twice over."""
    asked = TimeServersOf(config(*(servers.serve("+0s x1.0004") for _ in range(3))))
    async with asyncio.timeout(20):
        while asked.ppm <= 100:
            await asked.poll()
    assert asked.ppm <= 1_000, "not twice more than there is"
    assert asked.measured is not None
    silent = msgspec.structs.replace(read_host(), bound_ns=None)
    later = msgspec.structs.replace(
        silent, boot_ns=silent.boot_ns + 100_000_000_000, raw_ns=silent.raw_ns + 100_000_000_000
    )
    assert asked.measured.distance_at(later) - asked.measured.distance_at(silent) >= asked.ppm * 100_000 - 1


@needs_undisciplined
async def test_a_jump_is_no_drift(servers: TimeServers) -> None:
    """All servers two seconds later at once: this host stood still, or so it looks. Followed, and not learned from."""
    names = [servers.serve() for _ in range(3)]
    asked = TimeServersOf(config(*names))
    await asked.poll()
    for name in names:
        servers.stop(name)
        servers.serve("+2s", name=name)
    await asked.poll()
    assert asked.ppm == 15
    assert asked.measured is not None
    host = read_host()
    apart = asked.measured.central_ns(host) - time.time_ns()
    assert abs(apart - 2_000_000_000) <= asked.measured.distance_at(host) + 50_000_000
    assert states()["agreeing"] == 3


async def test_the_loop_goes_on_while_servers_do_not_answer() -> None:
    """Sockets that take questions and say nothing: the poll waits, stamps and everybody else do not."""
    with mute_server() as first, mute_server() as second:
        clock = CentralClock(config(f"127.0.0.1:{first}", f"127.0.0.1:{second}"))
        polling = asyncio.create_task(clock.poll())
        turns = 0
        while not polling.done():
            clock.now()
            await asyncio.sleep(0)
            turns += 1
        assert turns > 1_000, "the half second of silence was not spent on the loop"


@contextmanager
def mute_server() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        yield line.getsockname()[1]


async def test_a_clock_without_servers_says_what_it_knows() -> None:
    stamp = CentralClock(settings.Clock()).now()
    assert stamp.source in ("host clock, not synchronised", "host clock, disciplined")
    assert stamp.within_bound is (stamp.source == "host clock, disciplined" and stamp.bound_ms <= 30)


@contextmanager
def between(server: str, change: Callable[[bytes], bytes], delay: float = 0.0) -> Iterator[str]:
    """The way to a server: replies are held up for `delay` seconds, and are what `change` makes of them."""
    host, _, port = server.partition(":")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as front,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back,
    ):
        front.bind(("127.0.0.1", 0))
        back.connect((host, int(port)))
        ended = threading.Event()

        def carry() -> None:
            while not ended.is_set():
                question, peer = front.recvfrom(1024)
                if question:
                    back.send(question)
                    reply = back.recv(1024)
                    ended.wait(delay)
                    front.sendto(change(reply), peer)

        thread = threading.Thread(target=carry, daemon=True)
        thread.start()
        name = f"127.0.0.1:{front.getsockname()[1]}"
        try:
            yield name
        finally:
            ended.set()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", front.getsockname())
            thread.join(5)


@needs_undisciplined
async def test_an_asymmetric_way_can_only_be_bounded(servers: TimeServers) -> None:
    """40 ms on the way back alone: the time is 20 ms wrong, nothing shows it, and the bound covers it."""
    with between(servers.serve(), lambda reply: reply, delay=0.04) as slow:
        clock = CentralClock(config(slow))
        await clock.poll()
        before, stamp, after = time.time_ns(), clock.now(), time.time_ns()
    wrong = max(before - stamp.utc_ns, stamp.utc_ns - after) / 1e6
    assert wrong > 15
    assert wrong <= stamp.bound_ms


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda reply: bytes([reply[0] | 0xC0]) + reply[1:], "is not synchronised"),
        (lambda reply: reply[:1] + b"\x10" + reply[2:], "is not synchronised"),  # stratum 16
        (lambda reply: reply[:1] + b"\x00" + reply[2:12] + b"RATE" + reply[16:], "refuses (RATE)"),
        (lambda reply: reply[:4] + struct.pack("!I", 4 << 16) + reply[8:], "too far"),  # root delay 4 s
        (lambda reply: reply[:24] + bytes(8) + reply[32:], "timed out"),  # not the answer to our question
        (lambda reply: reply[:40], "timed out"),
    ],
)
def test_an_answer_that_is_worth_nothing(servers: TimeServers, change: Callable[[bytes], bytes], reason: str) -> None:
    with between(servers.serve(), change) as way, pytest.raises(ntp.NoAnswer) as refused:
        ntp.ask("central", *_place(way), 0.3, 15)
    assert reason in str(refused.value)


def test_an_announced_leap_second_is_heard(servers: TimeServers) -> None:
    with between(servers.serve(), lambda reply: bytes([reply[0] & 0x3F | 0x40]) + reply[1:]) as way:
        assert ntp.ask("central", *_place(way), 0.5, 15).leap


async def test_a_server_that_refuses_is_left_alone_for_a_while(servers: TimeServers) -> None:
    asked = 0

    def refuse(reply: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return reply[:1] + b"\x00" + reply[2:12] + b"RATE" + reply[16:]

    with between(servers.serve(), refuse) as way:
        clock = CentralClock(config(way, poll_seconds=3_600))
        for _ in range(3):
            await clock.poll()
    assert asked == 1
    assert states()["silent"] == 1


def _place(name: str) -> tuple[str, int]:
    host, _, port = name.partition(":")
    return host, int(port)
