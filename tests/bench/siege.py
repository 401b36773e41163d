"""`make siege`: an ingress with the shipped defaults under siege, and what an honest client notices of it.

10,000 connections that say nothing, 200 letters octet by octet, 50 letters of 25 MiB at once; meanwhile an honest
client says NOOP fifty times a second in a session of its own, and another one brings a letter a second, each in a new
connection. Prints what everybody was answered, how long NOOP took, the memory of ingress and nats-server, and whether
everything that was answered 250 lies in MAIL, octet for octet by its digest.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from nats.js.api import ConsumerConfig, DeliverPolicy

from contracts import codec
from services.commands.part import Record
from services.runtime.bus import Bus
from tests.bench import ingress as bench_ingress
from tests.bench.ingress import ADDRESS, Ingress

QUIET_SECONDS = 5.0
NOOP_SECONDS = 0.02
MIB = 1 << 20


class Honest:
    """A client that had a session before, and one that comes anew each time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.noops: list[float] = []
        self.kept: dict[str, int] = {}
        self.turned_away = 0
        self.took: list[float] = []

    async def say_noop(self) -> None:
        """NOOP for ever, in one session."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await reader.readline()
        while True:
            began = time.perf_counter()
            writer.write(b"NOOP\r\n")
            if not (await reader.readline()).startswith(b"250"):
                raise ConnectionError("the honest client was thrown out")
            self.noops.append(time.perf_counter() - began)
            await asyncio.sleep(NOOP_SECONDS)

    async def bring_letters(self) -> None:
        """A small letter a second, each by a new connection; comes again when it is told to."""
        number = 0
        while True:
            number += 1
            letter = f"Message-ID: <honest.{number}@siege.example>\r\nSubject: {number}\r\n\r\nok\r\n".encode()
            began = time.perf_counter()
            while not await self._bring(letter):
                self.turned_away += 1
                await asyncio.sleep(0.5)
            self.took.append(time.perf_counter() - began)
            await asyncio.sleep(1)

    async def _bring(self, letter: bytes) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=("127.0.0.2", 0))
        try:
            if not (await reader.readline()).startswith(b"220"):
                return False
            writer.write(f"HELO h.example\r\nMAIL FROM:<h@h.example>\r\nRCPT TO:<{ADDRESS}>\r\nDATA\r\n".encode())
            codes = [(await reader.readline())[:3] for _ in range(4)]
            if codes[3] != b"354":
                return False
            writer.write(letter + b".\r\n")
            if not (await reader.readline()).startswith(b"250"):
                return False
            self.kept[hashlib.sha256(letter).hexdigest()] = len(letter)
            return True
        finally:
            writer.close()


class Memory:
    """The largest resident sizes seen, in MiB."""

    def __init__(self, ours: Ingress) -> None:
        self._ours = ours
        self.largest: dict[str, float] = {}

    async def watch(self) -> None:
        """Look twice a second, for ever."""
        while True:
            for name, size in self.now().items():
                self.largest[name] = max(size, self.largest.get(name, 0))
            await asyncio.sleep(0.5)

    def now(self) -> dict[str, float]:
        """Of nats-server, and of all serving processes of the ingress together."""
        serving = [part.pid for part in Record(self._ours.folder / "state" / "run" / "ingest.record").read()]
        return {"nats-server": _resident(self._ours.server_pid), "ingress": sum(map(_resident, serving))}


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / MIB
    except OSError:
        return 0.0  # gone meanwhile


async def stored(ours: Ingress) -> dict[str, int]:
    """Digest and size of every letter in MAIL, from its octets."""
    bus = await Bus.connect(ours.nats, "audit")
    found: dict[str, int] = {}
    try:
        stream = f"MAIL_{bench_ingress.YEAR}"
        info = await bus.js.stream_info(stream)
        parts: list[bytes] = []
        subscription = await bus.js.subscribe(
            "mail.v1.>", stream=stream, ordered_consumer=True, config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        )
        for _ in range(info.state.messages):
            message = await subscription.next_msg(timeout=60)
            if message.subject.startswith("mail.v1.part."):
                parts.append(message.data)
            elif message.subject.startswith("mail.v1.received."):
                event = codec.decode_received(message.headers or {})
                letter = b"".join(parts) if event.parts else message.data
                parts.clear()
                digest = hashlib.sha256(letter).hexdigest()
                if digest != event.sha256:
                    raise AssertionError(f"{event.mail}: its octets are not what its event says")
                found[digest] = len(letter)
    finally:
        await bus.close()
    return found


@asynccontextmanager
async def _running(*coroutines: object) -> AsyncIterator[list["asyncio.Task[None]"]]:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]  # type: ignore[call-overload]  # coroutines, all of them
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


def p99(seconds: list[float]) -> float:
    """In milliseconds."""
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000 if seconds else 0.0


async def siege(asked: argparse.Namespace) -> bool:
    """Run it and print; whether nothing was lost."""
    with tempfile.TemporaryDirectory(prefix="saraban-siege-") as name:
        folder = Path(name)
        async with bench_ingress.ingress(folder, processes=asked.processes, trusted=False) as ours:
            honest, memory = Honest(ours.port), Memory(ours)
            print("memory idle, MiB:", {what: round(size) for what, size in memory.now().items()})
            async with _running(honest.say_noop(), honest.bring_letters(), memory.watch()) as tasks:
                await asyncio.sleep(QUIET_SECONDS)
                quiet, honest.noops = p99(honest.noops), []
                began = time.perf_counter()
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.bench.besiegers", "127.0.0.1", str(ours.port), "--to", ADDRESS,
                    "--idle", str(asked.idle), "--slow", str(asked.slow), "--large", str(asked.large),
                    "--large-bytes", str(asked.large_mib * MIB), stdout=asyncio.subprocess.PIPE, limit=1 << 24,
                )  # fmt: skip
                out, _ = await process.communicate()
                seconds = time.perf_counter() - began
                for task in tasks:
                    if task.done():
                        task.result()
            result = json.loads(out.splitlines()[-1])
            print(f"the siege took {seconds:.1f} s; answers:")
            for what, count in result["replies"].items():
                print(f"  {what}: {count}")
            print(f"idle connections held at its end: {result['idle_held_at_the_end']}")
            print(f"NOOP of the honest client, p99: {quiet:.1f} ms before, {p99(honest.noops):.1f} ms in the siege")
            print(
                f"letters by new connections: {len(honest.kept)} kept, told to come again {honest.turned_away} times, "
                f"longest wait {max(honest.took, default=0):.1f} s"
            )
            print("memory at most, MiB:", {what: round(size) for what, size in memory.largest.items()})
            kept = result["kept"] | honest.kept
            found = await stored(ours)
            lost = [digest for digest, size in kept.items() if found.get(digest) != size]
            print(f"{len(kept)} letters were answered 250, {len(lost)} of them are not in MAIL")
            return not lost


def main() -> None:
    """Read the command line; exit code 1 if a letter was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--large", type=int, default=50)
    parser.add_argument("--large-mib", type=int, default=25)
    parser.add_argument("--processes", type=int, default=1)
    sys.exit(0 if uvloop.run(siege(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
