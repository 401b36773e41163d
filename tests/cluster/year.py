"""The year's switch under load: by the deemed time at the last working day's end, by the entered one at midnight.

`python -m tests.cluster.year --rate 40`. Three time servers of its own live in faked time, the ingress believes them,
and nobody else tells a letter's time: workers, nats-server and the streams' own time stamps live in this machine's, and
nothing may rest on those. `provision` and the audit are typed in faked time, since they ask which year it is. One state
folder sees both instants.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import nats
from nats.js.client import JetStreamContext

from contracts.directory import Agency
from contracts.values import BANGKOK
from services.runtime import directory
from tests.chaos.judge import Json, Verdict, judge, messages
from tests.chaos.letters import Letter, letters
from tests.chaos.system import ADDRESSES, SARABAN, agency
from tests.cluster.senders import Senders
from tests.cluster.servers import quicken
from tests.servers import free_port
from tests.time_servers import TimeServers
from tests.world import World

DAY_ENDS = datetime(2026, 12, 30, 9, 30, tzinfo=UTC)
"""Wednesday 30 December 2569, 16:30 in Bangkok: what comes now counts as received on 4 January 2570."""

MIDNIGHT = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
"""1 January 2570, 0:00 in Bangkok."""

BASES = {"one": "deemed", "two": "entered"}
BEFORE = timedelta(seconds=3)
AFTER = timedelta(seconds=6)
HEADS_SECONDS = 180.0
LEADS = (20, 60, 180)
"""Seconds until the instant at the start; a busy machine needs the longer ones."""

TOML = """\
[clock]
servers = [{servers}]
poll_seconds = 1
[ingest]
trusted_networks = ["127.0.0.0/8"]
[notify]
cap_address = 1000000
cap_domain = 1000000
[log]
format = "json"
"""


class TooLateError(Exception):
    """The system was ready only after the instant."""


class Turn:
    """One system at one instant. `folder` keeps what it knew at the instant before."""

    def __init__(self, folder: Path, instant: datetime, lead: int, relay: int) -> None:
        self._instant = instant
        self._shift = round(instant.timestamp() - time.time()) - lead
        self._relay = relay
        (folder / "time").mkdir(exist_ok=True)
        self._times = TimeServers(folder / "time")
        names = ", ".join(f'"{self._times.serve(self._moved)}"' for _ in range(3))
        self.world = World(folder, TOML.format(servers=names))

    @property
    def _moved(self) -> str:
        return f"{self._shift:+d}s"

    def until(self, moment: datetime) -> float:
        """Seconds until then, by the time that the system lives in."""
        return moment.timestamp() - time.time() - self._shift

    async def start(self) -> None:
        """Start everything, with one agency for each basis."""
        await self.world.start()
        async with self.world.bus() as bus:
            for number, address in enumerate(ADDRESSES[: len(BASES)]):
                values = agency(number, address, self._relay)
                values["year_basis"] = BASES[str(values["id"])]
                await directory.put(bus, msgspec.convert(values, Agency))
        await self.quicken(15)
        if self.until(self._instant - BEFORE) < 0:
            raise TooLateError

    async def under_load(self, supply: list[Letter], rate: float, seed: int) -> Senders:
        """Letters from before the instant until after it; the register and the ingress are killed in the middle."""
        await asyncio.sleep(self.until(self._instant - BEFORE))
        senders, enough = Senders([self.world.smtp]), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(senders.steadily(iter(supply), rate, enough, seed))
            try:
                await asyncio.sleep(self.until(self._instant - timedelta(seconds=0.5)))
                os.kill(self.world.pid("register"), signal.SIGKILL)
                await asyncio.sleep(self.until(self._instant + timedelta(seconds=0.5)))
                os.kill(self.world.pid("ingest"), signal.SIGKILL)
                # What the timer of deploy/systemd does; `saraban up` would by itself within half a minute.
                await asyncio.to_thread(self.saraban, "provision", "--config", str(self.world.state / "saraban.toml"))
                await asyncio.sleep(self.until(self._instant + AFTER))
            finally:
                enough.set()
        await self.world.ready()
        return senders

    def saraban(self, *words: str) -> tuple[int, str]:
        """Type a command in the time that the system lives in."""
        done = subprocess.run(
            [*SARABAN, *words], env=os.environ | _faked(self._moved), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    async def quicken(self, ack_wait_seconds: int = 0) -> None:
        """What was under way when the system was stopped comes again sooner; 0: as it must be."""
        async with self.world.bus("provision") as bus:
            await quicken(bus, ack_wait_seconds)

    async def stop(self) -> None:
        """End the system and its time."""
        await self.world.stop()
        self._times.close()


def _faked(moved: str) -> dict[str, str]:
    """What makes a process live in another time."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return {"LD_PRELOAD": str(library), "FAKETIME": moved, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def switch(folder: Path, seed: int, rate: float, settle_seconds: float = 240) -> Verdict:
    """Let one system see both instants; the verdict says what was counted and what was found broken."""
    relay, notes = free_port(), folder / "relay.tsv"
    notes.touch()
    sink = subprocess.Popen([sys.executable, "-m", "tests.chaos.sink", str(relay), str(notes)])
    accepted: list[Letter] = []
    most = round(rate * (BEFORE + AFTER).total_seconds())
    supply = list(letters(seed, 2 * most, ADDRESSES[: len(BASES)], largest=4_096, large=0))
    try:
        for instant, share in ((DAY_ENDS, supply[:most]), (MIDNIGHT, supply[most:])):
            turn = await _started(folder, instant, relay)
            try:
                senders = await turn.under_load(share, rate, seed)
                accepted += senders.accepted
                if instant is MIDNIGHT:
                    return await _judged(turn, accepted, notes, settle_seconds)
            finally:
                await turn.stop()
        raise AssertionError("there are two instants")
    finally:
        sink.kill()
        sink.wait()


