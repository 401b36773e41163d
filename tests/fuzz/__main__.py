"""`python -m tests.fuzz`, which `make fuzz` calls."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz import sessions
from tests.fuzz.campaign import GROWTH_OCTETS, Campaign, campaign, transcript
from tests.fuzz.judge import Judged

MIB = 1_048_576
FAILURES = 5


def main() -> int:
    """Fuzz, or look at one session."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--session", type=int, help="speak only this one, and shrink it if it fails")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saraban-fuzz-") as folder, campaign(Path(folder)) as fuzzed:
        if asked.session is not None:
            return _one(fuzzed, asked.seed, asked.session)
        return _many(fuzzed, asked.seed, asked.inputs)


def _one(fuzzed: Campaign, seed: int, number: int) -> int:
    session = sessions.make(seed, number)
    problems = fuzzed.fails(session)
    if problems:
        session = fuzzed.shrunk(session)
        problems = fuzzed.fails(session) or problems
    print(transcript(Judged(session, b"", problems, 0, 0)))
    return 1 if problems else 0


def _many(fuzzed: Campaign, seed: int, inputs: int) -> int:
    tally = fuzzed.run(seed, inputs, say=lambda line: print(line, flush=True))
    for judged in tally.failed[:FAILURES]:
        print(transcript(judged), end="\n\n")
    for line in tally.faults[:20]:
        print("!!", line)
    grown = tally.growth > GROWTH_OCTETS
    print(
        f"seed {seed}: {tally.inputs} inputs in {tally.sessions} sessions, {tally.kept} letters answered 250 and found "
        f"in MAIL octet for octet, {tally.seconds:.0f} s; "
        f"{len(tally.failed)} sessions and {len(tally.faults)} log lines wrong; "
        f"no session and no octet left in flight; memory {tally.resident[-1] / MIB:.1f} MiB at the end, "
        f"{tally.growth / MIB:+.1f} MiB since the first quarter (bound {GROWTH_OCTETS // MIB})"
    )
    return 1 if tally.failed or tally.faults or grown else 0


if __name__ == "__main__":
    sys.exit(main())
