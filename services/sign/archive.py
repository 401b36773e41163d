"""What lies in an archive: names, whether it is locked, how large it would become. Nothing is written anywhere.

What is packed inside is unpacked in memory only as far as it takes to read the names in it, within one budget for the
whole file: bombs, loops and a hundred thousand entries end at it, and the listing says that it is not complete.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from services.sign import sealed_archive, zip_archive
from services.sign.charset import decode
from services.sign.listing import DEPTH, ERRORS, Budget, Listing

ZIP: Final = "application/zip"
TAR: Final = "application/x-tar"
SEVEN: Final = "application/x-7z-compressed"
RAR: Final = "application/vnd.rar"
_STREAMS: Final[dict[str, str]] = {
    "application/gzip": ".gz",
    "application/x-bzip2": ".bz2",
    "application/x-xz": ".xz",
}


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
            zip_archive.read(octets, found, budget, lambda data, inner: _inside(data, inner, found, budget, depth))
        elif kind == TAR:
            _tar(octets, found, budget)
        elif kind in _STREAMS:
            _stream(octets, name, kind, found, budget, depth)
        else:
            sealed_archive.read(octets, found, budget)
    except ERRORS:
        found.complete = False
    return found


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

    data = budget.unpack(unpack, found)
    found.unpacked += len(data)
    if kind_of(data) == TAR:
        _tar(data, found, budget)
        return
    ending = _STREAMS[kind]
    plain = name[: -len(ending)] if name.lower().endswith(ending) else name
    stored = _gzip_name(octets) if kind == "application/gzip" else ""
    for one in dict.fromkeys([stored or plain, plain]):
        found.add(budget, one)
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
        if not found.add(budget, long_name or decode(prefix + b"/" + name if prefix else name)):
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
