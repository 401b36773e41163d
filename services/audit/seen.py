"""Where each letter of the last weeks has its row, in eight octets a letter, in a file that survives a crash.

An open-addressed table: the place of a key follows from 21 of its bits, 24 others lie beside the sequence. What is
found is a candidate; its row is read to be sure. Adding the same again changes nothing, so that a run that is
repeated finds itself. Two tables take turns: when the newer one is old or full, the older one is let go.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

_BITS = 21
_SLOTS = 1 << _BITS
_TAGS = 0xFFFFFF << 40
_SEQUENCE = (1 << 40) - 1
FULL = int(_SLOTS * 0.7)
"""Letters of one table: beyond that a look takes too many steps."""


class SeenState(Struct):
    """Which tables there are; their contents are their own."""

    older: Annotated[int, Meta(description="Number of the table; 0: there is none.")] = 0
    newer: int = 1
    count: int = 0
    since_ns: int = 0
    complete: Annotated[bool, Meta(description="Whether nothing younger than `keep` was let go.")] = True


class Seen:
    """The tables. Without a folder they are in memory alone."""

    def __init__(self, keep_ns: int, folder: Path | None = None, state: SeenState | None = None) -> None:
        self._keep_ns = keep_ns
        self._folder = folder
        self.state = state or SeenState()
        self._older = self._open(self.state.older, fresh=False) if self.state.older else None
        self._newer = self._open(self.state.newer, fresh=state is None)

    def add(self, key: int, sequence: int, stored_ns: int) -> None:
        """Remember where the row of a letter lies; `key` has 64 bits."""
        state = self.state
        if state.since_ns and (state.count >= FULL or stored_ns - state.since_ns > self._keep_ns):
            self._turn(young=stored_ns - state.since_ns <= self._keep_ns)
        state.since_ns = state.since_ns or stored_ns
        slots, at = self._newer, key & (_SLOTS - 1)
        value = (key >> _BITS & 0xFFFFFF) << 40 | sequence
        while (there := slots[at]) and there != value:
            at = (at + 1) & (_SLOTS - 1)
        slots[at] = value
        state.count += not there

    def find(self, key: int) -> Iterator[int]:
        """Sequences of rows that may be of this letter."""
        tag = (key >> _BITS & 0xFFFFFF) << 40
        for slots in (self._newer, self._older):
            if slots is None:
                continue
            at = key & (_SLOTS - 1)
            while there := slots[at]:
                if there & _TAGS == tag:
                    yield there & _SEQUENCE
                at = (at + 1) & (_SLOTS - 1)

    def keep(self) -> None:
        """Bring the tables to the disk, and remove those that no state names any more."""
        if self._folder is None:
            return
        for slots in (self._newer, self._older):
            if slots is not None:
                octets = slots.obj
                assert isinstance(octets, mmap.mmap)
                octets.flush()
        names = {self._path(number).name for number in (self.state.older, self.state.newer)}
        for file in self._folder.glob("seen-*"):
            if file.name not in names:
                file.unlink(missing_ok=True)

    def _turn(self, *, young: bool) -> None:
        """The newer table becomes the older one."""
        state = self.state
        self._older = self._newer
        self.state = SeenState(older=state.newer, newer=state.newer + 1, complete=not young)
        self._newer = self._open(self.state.newer, fresh=True)

    def _open(self, number: int, *, fresh: bool) -> "memoryview[int]":
        if self._folder is None:
            return memoryview(mmap.mmap(-1, _SLOTS * 8)).cast("Q")
        path = self._path(number)
        with path.open("w+b" if fresh or not path.exists() else "r+b") as file:
            file.truncate(_SLOTS * 8)
            return memoryview(mmap.mmap(file.fileno(), _SLOTS * 8)).cast("Q")

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"seen-{number}"
