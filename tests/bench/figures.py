"""Figures of interleaved rounds, and the table they are shown in."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Measure = Callable[[], Awaitable[float]]
"""One round; returns a rate (more is better) or seconds (less is better), as the row says."""


@dataclass
class Row:
    """One line of DESIGN's table: ours against a peer, measured in turn, and the ratio to reach."""

    what: str
    unit: str
    ours: Measure
    peer: Measure
    peer_name: str
    reach: float
    smaller_is_better: bool = False
    pairs: list[tuple[float, float]] = field(default_factory=list)

    async def round(self) -> None:
        """Measure both once, right after one another, in turns of who is first: machines drift."""
        if len(self.pairs) % 2:
            theirs = await self.peer()
            mine = await self.ours()
        else:
            mine = await self.ours()
            theirs = await self.peer()
        self.pairs.append((mine, theirs))

    @property
    def ratio(self) -> float:
        """Median of the ratios pair by pair."""
        return statistics.median(mine / theirs for mine, theirs in self.pairs)

    @property
    def reached(self) -> bool:
        """Whether the ratio is what DESIGN asks for."""
        return self.ratio <= self.reach if self.smaller_is_better else self.ratio >= self.reach

    def line(self) -> str:
        """The row as it is printed."""
        mine = statistics.median(pair[0] for pair in self.pairs)
        theirs = statistics.median(pair[1] for pair in self.pairs)
        ratios = [a / b for a, b in self.pairs]
        sign = "≤" if self.smaller_is_better else "≥"
        return (
            f"| {self.what} | {mine:,.1f} {self.unit} | {self.peer_name}: {theirs:,.1f} {self.unit} "
            f"| {self.ratio:.2f} × ({min(ratios):.2f} to {max(ratios):.2f}) | {sign} {self.reach:g} × "
            f"| {'reached' if self.reached else 'not yet'} |"
        )


HEAD = "| what | ours | against | ratio (range) | to reach | |\n| --- | --- | --- | --- | --- | --- |"
