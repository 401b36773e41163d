"""One campaign: letters at a steady rate, one fault after the other, then the judgement.

`python -m tests.cluster --times 20 --seed 7` (`make cluster`). The seed fixes the letters, the order of the faults
and which follower is cut off; what the machine does with them is its own.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from services.runtime.bus import Bus
from tests.chaos.judge import Verdict, judge
from tests.chaos.letters import letters
from tests.chaos.system import ADDRESSES
from tests.cluster.faults import Faults, Struck
from tests.cluster.figures import stored_at, table
from tests.cluster.senders import Senders
from tests.cluster.servers import quicken
from tests.cluster.system import SERVICES, Machines

MOST_LETTERS = 100_000
LARGEST = 256 * 1024
QUIET_SECONDS = 1.0
"""Letters flow undisturbed for so long between two faults."""


async def campaign(
    folder: Path, seed: int, times: int, rate: float, settle_seconds: float, kinds: list[str], ack_wait_seconds: int = 0
) -> Verdict:
    """Run it in `folder`; the verdict says what was found. `ack_wait_seconds`: other than the consumers' own."""
    dice = random.Random(seed)
    machines = Machines(folder)
    began = time.monotonic()
    try:
        await machines.start()
        bus = await Bus.connect(machines.cluster.settings(request_seconds=2.0), "test")
        if ack_wait_seconds:
            await quicken(bus, ack_wait_seconds)
        faults = Faults(machines, bus, dice)
        plan = [kind for kind in kinds or faults.all for _ in range(times)]
        dice.shuffle(plan)
        senders, enough = Senders(machines.smtp), asyncio.Event()
        struck: list[Struck] = []
        async with asyncio.TaskGroup() as group:
            supply = letters(seed, MOST_LETTERS, ADDRESSES, largest=LARGEST, large=0)
            group.create_task(senders.steadily(supply, rate, enough, seed))
            try:
                for number, kind in enumerate(plan, 1):
                    await senders.reached(len(senders.accepted) + max(1, round(rate * QUIET_SECONDS)))
                    struck.append(await faults.strike(kind))
                    print(f"  {number:>3}/{len(plan)} {kind}: {struck[-1].what}", flush=True)
                await senders.reached(len(senders.accepted) + 1)
            finally:
                enough.set()
        for name in SERVICES:
            await machines.ready(name)
        servers = machines.cluster.settings()
        user, _, password = servers.users["test"].partition(":")
        verdict = await judge(list(servers.servers), user, password, senders.accepted, machines.notes, settle_seconds)
        if ack_wait_seconds:
            await quicken(bus)  # the audit compares
        rows = await stored_at(bus.js, "REGISTER", "register.v1.entered.>")
        stored = await stored_at(bus.js, f"MAIL_{machines.year}", "mail.v1.received.>")
        await bus.close()
        code, words = await asyncio.to_thread(machines.audit)
        print(words.strip())
        if code != 0:
            verdict.problems.append(f"saraban audit: exit {code}")
        said = {
            "seed": seed, "answered_250": len(senders.accepted), "deferred": senders.deferred,
            "lost_connections": senders.lost_connections, "sent_twice": senders.repeats, "rows": verdict.rows,
            "notices": verdict.notices, "octets_equal": verdict.stored, "final_receipts": verdict.final_receipts,
            "receipt_mails": verdict.receipt_mails, "mails_repeated": verdict.repeated_mails,
            "conflicts_fenced": sum(machines.count(name, "register.conflict") for name in SERVICES),
            "audit_exit": code, "seconds": round(time.monotonic() - began),
        }  # fmt: skip
        print(json.dumps(said, indent=2))
        print(table(struck, rows, stored))
        return verdict
    finally:
        await machines.stop()


def main() -> None:
    """Read the command line, run, exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--times", type=int, default=20, help="how often each fault happens")
    parser.add_argument("--rate", type=float, default=5.0, help="letters a second")
    parser.add_argument(
        "--settle", type=float, default=300, help="seconds without another receipt until it is judged all the same"
    )
    parser.add_argument("--fault", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--keep", type=Path, help="folder to keep the state in; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saraban-cluster-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        verdict = asyncio.run(campaign(folder, asked.seed, asked.times, asked.rate, asked.settle, asked.fault))
    for problem in verdict.problems[:50]:
        print(f"BROKEN: {problem}")
    print("cluster: " + ("every promise held" if not verdict.problems else f"{len(verdict.problems)} promises broken"))
    sys.exit(1 if verdict.problems else 0)
