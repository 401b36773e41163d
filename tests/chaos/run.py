"""One chaos run: letters, kills, a copy of the store, and then the judgement.

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
from pathlib import Path

from tests.chaos.judge import Verdict, judge
from tests.chaos.letters import LARGEST, letters
from tests.chaos.sender import Post, post_all
from tests.chaos.system import ADDRESSES, System


async def trouble(system: System, post: Post, moments: list[int], copy_at: int, dice: random.Random) -> None:
    """Kill and copy when so many letters have been answered 250."""
    plan = sorted([(moment, "kill") for moment in moments] + ([(copy_at, "copy")] if copy_at >= 0 else []))
    for moment, what in plan:
        await post.reached(moment)
        if what == "kill":
            victim = system.kill_one(dice)
            print(f"  {len(post.accepted):>6} letters: kill -9 {victim}", flush=True)
        else:
            await asyncio.to_thread(system.go_on_from_a_copy)
            print(
                f"  {len(post.accepted):>6} letters: nats-server stopped, store copied, going on from the copy",
                flush=True,
            )
        system.second_register()


async def chaos(
    seed: int, count: int, kills: int, connections: int, folder: Path, settle_seconds: float, largest: int = LARGEST
) -> Verdict:
    """Run it in `folder`; the verdict says what was found."""
    dice = random.Random(seed)
    system = System(folder)
    started = time.monotonic()
    try:
        await system.start()
        print(f"seed {seed}: {count} letters over {connections} connections, {kills} kills", flush=True)
        post = Post("127.0.0.1", system.smtp)
        moments = [dice.randrange(count // 20, count * 19 // 20) for _ in range(kills)]
        copy_at = dice.randrange(count // 4, count * 3 // 4)
        async with asyncio.TaskGroup() as group:
            group.create_task(post_all(post, letters(seed, count, ADDRESSES, largest), connections, seed))
            group.create_task(trouble(system, post, moments, copy_at, dice))
        sent = time.monotonic() - started
        await system.ready(120)
        nats = tomllib.loads((system.state / "saraban.toml").read_text())["nats"]
        user, _, password = nats["users"]["audit"].partition(":")
        verdict = await judge(nats["servers"][0], user, password, post.accepted, system.notes, settle_seconds)
        code, words = await asyncio.to_thread(system.audit)
        print(words.strip())
        if code != 0:
            verdict.problems.append(f"saraban audit: exit {code}")
        print(
            json.dumps(
                {
                    "seed": seed,
                    "letters": count,
                    "answered_250": len(post.accepted),
                    "sent_twice": post.repeats,
                    "deferred": post.deferred,
                    "lost_connections": post.lost_connections,
                    "kills": system.kills,
                    "copies": system.copies,
                    "rows": verdict.rows,
                    "notices": verdict.notices,
                    "octets_equal": verdict.stored,
                    "stored_bytes": verdict.stored_bytes,
                    "final_receipts": verdict.final_receipts,
                    "receipt_mails": verdict.receipt_mails,
                    "receipt_mails_repeated_after_a_crash": verdict.repeated_mails,
                    "audit_exit": code,
                    "sending_seconds": round(sent, 1),
                    "seconds": round(time.monotonic() - started, 1),
                },
                indent=2,
            )
        )
        return verdict
    finally:
        await asyncio.to_thread(system.stop)


def main() -> None:
    """Read the command line, run, exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--letters", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--settle", type=float, default=1_200, help="seconds to wait for the last receipt")
    parser.add_argument("--keep", type=Path, help="folder to keep the state in; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saraban-chaos-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        verdict = asyncio.run(chaos(asked.seed, asked.letters, asked.kills, asked.connections, folder, asked.settle))
    for problem in verdict.problems[:50]:
        print(f"BROKEN: {problem}")
    print("chaos: " + ("every promise held" if not verdict.problems else f"{len(verdict.problems)} promises broken"))
    sys.exit(1 if verdict.problems else 0)
