"""`make prove`: the register's core under many schedules. Exit code 1 where one fails or something was never met."""

import argparse
import sys

from tests.simulator import campaign
from tests.simulator.campaign import Campaign, Kept


def main() -> int:
    """Run, and say what was met."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one, and tell its story")
    asked = parser.parse_args()
    if asked.seed is not None:
        print(campaign.story(Kept(why="", seed=asked.seed)))
        return 1 if campaign.some(asked.seed, 1).failed else 0
    found = Campaign()
    for found in campaign.many(asked.first, asked.schedules):
        if sys.stderr.isatty():
            print(f"\r{found.schedules} schedules, {len(found.failed)} failed", end="", file=sys.stderr, flush=True)
    print(f"\n{found.schedules} schedules in {found.seconds:.0f} s, {found.schedules / found.seconds:.0f} a second")
    for kind, times in found.met.most_common():
        print(f"  {times:>9} × {kind}")
    for seed in found.failed[:1]:
        drawn = campaign.shrunk(seed)
        print(campaign.story(Kept(why="", drawn=drawn)))
        print(f'\nSeed {seed} failed. To keep it, in failed.toml:\n\n[[schedule]]\nwhy = ""\ndrawn = {drawn}')
    missed = found.missed if asked.schedules >= 1_000 else []
    for kind in missed:
        print(f"never met: {kind}")
    print(f"{len(found.failed)} of {found.schedules} failed" + (f": {found.failed[:20]}" if found.failed else ""))
    return 1 if found.failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
