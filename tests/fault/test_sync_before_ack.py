"""Invariant 1: an ack comes after the sync. Seen from outside, in the system calls of nats-server."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.runtime import provision
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.durability import durable
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer

pytestmark = [pytest.mark.system("strace"), pytest.mark.slow]

MARK = "the-letter-that-is-watched"
SUBJECT = "mail.v1.received.demo"


@contextmanager
def watched(server: NatsServer, trace: Path) -> Iterator[None]:
    """Trace the reads, writes and syncs of the server; all of them are in `trace` afterwards."""
    strace = subprocess.Popen(
        [
            "strace",
            "-f",
            "-y",
            "-s",
            "2000",
            "-e",
            "trace=read,write,writev,fsync,fdatasync",
            "-o",
            trace,
            "-p",
            str(server.pid),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert strace.stderr is not None
    for line in strace.stderr:
        if "attached" in line:
            break
    try:
        yield
    finally:
        strace.terminate()
        strace.wait()
        strace.stderr.close()


def between_letter_and_ack(trace: str) -> list[str]:
    """The lines from the last read that brought the letter to the write of its PubAck."""
    lines = trace.splitlines()
    ack = next(number for number, line in enumerate(lines) if re.search(r'write.*\\"stream\\":\\"MAIL_', line))
    letter = max(number for number, line in enumerate(lines[:ack]) if MARK in line and "read" in line)
    return lines[letter : ack + 1]


async def trace_of(server: NatsServer, messages: list[Outgoing], trace: Path) -> list[str]:
    """What the server did between reading these messages and acknowledging them."""
    await provision.provision(server.settings(), THIS_YEAR)
    bus = await Bus.connect(server.settings(), "ingest")
    with watched(server, trace):
        await commit(bus.nc, messages, 60)
    await bus.close()
    return between_letter_and_ack(trace.read_text(errors="replace"))


def letters(count: int) -> list[Outgoing]:
    return [Outgoing(SUBJECT, f"{MARK} {number}".encode(), {"ce-id": str(number)}) for number in range(count)]


def syncs(lines: list[str]) -> list[str]:
    """Syncs of the stream's own message blocks: a batch also syncs its staging area, whatever the setting."""
    return [line for line in lines if re.search(r"f(data)?sync\(\d+<[^>]*/streams/MAIL_\d+/msgs/\d+\.blk>", line)]


@pytest.mark.parametrize("count", [1, 20], ids=["one publish", "a batch"])
async def test_the_sync_is_before_the_ack(nats_server: NatsServer, tmp_path: Path, count: int) -> None:
    found = await trace_of(nats_server, letters(count), tmp_path / "trace")
    assert syncs(found), "acknowledged without a sync:\n" + "\n".join(found)
    assert await durable(nats_server.settings()) is None


@pytest.mark.parametrize("count", [1, 20], ids=["one publish", "a batch"])
async def test_without_sync_interval_always_there_is_none(tmp_path: Path, count: int) -> None:
    """The test above can fail: a server left at its default acknowledges first, and the ingress says so."""
    server = NatsServer(tmp_path / "lax", sync="2m")
    server.start()
    try:
        found = await trace_of(server, letters(count), tmp_path / "trace")
        assert not syncs(found)
        reason = await durable(server.settings())
        assert reason is not None
        assert "sync_interval" in reason
    finally:
        server.kill()
