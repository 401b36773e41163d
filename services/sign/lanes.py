"""Who may look at a letter, and for how long nobody else is kept from it.

A letter has a place to itself for FIRST_SECONDS. One that takes longer goes on in the slow lane, behind all others
where they want the processor, and its place is free again. Where the slow lane is full it keeps its place as long as
nobody waits for that; then it has to come again, when the slow lane has room.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

FIRST_SECONDS = 0.25
"""Nine times what a letter with a PDF of a page takes."""
WAITING_SECONDS = 2.0
"""So long a letter may take that uses less of the processor: it waits for the DNS, or the machine is busy."""
_LOOK_SECONDS = 0.05


class Lanes:
    """Places for letters: `fast` of them, and `slow` more for those that take long."""

    def __init__(self, fast: int, slow: int) -> None:
        self._fast, self._slow = fast, slow
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._changed: asyncio.Future[None] | None = None

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
        self._say_changed()
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
        self._say_changed()

    async def stay(
        self, work: "asyncio.Future[Any]", used_seconds: Callable[[], float]
    ) -> Literal["done", "slow", "over"]:
        """Keep a place until the work is done, moves to the slow lane, or has to make way for somebody who waits.

        `slow`: it has a place in the slow lane, and its first one is free. `used_seconds`: processor time of the work.
        """
        begun = time.monotonic()
        await asyncio.wait({work}, timeout=FIRST_SECONDS)
        while not work.done():
            if self.enter_slow():
                self.leave()
                return "slow"
            if self._waiting and (time.monotonic() - begun > WAITING_SECONDS or used_seconds() > FIRST_SECONDS):
                return "over"
            await asyncio.wait(
                {work, self._change()},
                return_when=asyncio.FIRST_COMPLETED,
                timeout=_LOOK_SECONDS if self._waiting else None,
            )
        return "done"

    def _change(self) -> "asyncio.Future[None]":
        if self._changed is None or self._changed.done():
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def _say_changed(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
