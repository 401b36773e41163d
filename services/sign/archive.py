"""What lies in an archive: names, whether it is locked, how large it would become. Nothing is written anywhere.

What is packed inside is unpacked in memory only as far as it takes to read the names in it, within one budget for the
whole file: bombs, loops and a hundred thousand entries end at it, and the listing says that it is not complete.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from services.sign.charset import decode

ENTRIES: Final = 2_000
"""Most names that are read, of the archive and of those inside it together."""
UNPACKED: Final = 16 << 20
"""Most octets that are unpacked to look for names."""
DEPTH: Final = 3
"""Deepest archive in an archive that is looked into."""
SWELLS: Final = 10 << 30
"""From this size unpacked it is warned of; and from SWELLS_TIMES its size, if that is a lot."""
SWELLS_TIMES: Final = 500
SWELLS_LEAST: Final = 256 << 20

ZIP: Final = "application/zip"
TAR: Final = "application/x-tar"
SEVEN: Final = "application/x-7z-compressed"
RAR: Final = "application/vnd.rar"
_STREAMS: Final[dict[str, str]] = {
    "application/gzip": ".gz",
    "application/x-bzip2": ".bz2",
    "application/x-xz": ".xz",
}
ERRORS: Final = (ValueError, struct.error, IndexError, EOFError, OSError, zlib.error, lzma.LZMAError, OverflowError)
"""What reading a broken one raises."""


@dataclass
class Budget:
    """What one attachment may still cost."""

    entries: int = ENTRIES
    octets: int = UNPACKED


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

    @property
    def swells(self) -> bool:
        """Whether it would fill a disk."""
        times = self.unpacked > SWELLS_TIMES * max(1, self.size)
        return self.unpacked > SWELLS or (times and self.unpacked > SWELLS_LEAST)


def kind_of(octets: bytes) -> str:
    """Its media type by its first octets; empty if it is none of those that can be listed."""
    for magic, kind in (
        (b"PK\x03\x04", ZIP),
        (b"PK\x05\x06", ZIP),
        (b"\x1f\x8b", "application/gzip"),
        (b"BZh", "application/x-bzip2"),
        (b"\xfd7zXZ\x00", "application/x-xz"),
        (b"7z\xbc\xaf\x27\x1c", SEVEN),
        (b"Rar!\x1a\x07", RAR),
    ):
        if octets.startswith(magic):
            return kind
    return TAR if octets[257:262] == b"ustar" else ""


def listing(octets: bytes, name: str, budget: Budget | None = None, depth: int = 0) -> Listing | None:
    """The names in an archive, None if it is none. `name` is its own, which tells what a .gz becomes."""
    kind = kind_of(octets)
    if not kind:
        return None
    found, budget = Listing(size=len(octets)), budget or Budget()
    try:
        if kind == ZIP:
            _zip(octets, found, budget, depth)
        elif kind == TAR:
            _tar(octets, found, budget)
        elif kind in _STREAMS:
            _stream(octets, name, kind, found, budget, depth)
        else:
            from services.sign import sealed_archive

            sealed_archive.read(octets, kind, found, budget)
    except ERRORS:
        found.complete = False
    return found


def add(found: Listing, budget: Budget, name: str) -> bool:
    """Note a name; False where no more may be."""
    if budget.entries <= 0:
        found.complete = False
        return False
    budget.entries -= 1
    found.names.append(name)
    return True


def _zip(octets: bytes, found: Listing, budget: Budget, depth: int) -> None:
    """By the directory at its end (APPNOTE 4.3); without one, by the headers from its beginning."""
    at, entries = _zip_directory(octets)
    read = 0
    if at is None:
        found.complete = False
        _zip_headers(octets, found, budget)
        return
    while octets[at : at + 4] == b"PK\x01\x02":
        flags, method = struct.unpack_from("<HH", octets, at + 8)
        packed, unpacked, named, extra, comment = struct.unpack_from("<IIHHH", octets, at + 20)
        (offset,) = struct.unpack_from("<I", octets, at + 42)
        raw = octets[at + 46 : at + 46 + named]
        found.encrypted |= bool(flags & 1)
        found.unpacked += unpacked
        name = raw.decode("utf-8", "replace") if flags & 0x800 else decode(raw)
        if not add(found, budget, name):
            return
        if not flags & 1 and name.lower().endswith(ARCHIVES):
            _member(octets, offset, packed, method, name, found, budget, depth)
        at += 46 + named + extra + comment
        read += 1
    found.complete &= (read & 0xFFFF) == entries


def _zip_directory(octets: bytes) -> tuple[int | None, int]:
    """Where the directory begins, None if there is none; and how many entries it says it has, modulo 65,536."""
    end = octets.rfind(b"PK\x05\x06", max(0, len(octets) - 65_557))
    if end < 0:
        return None, 0
    (entries,) = struct.unpack_from("<H", octets, end + 10)
    size, offset = struct.unpack_from("<II", octets, end + 12)
    if 0xFFFFFFFF in (size, offset) and octets[end - 20 : end - 16] == b"PK\x06\x07":
        (record,) = struct.unpack_from("<Q", octets, end - 12)
        size, offset = struct.unpack_from("<QQ", octets, record + 40)
        entries = struct.unpack_from("<Q", octets, record + 32)[0] & 0xFFFF
    for begin in (offset, end - size):  # the second: something stands before the archive
        if 0 <= begin <= len(octets) and octets[begin : begin + 4] == b"PK\x01\x02":
            return int(begin), entries
    return (end if size == 0 else None), entries


def _zip_headers(octets: bytes, found: Listing, budget: Budget) -> None:
    at = 0
    while at >= 0 and octets[at : at + 4] == b"PK\x03\x04":
        (flags,) = struct.unpack_from("<H", octets, at + 6)
        packed, unpacked, named, extra = struct.unpack_from("<IIHH", octets, at + 18)
        found.encrypted |= bool(flags & 1)
        found.unpacked += unpacked
        if not add(found, budget, decode(octets[at + 30 : at + 30 + named])):
            return
        after = at + 30 + named + extra + packed
        at = octets.find(b"PK\x03\x04", after) if flags & 8 and not packed else after


def _member(
    octets: bytes, offset: int, packed: int, method: int, name: str, found: Listing, budget: Budget, depth: int
) -> None:
    """Look into an archive inside."""
    if octets[offset : offset + 4] != b"PK\x03\x04":
        found.complete = False
        return
    named, extra = struct.unpack_from("<HH", octets, offset + 26)
    begin = offset + 30 + named + extra
    # Entries may lie over each other: what is looked at is paid for each time.
    data = octets[begin : begin + min(packed, max(0, budget.octets))]
    budget.octets -= len(data)
    if method == 8:
        data = _unpacked(lambda limit: zlib.decompressobj(-15).decompress(data, limit), budget, found)
    elif method == 0:
        data = _unpacked(lambda limit: data[:limit], budget, found)
    else:
        found.complete = False
        return
    _inside(data, name, found, budget, depth)


def _unpacked(unpack: Callable[[int], bytes], budget: Budget, found: Listing) -> bytes:
    limit = budget.octets
    if limit <= 0:
        found.complete = False
        return b""
    data = unpack(limit)
    budget.octets -= len(data)
    if len(data) >= limit:
        found.complete = False
    return data


def member(octets: bytes, name: str, limit: int = 1 << 20) -> bytes:
    """The beginning of one file in a zip; empty where it is not there or cannot be read."""
    try:
        at, _ = _zip_directory(octets)
        for _ in range(ENTRIES):
            if at is None or octets[at : at + 4] != b"PK\x01\x02":
                break
            (method,) = struct.unpack_from("<H", octets, at + 10)
            packed, _, named, extra, comment = struct.unpack_from("<IIHHH", octets, at + 20)
            (offset,) = struct.unpack_from("<I", octets, at + 42)
            if octets[at + 46 : at + 46 + named] == name.encode():
                begin = offset + 30 + sum(struct.unpack_from("<HH", octets, offset + 26))
                data = octets[begin : begin + min(packed, limit)]
                return zlib.decompressobj(-15).decompress(data, limit) if method == 8 else data
            at += 46 + named + extra + comment
    except ERRORS:
        pass
    return b""


def _inside(data: bytes, name: str, found: Listing, budget: Budget, depth: int) -> None:
    if depth + 1 >= DEPTH:
        found.complete = False
        return
    inner = listing(data, name, budget, depth + 1)
    if inner is None:
        return
    found.names += inner.names
    found.encrypted |= inner.encrypted
    found.complete &= inner.complete
    found.unpacked += inner.unpacked


def _stream(octets: bytes, name: str, kind: str, found: Listing, budget: Budget, depth: int) -> None:
    """One file, packed; mostly a tar."""

    def unpack(limit: int) -> bytes:
        if kind == "application/gzip":
            return zlib.decompressobj(31).decompress(octets, limit)
        if kind == "application/x-bzip2":
            return bz2.BZ2Decompressor().decompress(octets, limit)
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=64 << 20).decompress(octets, limit)

    data = _unpacked(unpack, budget, found)
    found.unpacked += len(data)
    if kind_of(data) == TAR:
        _tar(data, found, budget)
        return
    ending = _STREAMS[kind]
    plain = name[: -len(ending)] if name.lower().endswith(ending) else name
    stored = _gzip_name(octets) if kind == "application/gzip" else ""
    for one in dict.fromkeys([stored or plain, plain]):
        add(found, budget, one)
    _inside(data, plain, found, budget, depth)


def _gzip_name(octets: bytes) -> str:
    """RFC 1952 section 2.3: FNAME."""
    flags, at = octets[3], 10
    if not flags & 8:
        return ""
    if flags & 4:
        at += 2 + struct.unpack_from("<H", octets, at)[0]
    end = octets.find(b"\0", at, at + 1_024)
    return decode(octets[at:end]) if end > at else ""


def _tar(octets: bytes, found: Listing, budget: Budget) -> None:
    """POSIX ustar, with the long names of GNU and pax."""
    at, long_name = 0, ""
    while at + 512 <= len(octets) and octets[at] != 0:
        header = octets[at : at + 512]
        size, kind = _tar_number(header[124:136]), header[156:157]
        data = octets[at + 512 : at + 512 + min(size, 65_536)]
        at += 512 + (size + 511) // 512 * 512
        if kind == b"L":
            long_name = decode(data.partition(b"\0")[0])
            continue
        if kind in (b"x", b"g"):
            long_name = next(_pax_paths(data), long_name)
            continue
        prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
        name = header[:100].partition(b"\0")[0]
        found.unpacked += size
        if not add(found, budget, long_name or decode(prefix + b"/" + name if prefix else name)):
            return
        long_name = ""


def _tar_number(field_: bytes) -> int:
    if field_[0] & 0x80:
        return int.from_bytes(field_[1:], "big")
    return int(field_.strip(b" \0") or b"0", 8)


def _pax_paths(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        key, _, value = line.partition(b" ")[2].partition(b"=")
        if key == b"path":
            yield decode(value)


ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".jar")
"""Endings of what is looked for inside."""
