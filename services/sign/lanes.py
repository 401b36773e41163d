"""Who may look at a letter, and for how long nobody else is kept from it.

A letter has a place until it has used FIRST_SECONDS of the processor. One that takes more goes on behind all others
where they want the processor, in the slow lane, and its place is free again. Where the slow lane is full it keeps its
place as long as nobody waits for that; then it has to come again, when the slow lane has room. What it has used then is
lost, once: it is known to take long. What counts is the time it had, not the clock: on a busy machine every letter
takes long.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

FIRST_SECONDS = 0.07
"""Processor time; a letter with a PDF of four pages takes 28 to 30 ms, a signed file of one 9 to 13."""
BLOCKED_SECONDS, LAST_BLOCKED_SECONDS = 1.0, 5.0
"""Time in which it wanted no processor, since it waits for the DNS, after which it goes to the slow lane; and after
which it gives its place to one that waits, though the slow lane is full."""
_LOOK_SECONDS = 0.02


class Spent(NamedTuple):
    """What a letter has used so far, in seconds."""

    processor: float
    blocked: float


class Lanes:
    """Places for letters: `fast` of them, and `slow` more for those that take long."""

    def __init__(self, fast: int, slow: int) -> None:
        self._fast, self._slow = fast, slow
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def room(self) -> bool:
        """Whether the slow lane would take a letter now."""
        return self._slow > 0

    async def enter(self) -> None:
        """Wait for a place, in order of arrival."""
        if self._fast > 0 and not self._waiting:
            self._fast -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                self.leave()  # it was its turn in the same moment
            raise

    def leave(self) -> None:
        """Give a place back; whoever has waited longest has it at once."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self._fast += 1
        return None

    def enter_slow(self) -> bool:
        """Take a place in the slow lane, if there is one."""
        if self._slow <= 0:
            return False
        self._slow -= 1
        return True

    def leave_slow(self) -> None:
        """Give it back."""
        self._slow += 1

    async def stay(
        self, work: "asyncio.Future[Any]", spent: Callable[[], Spent], make_way: Callable[[], None]
    ) -> Literal["done", "slow", "over"]:
        """Keep a place until the work is done, moves to the slow lane, or has to make way for somebody who waits.

        `slow`: it has a place in the slow lane, and its first one is free. `spent`: what the work has used. `make_way`
        is called once, when it has used its first share, whether or not the slow lane has room.
        """
        behind = False
        while True:
            await asyncio.wait({work}, timeout=_LOOK_SECONDS)
            if work.done():
                return "done"
            used = spent()
            if used.processor > FIRST_SECONDS and not behind:
                behind = True
                make_way()
            if (used.processor > FIRST_SECONDS or used.blocked > BLOCKED_SECONDS) and self.enter_slow():
                self.leave()
                return "slow"
            if self._waiting and (used.processor > FIRST_SECONDS or used.blocked > LAST_BLOCKED_SECONDS):
                return "over"
