"""Letters that took long when the slow lane was full: they come again, and do not have to be found out again."""

from collections import OrderedDict
from typing import Final

from contracts.event import Position

REMEMBERED: Final = 10_000
"""As many as may be under way at once (`max_ack_pending` of the consumer); a forgotten one is found out again."""
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
_PAUSE_EACH: Final = 0.1
"""So much longer for each that waits: ten of them ask in a second, however many there are."""


class SlowLetters:
    """What one worker knows of them."""

    def __init__(self) -> None:
        self._positions: OrderedDict[Position, None] = OrderedDict()

    def __contains__(self, position: Position) -> bool:
        return position in self._positions

    def add(self, position: Position) -> float:
        """Remember one; the seconds after which it may ask again."""
        self._positions[position] = None
        if len(self._positions) > REMEMBERED:
            self._positions.popitem(last=False)
        return min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, _PAUSE_EACH * len(self._positions)))

    def discard(self, position: Position) -> None:
        """It has been looked at."""
        self._positions.pop(position, None)
