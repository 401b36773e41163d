"""A million letters: how long an audit of them takes and in how much memory, and what nats-server keeps for each.

`python -m tests.bench --only million [--scale 0.1] [--store FOLDER]`. The audit is the command itself, in a process of
its own. Memory of nats-server is read after a start on the same store, with the guards of all letters and without:
Go gives memory back late, so that a running server says more of its past than of what it keeps. Guards are purged
here, where their TTL of 14 days takes them in life.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.runtime.bus import Bus
from tests.bench import store
from tests.bench.store import Store
from tests.servers import NatsServer, free_port

LETTERS, RECEIPTS = 1_000_000, 20_000
MINUTES = 5.0
"""`a million rows within minutes`."""

BYTES_A_LETTER = 1_024
YEAR_LETTERS = 300 * 200 * 365
GUARDED_LETTERS = 300 * 200 * 14
KIB, MIB = 1_024, 1 << 20


@dataclass
class Run:
    """One audit."""

    how: str
    seconds: float
    processor: float
    peak: int
    rows: int
    holds: bool


@dataclass
class Million:
    """What was measured."""

    letters: int
    receipts: int
    runs: list[Run] = field(default_factory=list)
    with_guards: int = 0
    without_guards: int = 0
    empty: int = 0
    start_seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        """As they are printed."""
        yield f"{self.letters:,} letters of 1 KiB in {store.AGENCIES} books, {self.receipts:,} receipts of 80 KB"
        yield "| audit | time | processor | a million rows | peak memory | to reach | |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for run in self.runs:
            million = run.seconds / max(run.rows, 1) * 1e6 / 60
            reached = run.holds and (million <= MINUTES or run.how.startswith("gone on"))
            yield (
                f"| {run.how} | {run.seconds:.1f} s | {run.processor:.1f} s | {million:.2f} min "
                f"| {run.peak / MIB:.0f} MiB | ≤ {MINUTES:g} min, all kept | {'reached' if reached else 'not yet'} |"
            )
        guarded = (self.with_guards - self.without_guards) / self.letters
        kept = (self.without_guards - self.empty) / self.letters
        year = self.empty + kept * YEAR_LETTERS + guarded * GUARDED_LETTERS
        yield "| nats-server | measured | to reach | |"
        yield "| --- | --- | --- | --- |"
        yield (
            f"| memory a letter, guard alive | {guarded + kept:.0f} octets | ≤ {BYTES_A_LETTER} "
            f"| {'reached' if guarded + kept <= BYTES_A_LETTER else 'not yet'} |"
        )
        yield f"| memory a letter, guard gone | {kept:.0f} octets | none | {'reached' if kept < 64 else 'not yet'} |"
        yield (
            f"| 300 agencies × 200 letters × 365 days, extrapolated from the two lines above | {year / MIB:,.0f} MiB "
            f"| ≤ 2,048 MiB | {'reached' if year <= 2_048 * MIB else 'not yet'} |"
        )
        started = "reached" if self.start_seconds <= 60 else "not yet"
        yield f"| start on this store | {self.start_seconds:.1f} s | ≤ 60 s | {started} |"


async def million(letters: int, receipts: int, folder: Path | None) -> Million:
    """Build a store, or take the one in `folder`, and measure."""
    found = Million(letters, receipts)
    async with _store(letters, receipts, folder) as built:
        server = built.server
        found.empty = await _empty(built.folder)
        found.start_seconds = await _restart(server)
        found.with_guards = _resident(server.pid)
        for how, words in (
            ("whole, octets", ["--octets", "--from-start"]),
            ("gone on from it", ["--octets"]),
            ("whole, headers", ["--headers", "--from-start"]),
        ):
            found.runs.append(await _audit(built, how, words))
            print(f"{how}: {found.runs[-1].seconds:.0f} s", flush=True)
        if folder is None:  # a store that was given is left as it is
            bus = await Bus.connect(built.nats, "test")
            await bus.js.purge_stream("REGISTER", subject="register.v1.letter.>")
            await bus.close()
            await _restart(server)
            found.without_guards = _resident(server.pid)
    return found


@asynccontextmanager
async def _store(letters: int, receipts: int, folder: Path | None) -> AsyncIterator[Store]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="saraban-million-") as fresh:
            async with store.store(Path(fresh), letters, receipts) as built:
                yield built
        return
    server = NatsServer(folder / "server", sync="2m")
    await asyncio.to_thread(server.start, 120)
    try:
        yield Store(server, folder, letters, receipts)
    finally:
        server.stop()


async def _empty(folder: Path) -> int:
    """What a nats-server takes that keeps nothing."""
    server = NatsServer(folder / f"empty-{os.getpid()}")
    await asyncio.to_thread(server.start)
    try:
        return _resident(server.pid)
    finally:
        server.stop()


async def _restart(server: NatsServer) -> float:
    await asyncio.to_thread(server.stop)
    began = time.monotonic()
    await asyncio.to_thread(server.start, 120)
    return time.monotonic() - began


async def _audit(built: Store, how: str, words: list[str]) -> Run:
    """The command itself; what it took as the kernel says."""
    users = ", ".join(f'{name} = "{user}"' for name, user in built.nats.users.items())
    config = built.folder / "audit.toml"
    (built.folder / "state").mkdir(exist_ok=True)
    config.write_text(
        f'state = "{built.folder}/state"\n[nats]\nservers = ["{built.nats.servers[0]}"]\nusers = {{ {users} }}\n'
        f'[ops]\nlisten = "127.0.0.1:{free_port()}"\n'
    )
    out = built.folder / "audit.json"
    began = time.monotonic()
    with out.open("wb") as file:
        command = [sys.executable, "-m", "services.cli", "audit", *words, "--format", "json", "--config", str(config)]
        # Not asyncio's: it would take the exit status, and with it what the process used.
        process = await asyncio.to_thread(subprocess.Popen, command, stdout=file)
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode not in (0, 1):
        raise RuntimeError(f"the audit ended with {process.returncode}")
    said = json.loads(out.read_text().splitlines()[-1])
    processor = usage.ru_utime + usage.ru_stime
    return Run(how, seconds, processor, usage.ru_maxrss * KIB, said["counts"]["rows"], said["holds"])


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
