"""Compound files (MS-CFB): the streams of old Office documents, Outlook messages, installers. Bounded, never trusting.

Every chain is followed at most as far as the file is long, so that loops end.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRIES: Final = 4_096
"""Most directory entries that are read; a document has fewer than a hundred."""

_NONE: Final = 0xFFFFFFFA
"""Sector numbers from here on mean no sector (MS-CFB section 2.1)."""
_ROOT: Final = 5


@dataclass(frozen=True)
class Entry:
    """A storage or a stream."""

    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int
    class_id: bytes


class CompoundFile:
    """One of them."""

    def __init__(self, octets: bytes) -> None:
        """Raises ValueError for what is none."""
        if not octets.startswith(SIGNATURE) or len(octets) < 512:
            raise ValueError("no compound file")
        self._octets = octets
        shift, mini_shift = struct.unpack_from("<HH", octets, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("sector sizes that no program writes")
        self._sector, self._mini = 1 << shift, 1 << mini_shift
        self._sectors = len(octets) // self._sector
        first_directory, self._cutoff = struct.unpack_from("<I4xI", octets, 48)
        first_mini, _, first_difat, _ = struct.unpack_from("<IIII", octets, 60)
        self._fat = list(self._fat_sectors(first_difat))
        self._mini_fat = list(self._chain(first_mini))
        self.entries = list(self._entries(first_directory))
        root = self.entries[0] if self.entries and self.entries[0].kind == _ROOT else None
        self._mini_stream = list(self._chain(root.start)) if root else []
        self.class_id = root.class_id if root else b""
        self.top = {self.entries[number].name: self.entries[number] for number in self._below(root)}
        """Streams and storages at the top, by name."""

    @property
    def names(self) -> frozenset[str]:
        """Every name in it, at whatever depth."""
        return frozenset(entry.name for entry in self.entries)

    def head(self, entry: Entry, limit: int) -> bytes:
        """The beginning of a stream."""
        limit = min(limit, entry.size)
        found = bytearray()
        if entry.size >= self._cutoff:
            for sector in self._chain(entry.start):
                begin = (sector + 1) * self._sector
                found += self._octets[begin : begin + min(self._sector, limit - len(found))]
                if len(found) >= limit:
                    break
            return bytes(found)
        for mini in self._mini_chain(entry.start):
            sector, offset = divmod(mini * self._mini, self._sector)
            if sector >= len(self._mini_stream):
                break
            begin = (self._mini_stream[sector] + 1) * self._sector + offset
            found += self._octets[begin : begin + self._mini]
            if len(found) >= limit:
                break
        return bytes(found[:limit])

    def _fat_sectors(self, difat: int) -> Iterator[int]:
        yield from (number for number in struct.unpack_from("<109I", self._octets, 76) if number < self._sectors)
        each = self._sector // 4
        for _ in range(self._sectors):
            if difat >= self._sectors:
                return
            numbers = struct.unpack_from(f"<{each}I", self._octets, (difat + 1) * self._sector)
            yield from (number for number in numbers[:-1] if number < self._sectors)
            difat = numbers[-1]

    def _number(self, sector: int, index: int) -> int:
        """A number in a table's sector."""
        begin = (sector + 1) * self._sector + 4 * index
        return int.from_bytes(self._octets[begin : begin + 4], "little")

    def _chain(self, sector: int) -> Iterator[int]:
        each = self._sector // 4
        for _ in range(self._sectors):
            if sector >= _NONE or sector >= self._sectors:
                return
            yield sector
            table, index = divmod(sector, each)
            if table >= len(self._fat):
                return
            sector = self._number(self._fat[table], index)

    def _mini_chain(self, mini: int) -> Iterator[int]:
        each = self._sector // 4
        for _ in range(len(self._mini_fat) * each):
            if mini >= _NONE:
                return
            yield mini
            table, index = divmod(mini, each)
            if table >= len(self._mini_fat):
                return
            mini = self._number(self._mini_fat[table], index)

    def _entries(self, first: int) -> Iterator[Entry]:
        count = 0
        for sector in self._chain(first):
            begin = (sector + 1) * self._sector
            for at in range(begin, min(begin + self._sector, len(self._octets) - 127), 128):
                length, kind = struct.unpack_from("<HB", self._octets, at + 64)
                left, right, child = struct.unpack_from("<III", self._octets, at + 68)
                start, size = struct.unpack_from("<II", self._octets, at + 116)
                name = self._octets[at : at + max(0, min(64, length) - 2)].decode("utf-16-le", "replace")
                yield Entry(name, kind, left, right, child, start, size, self._octets[at + 80 : at + 96])
                count += 1
                if count >= ENTRIES:
                    return

    def _below(self, storage: Entry | None) -> list[int]:
        """The numbers of the entries right in a storage."""
        waiting = [storage.child] if storage else []
        seen: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number < len(self.entries) and number not in seen:
                seen.add(number)
                waiting += [self.entries[number].left, self.entries[number].right]
        return sorted(seen)
