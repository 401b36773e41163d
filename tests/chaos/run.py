"""One chaos run: letters, idle and slow peers beside them, kills, reloads, a copy of the store, then the judgement.

`python -m tests.chaos --seed 7 --letters 5000 --kills 30` (`make chaos`). The seed fixes the letters, the instants
of the kills (counted in letters, not in seconds) and the victims; what the machine does with them is its own.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bystanders import Bystanders
from tests.chaos.judge import Verdict, judge
from tests.chaos.letters import LARGEST, letters
from tests.chaos.sender import Post, post_all
from tests.chaos.system import ADDRESSES, System


async def trouble(system: System, post: Post, plan: list[tuple[int, str]], dice: random.Random) -> None:
    """Kill, copy and reload when so many letters have been answered 250; a reload goes on while others die."""
    reload: asyncio.Task[str] | None = None
    for moment, what in sorted(plan):
        await post.reached(moment)
        if what == "copy":
            await asyncio.to_thread(system.go_on_from_a_copy)
            said = "nats-server stopped, store copied, going on from the copy"
        elif what.startswith("reload"):
            if reload is not None:
                await reload
            reload = asyncio.create_task(system.reload(dice, kill=what.endswith("kill")))
            said = what
        else:
            said = f"kill -9 {system.kill_one(dice, what)}"
        print(f"  {len(post.accepted):>6} letters: {said}", flush=True)
        system.second_register()
    if reload is not None:
        await reload


def planned(dice: random.Random, count: int, kills: int, reloads: int) -> list[tuple[int, str]]:
    """When what happens. Of the kills a third each hits an ingress process, nats-server, anything at random."""
    kinds = [("ingest", "nats-server", "")[number % 3] for number in range(kills)]
    plan = [(dice.randrange(count // 20, count * 19 // 20), kind) for kind in kinds]
    plan.append((dice.randrange(count // 4, count * 3 // 4), "copy"))
    # Every second one is disturbed by a kill; the first is not.
    return plan + [
        (count * (number + 1) // (reloads + 1), "reload and kill" if number % 2 else "reload")
        for number in range(reloads)
    ]


@dataclass(frozen=True)
class Load:
    """What comes in, and who sits beside it."""

    letters: int
    connections: int
    largest: int = LARGEST
    large: int = 1
    idle: int = 0
    slow: int = 0


async def chaos(
    seed: int, load: Load, kills: int, reloads: int, folder: Path, settle_seconds: float, ack_wait_seconds: int = 0
) -> Verdict:
    """Run it in `folder`; the verdict says what was found. `ack_wait_seconds`: other than the consumers' own."""
    dice = random.Random(seed)
    system = System(folder)
    started = time.monotonic()
    try:
        await system.start()
        if ack_wait_seconds:
            await system.quicken(ack_wait_seconds)
        print(f"seed {seed}: {load}, {kills} kills, {reloads} reloads", flush=True)
        post = Post("127.0.0.1", system.smtp)
        supply = letters(seed, load.letters, ADDRESSES, load.largest, load.large)
        beside = Bystanders(system.smtp, ADDRESSES[0])
        sitting = asyncio.create_task(beside.run(load.idle, load.slow))
        async with asyncio.TaskGroup() as group:
            group.create_task(post_all(post, supply, load.connections, seed))
            group.create_task(trouble(system, post, planned(dice, load.letters, kills, reloads), dice))
        sitting.cancel()
        sent = time.monotonic() - started
        await system.ready(120)
        nats = tomllib.loads((system.state / "saraban.toml").read_text())["nats"]
        user, _, password = nats["users"]["audit"].partition(":")
        verdict = await judge(nats["servers"][0], user, password, post.accepted, system.notes, settle_seconds)
        if ack_wait_seconds:
            await system.quicken()  # the audit compares
        code, words = await asyncio.to_thread(system.audit)
        print(words.strip())
        if code != 0:
            verdict.problems.append(f"saraban audit: exit {code}")
        again, words = await asyncio.to_thread(system.rebuild)
        print(words.strip())
        if again != 0:
            verdict.problems.append(f"saraban rebuild: exit {again}")
        print(
            json.dumps(
                {
                    "seed": seed,
                    "letters": load.letters,
                    "answered_250": len(post.accepted),
                    "sent_twice": post.repeats,
                    "deferred": post.deferred,
                    "lost_connections": post.lost_connections,
                    "by_bdat": post.by_bdat,
                    "bystanders_greeted": beside.came,
                    "kills": system.kills,
                    "reloads": system.reloads,
                    "copies": system.copies,
                    "rows": verdict.rows,
                    "notices": verdict.notices,
                    "octets_equal": verdict.stored,
                    "stored_bytes": verdict.stored_bytes,
                    "final_receipts": verdict.final_receipts,
                    "receipt_mails": verdict.receipt_mails,
                    "receipt_mails_repeated_after_a_crash": verdict.repeated_mails,
                    "audit_exit": code,
                    "rebuild_exit": again,
                    "sending_seconds": round(sent, 1),
                    "seconds": round(time.monotonic() - started, 1),
                },
                indent=2,
            )
        )
        verdict.reloads, verdict.by_bdat, verdict.bystanders = system.reloads.get("done", 0), post.by_bdat, beside.came
        return verdict
    finally:
        await asyncio.to_thread(system.stop)


def main() -> None:
    """Read the command line, run, exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--letters", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--reloads", type=int, default=4)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--large", type=int, default=50, help="letters of 25 MiB")
    parser.add_argument("--idle", type=int, default=500, help="connections that only stand there")
    parser.add_argument("--slow", type=int, default=50, help="peers that send an octet a second")
    parser.add_argument(
        "--settle", type=float, default=1_200, help="seconds without another receipt until it is judged"
    )
    parser.add_argument("--keep", type=Path, help="folder to keep the state in; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saraban-chaos-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        load = Load(asked.letters, asked.connections, large=asked.large, idle=asked.idle, slow=asked.slow)
        verdict = asyncio.run(chaos(asked.seed, load, asked.kills, asked.reloads, folder, asked.settle))
    for problem in verdict.problems[:50]:
        print(f"BROKEN: {problem}")
    print("chaos: " + ("every promise held" if not verdict.problems else f"{len(verdict.problems)} promises broken"))
    sys.exit(1 if verdict.problems else 0)
