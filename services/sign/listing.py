"""What is found in an archive, and what finding it may cost."""

import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

ENTRIES: Final = 2_000
"""Most names that are read, of the archive and of those inside it together."""
UNPACKED: Final = 16 << 20
"""Most octets that are unpacked to look for names."""
LETTER_TIMES: Final = 4
"""All attachments of a letter together may cost so many times what one may."""
DEPTH: Final = 3
"""Deepest archive in an archive that is looked into."""
SWELLS: Final = 10 << 30
"""From this size unpacked it is warned of; and from SWELLS_TIMES its size, if that is a lot."""
SWELLS_TIMES: Final = 500
SWELLS_LEAST: Final = 256 << 20

ERRORS: Final = (ValueError, struct.error, IndexError, EOFError, OSError, zlib.error, lzma.LZMAError, OverflowError)
"""What reading a broken one raises."""


@dataclass
class Budget:
    """What one attachment may still cost."""

    entries: int = ENTRIES
    octets: int = UNPACKED

    def share(self) -> "Budget":
        """What one attachment may cost of what is left for all of them."""
        return Budget(min(ENTRIES, self.entries), min(UNPACKED, max(0, self.octets)))

    def pay(self, given: "Budget", left: "Budget") -> None:
        """Take off what an attachment has used of its share."""
        self.entries -= given.entries - left.entries
        self.octets -= given.octets - left.octets

    def unpack(self, unpacked: Callable[[int], bytes], found: "Listing") -> bytes:
        """As much as may still be unpacked; `unpacked` is told how many octets it may give."""
        limit = self.octets
        if limit <= 0:
            found.complete = False
            return b""
        data = unpacked(limit)
        self.octets -= len(data)
        if len(data) >= limit:
            found.complete = False
        return data


@dataclass
class Listing:
    """What was found in one."""

    names: list[str] = field(default_factory=list)
    """Paths inside, also of archives inside it."""
    encrypted: bool = False
    complete: bool = True
    """Everything was listed."""
    unpacked: int = 0
    """Octets it says it would become."""
    size: int = 0

    def add(self, budget: Budget, name: str) -> bool:
        """Note a name; False where no more may be."""
        if budget.entries <= 0:
            self.complete = False
            return False
        budget.entries -= 1
        self.names.append(name)
        return True

    @property
    def swells(self) -> bool:
        """Whether it would fill a disk."""
        times = self.unpacked > SWELLS_TIMES * max(1, self.size)
        return self.unpacked > SWELLS or (times and self.unpacked > SWELLS_LEAST)
