"""Where a schedule's decisions come from: a seed, or the list of decisions that another run has made."""

import random
from collections.abc import Sequence


class Chance:
    """Draws small numbers and remembers them; a list that is at its end gives zeros, the tamest decisions."""

    def __init__(self, seed: int = 0, drawn: Sequence[int] | None = None) -> None:
        self._random = random.Random(seed).random
        self._given = drawn
        self.drawn: list[int] = []

    def __call__(self, below: int) -> int:
        """A number from 0 to below - 1."""
        if self._given is None:
            value = int(self._random() * below)
        else:
            n = len(self.drawn)
            value = min(self._given[n], below - 1) if n < len(self._given) else 0
        self.drawn.append(value)
        return value

    def once_in(self, times: int) -> bool:
        """True once in so many times; zero means no."""
        return self(times) == times - 1