async def _started(folder: Path, instant: datetime, relay: int) -> Turn:
    for lead in LEADS:
        turn = Turn(folder, instant, lead, relay)
        try:
            await turn.start()
        except TooLateError:
            await turn.stop()
        except BaseException:
            await turn.stop()
            raise
        else:
            return turn
    raise TimeoutError(f"not ready within {LEADS[-1]} s")


async def _judged(turn: Turn, accepted: list[Letter], notes: Path, settle_seconds: float) -> Verdict:
    settings = turn.world.settings.nats
    user, _, password = settings.users["audit"].partition(":")
    verdict = await judge(settings.servers[0], user, password, accepted, notes, settle_seconds)
    nc = await nats.connect(settings.servers[0], user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode())
    try:
        found = await messages(nc.jetstream(timeout=30), "REGISTER", "register.v1.entered.>")
        await _heads(nc.jetstream(timeout=30), {subject: sequence for sequence, subject, _, _ in found})
    finally:
        await nc.close()
    _years([(subject, msgspec.json.decode(body)) for _, subject, _, body in found], verdict)
    await turn.quicken()  # the audit compares
    code, words = await asyncio.to_thread(turn.saraban, "audit", "--state", str(turn.world.state))
    print(words.strip())
    if code != 0:
        verdict.problems.append(f"saraban audit: exit {code}: {words}")
    return verdict


async def _heads(js: JetStreamContext, ends: dict[str, int]) -> None:
    """Wait until each book's end is signed: to an audit of that time the newest row is long overdue."""
    async with asyncio.timeout(HEADS_SECONDS):
        while True:
            heads = await messages(js, "FINDINGS", "sign.v1.checkpoint.>")
            signed = {subject.partition(".checkpoint.")[2]: msgspec.json.decode(body) for _, subject, _, body in heads}
            if all(signed.get(book.partition(".entered.")[2], {}).get("sequence") == end for book, end in ends.items()):
                return
            await asyncio.sleep(1)


def _years(rows: list[tuple[str, Json]], verdict: Verdict) -> None:
    """Each row is in the book of its year, by the rule and nobody's code; both books ended and began under load."""
    books: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for subject, row in rows:
        if row["type"] != "register.entered.v1":
            continue
        _, _, _, name, _, year = subject.split(".")
        received = datetime.fromisoformat(row["received_at"])
        books[name, year].append(received)
        turns = DAY_ENDS if BASES[name] == "deemed" else MIDNIGHT
        if year != ("2569" if received < turns else "2570"):
            verdict.problems.append(f"{subject}: number {row['number']} was received at {received}")
        if not row["within_bound"]:
            verdict.problems.append(f"{subject}: number {row['number']} was not stamped by the time servers")
        if BASES[name] == "deemed" and year == "2570" and row["deemed_at"][:16] != "2027-01-04T08:30":
            verdict.problems.append(f"{subject}: number {row['number']} is deemed {row['deemed_at']}")
    for name, basis in BASES.items():
        turns = DAY_ENDS if basis == "deemed" else MIDNIGHT
        before, after = books[name, "2569"], books[name, "2570"]
        print(
            f"{name} ({basis}): {len(before)} rows in 2569, the last {_near(before, turns, max)}; "
            f"{len(after)} in 2570, the first {_near(after, turns, min)} ({turns.astimezone(BANGKOK):%d %b %H:%M})"
        )
        if not any(turns - BEFORE <= moment < turns for moment in before):
            verdict.problems.append(f"{name}: no letter came in the seconds before the switch")
        if not any(turns <= moment <= turns + AFTER for moment in after):
            verdict.problems.append(f"{name}: no letter came in the seconds after the switch")
    streams = {row["position"]["stream"] for _, row in rows if row["type"] == "register.entered.v1"}
    if streams != {"MAIL_2569", "MAIL_2570"}:
        verdict.problems.append(f"letters lie in {sorted(streams)}, not in both years' streams")


def _near(moments: list[datetime], turns: datetime, edge: Callable[[list[datetime]], datetime]) -> str:
    return f"{(edge(moments) - turns).total_seconds():+.3f} s" if moments else "never"


def main() -> None:
    """Read the command line, run, exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2569)
    parser.add_argument("--rate", type=float, default=40.0, help="letters a second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saraban-year-") as folder:
        verdict = asyncio.run(switch(Path(folder), asked.seed, asked.rate))
    for problem in verdict.problems[:50]:
        print(f"BROKEN: {problem}")
    print(f"{verdict.rows} rows, {verdict.notices} notices, {verdict.final_receipts} final receipts")
    print("year: " + ("every promise held" if not verdict.problems else f"{len(verdict.problems)} promises broken"))
    sys.exit(1 if verdict.problems else 0)


if __name__ == "__main__":
    main()
