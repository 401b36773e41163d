"""What an ingress costs: processor time beside stock aiosmtpd, memory beside the octets held, others' waiting."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.figures import Row
from tests.bench.ingress import ADDRESS, Ingress, rate
from tests.servers import free_port

MIB = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")
HELD, HELD_BYTES = 50, 10 * MIB
LARGE, LARGE_BYTES = 4, 25_000_000
NOOP_MS = 50.0


@asynccontextmanager
async def stock() -> AsyncIterator[tuple[int, int]]:
    """Run stock aiosmtpd; its port and process id."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.stock", str(port))
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
        yield port, process.pid
    finally:
        process.kill()
        await process.wait()


def rows(ours: Ingress, peer: tuple[int, int], scale: float) -> list[Row]:
    """The rows of DESIGN's table about processor time, memory and other clients."""
    port, pid = peer
    asked = (("4 KiB", 4_096, 2_000, 0.25), ("64 KiB", 65_536, 600, 0.125), ("1 MiB", MIB, 60, 0.125))
    found = [
        Row(
            what=f"processor time of the ingress a letter, {name}",
            unit="µs",
            ours=lambda size=size, count=count: _processor(ours.pid, ours.port, size, int(count * scale)),  # type: ignore[misc]  # a lambda's default
            peer=lambda size=size, count=count: _processor(pid, port, size, int(count * scale)),  # type: ignore[misc]  # a lambda's default
            peer_name="stock aiosmtpd on uvloop, discarding",
            reach=reach,
            smaller_is_better=True,
        )
        for name, size, count, reach in asked
    ]
    found.append(
        Row(
            what=f"memory with {HELD} × 10 MiB held open",
            unit="MiB",
            ours=lambda: _memory(ours),
            peer=_payload,
            peer_name="payload in flight",
            reach=1.4,
            smaller_is_better=True,
        )
    )
    found.append(
        Row(
            what=f"another client's NOOP while {LARGE} × 25 MB arrive, p99",
            unit="ms",
            ours=lambda: _noop(ours),
            peer=_asked,
            peer_name="what DESIGN asks for",
            reach=1.0,
            smaller_is_better=True,
        )
    )
    return found


async def _payload() -> float:
    return HELD * HELD_BYTES / MIB


async def _asked() -> float:
    return NOOP_MS


async def _processor(pid: int, port: int, size: int, letters: int) -> float:
    before = _ticks(pid)
    await rate(port, ADDRESS, size, letters, 10)
    return (_ticks(pid) - before) / TICK / letters * 1e6


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


async def _memory(ours: Ingress) -> float:
    """How much the ingress grows while it holds letters whose end has not come; every one must be taken in the end."""
    before = _resident(ours.pid)
    block = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3\r\n" * 12_800
    block = block[:MIB]
    writers = []
    for number in range(HELD):
        reader, writer = await _begun(ours.port)
        writer.write(f"Message-ID: <held.{number}.{time.monotonic_ns()}@bench.example>\r\n\r\n".encode())
        for _ in range(HELD_BYTES // MIB):
            writer.write(block)
            await writer.drain()
        writers.append((reader, writer))
    await _settled(ours.pid)
    grown = _resident(ours.pid) - before
    for _, writer in writers:
        writer.write(b"\r\n.\r\n")
    for reader, writer in writers:
        reply = await reader.readline()
        if not reply.startswith(b"250"):
            raise RuntimeError(f"a letter that was held open was refused: {reply!r}")
        writer.close()
    return grown / MIB


async def _settled(pid: int) -> None:
    """Wait until the process has read what was sent to it: its memory no longer grows."""
    last = -1
    while (now := _resident(pid)) > last:
        last = now
        await asyncio.sleep(0.5)


async def _noop(ours: Ingress) -> float:
    """The 99th percentile of a client that says NOOP while large letters arrive."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    await reader.readline()
    load = asyncio.create_task(rate(ours.port, ADDRESS, LARGE_BYTES, LARGE * 4, LARGE))
    seconds: list[float] = []
    while not load.done():
        began = time.perf_counter()
        writer.write(b"NOOP\r\n")
        await reader.readline()
        seconds.append(time.perf_counter() - began)
        await asyncio.sleep(0.005)
    await load
    writer.close()
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000


async def _begun(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"HELO bench.example\r\nMAIL FROM:<c@bench.example>\r\nRCPT TO:<{ADDRESS}>\r\nDATA\r\n".encode())
    for _ in range(5):
        reply = await reader.readline()
    if not reply.startswith(b"354"):
        raise RuntimeError(f"DATA was answered {reply!r}")
    return reader, writer


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
