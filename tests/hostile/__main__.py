"""`python -m tests.hostile`: hostile letters by the thousand, and what they cost innocent ones."""

import argparse
import asyncio
import logging
import sys

import structlog

from services.runtime.settings import Sign
from tests.hostile.campaign import run, summary


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4.0, help="of each kind a second")
    parser.add_argument("--alone", type=float, default=60.0, help="seconds of innocent letters alone; 0: none at all")
    parser.add_argument("--seconds", type=float, default=Sign().child_seconds, help="processor time of one letter")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    report = asyncio.run(
        run(
            asked.seed,
            asked.inputs,
            rate=asked.rate,
            alone_seconds=asked.alone,
            config=Sign(child_seconds=asked.seconds),
            say=lambda line: print(line, flush=True),
        )
    )
    print(summary(report, asked.seed))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
