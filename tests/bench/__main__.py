"""`make bench`: every row of DESIGN's table that this machine can measure, side by side, in interleaved rounds.

Everything is durable: nats-server with `sync_interval: always`, Postfix with its queue files synced. Medians of the
rounds; the ratio is the median of the ratios pair by pair. Nothing here fails when a ratio is not reached.
"""

import argparse
import asyncio
import os
import platform
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench import circular, clock, costs, ingress, million, numbers, sealing, verifying
from tests.bench.figures import HEAD, Row
from tests.postfix import HOLD, postfix


async def bench(rounds: int, scale: float, only: str, processes: int) -> list[Row]:
    """Measure; the rows come back with their rounds."""
    with ExitStack() as places:
        folder = places.enter_context(tempfile.TemporaryDirectory(prefix="saraban-bench-"))
        peer = places.enter_context(postfix(HOLD))
        async with ingress.ingress(Path(folder), processes) as ours, costs.stock() as stock:
            stamps = places.enter_context(clock.clock())
            every = (
                *ingress.rows(ours, peer, scale),
                *costs.rows(ours, stock, scale),
                *numbers.rows(ours, scale),
                *sealing.rows(ours, Path(folder), scale),
                *verifying.rows(scale),
                *clock.rows(stamps, scale),
            )
            rows = [row for row in every if only in row.what]
            for number in range(rounds + 1):
                for row in rows:
                    await row.round()
                    if number == 0:
                        row.pairs.clear()  # the first round warms both up
                print(f"round {number} of {rounds} done" + (" (not counted)" if number == 0 else ""), flush=True)
            return rows


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="1: some thousand letters a row and round")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--processes", type=int, default=1, help="of the ingress; the rows of its costs look at one")
    parser.add_argument("--store", type=Path, help="with --only million: a store that was built before")
    asked = parser.parse_args()
    if asked.only == "million":  # by itself: it takes half an hour to build and read
        letters, receipts = int(million.LETTERS * asked.scale), int(million.RECEIPTS * asked.scale)
        print("\n".join(asyncio.run(million.million(letters, receipts, asked.store)).lines()))
        return
    rows = (
        asyncio.run(bench(asked.rounds, asked.scale, asked.only, asked.processes)) if asked.only != "circular" else []
    )
    if asked.only in "circular":
        with tempfile.TemporaryDirectory(prefix="saraban-circular-") as folder:
            figures = asyncio.run(circular.circular(Path(folder), agencies=max(2, int(100 * asked.scale))))
        print(figures.lines())
    if not rows:
        return
    print(f"\n{platform.machine()}, {os.cpu_count()} processors, {asked.rounds} rounds, medians\n\n{HEAD}")
    for row in rows:
        print(row.line())


if __name__ == "__main__":
    main()
