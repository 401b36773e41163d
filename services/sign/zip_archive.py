"""Names in a zip, and what its entries say of themselves (APPNOTE.TXT)."""

import struct
import zlib
from collections.abc import Callable
from typing import Final

from services.sign.charset import decode
from services.sign.listing import ENTRIES, ERRORS, Budget, Listing

Inside = Callable[[bytes, str], None]
"""Takes an archive that lies inside, and its name."""

ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".jar")
"""Endings of what is looked for inside."""


def read(octets: bytes, found: Listing, budget: Budget, inside: Inside) -> None:
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
        if not found.add(budget, name):
            return
        if not flags & 1 and name.lower().endswith(ARCHIVES):
            _look_into(octets, offset, packed, method, name, found, budget, inside)
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
        if not found.add(budget, decode(octets[at + 30 : at + 30 + named])):
            return
        after = at + 30 + named + extra + packed
        at = octets.find(b"PK\x03\x04", after) if flags & 8 and not packed else after


def _look_into(
    octets: bytes, offset: int, packed: int, method: int, name: str, found: Listing, budget: Budget, inside: Inside
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
        data = budget.unpack(lambda limit: zlib.decompressobj(-15).decompress(data, limit), found)
    elif method == 0:
        data = budget.unpack(lambda limit: data[:limit], found)
    else:
        found.complete = False
        return
    inside(data, name)


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
