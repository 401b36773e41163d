"""Names and locks of 7z and RAR archives, from their headers alone; what they hold stays packed.

7zFormat.txt of the LZMA SDK; technote.txt of RAR 4 and 5.
"""

import lzma
import struct
from typing import Final

from services.sign.charset import decode
from services.sign.listing import Budget, Listing

_AES: Final = b"\x06\xf1\x07\x01"
"""Coder 7zAES, as a 7z header names it."""
_LZMA: Final = b"\x03\x01\x01"
HEADER: Final = 4 << 20
"""Most octets of a packed header that are unpacked."""


def read(octets: bytes, found: Listing, budget: Budget) -> None:
    """Add what the headers say. Raises what a broken one makes struct, lzma and slices raise."""
    if octets.startswith(b"7z"):
        _seven(octets, found, budget)
    elif octets.startswith(b"Rar!\x1a\x07\x01\x00"):
        _rar5(octets, found, budget)
    else:
        _rar4(octets, found, budget)


def _seven(octets: bytes, found: Listing, budget: Budget) -> None:
    offset, size = struct.unpack_from("<QQ", octets, 12)
    header = octets[32 + offset : 32 + offset + min(size, HEADER)]
    if header[:1] == b"\x17":  # kEncodedHeader: the header itself is packed, or locked
        if _AES in header:
            found.encrypted, found.complete = True, False
            return
        header = _packed_header(octets, header)
    if header[:1] != b"\x01":
        found.complete = not size
        return
    found.encrypted |= _AES in header
    names = _seven_names(header)
    found.complete = names is not None
    for name in names or []:
        if not found.add(budget, name):
            return


def _packed_header(octets: bytes, encoded: bytes) -> bytes:
    """What 7-Zip writes by itself: one LZMA stream (coder 03 01 01, five octets of properties)."""
    at = 1
    if encoded[at] != 0x06:
        raise ValueError("no pack info")
    place, at = _number(encoded, at + 1)
    count, at = _number(encoded, at)
    if count != 1 or encoded[at] != 0x09:
        raise ValueError("not one stream")
    packed, at = _number(encoded, at + 1)
    coder = encoded.find(b"\x23" + _LZMA + b"\x05", at)
    if coder < 0:
        raise ValueError("another coder")
    properties = encoded[coder + 5 : coder + 10]
    lc_lp_pb, dictionary = struct.unpack("<BI", properties)
    sizes = encoded.find(b"\x0c", coder + 10)
    unpacked, _ = _number(encoded, sizes + 1)
    if unpacked > HEADER or lc_lp_pb >= 225:
        raise ValueError("a header too large")
    rest, lc = divmod(lc_lp_pb, 9)
    pb, lp = divmod(rest, 5)
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": min(dictionary, HEADER), "lc": lc, "lp": lp, "pb": pb}]
    stream = octets[32 + place : 32 + place + packed]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(stream, unpacked)


def _seven_names(header: bytes) -> list[str] | None:
    """kNames of kFilesInfo: not external, UTF-16, each with a zero at its end."""
    at = -1
    while (at := header.find(b"\x11", at + 1)) >= 0:
        try:
            size, begin = _number(header, at + 1)
        except IndexError:
            return None
        names = header[begin : begin + size]
        if len(names) == size and size % 2 == 1 and size > 2 and names[0] == 0 and names.endswith(b"\0\0"):
            return names[1:].decode("utf-16-le", "replace").rstrip("\0").split("\0")
    return None


def _number(octets: bytes, at: int) -> tuple[int, int]:
    """A 7z number, and where the next thing begins: the leading ones of the first octet count those behind it."""
    first, mask, value = octets[at], 0x80, 0
    at += 1
    for index in range(8):
        if not first & mask:
            return value | (first & (mask - 1)) << (8 * index), at
        value |= octets[at] << (8 * index)
        at += 1
        mask >>= 1
    return value, at


def _rar4(octets: bytes, found: Listing, budget: Budget) -> None:
    at = 7
    while at + 7 <= len(octets):
        _, kind, flags, size = struct.unpack_from("<HBHH", octets, at)
        if size < 7:
            raise ValueError("a block without end")
        if kind == 0x73 and flags & 0x80:  # the headers are locked
            found.encrypted, found.complete = True, False
            return
        added = struct.unpack_from("<I", octets, at + 7)[0] if flags & 0x8000 or kind == 0x74 else 0
        if kind == 0x74:
            (unpacked,) = struct.unpack_from("<I", octets, at + 11)
            (length,) = struct.unpack_from("<H", octets, at + 26)
            begin = at + 32 + (8 if flags & 0x100 else 0)
            found.encrypted |= bool(flags & 0x04)
            found.unpacked += unpacked
            # With the flag a zero ends the plain name; a packed form of the true one follows.
            if not found.add(budget, decode(octets[begin : begin + length].partition(b"\0")[0])):
                return
        if kind == 0x7B:
            return
        at += size + added
    found.complete = False


def _rar5(octets: bytes, found: Listing, budget: Budget) -> None:
    at = 8
    while at + 7 <= len(octets):
        size, begin = _vint(octets, at + 4)
        kind, place = _vint(octets, begin)
        flags, place = _vint(octets, place)
        extra, place = _vint(octets, place) if flags & 1 else (0, place)
        data, place = _vint(octets, place) if flags & 2 else (0, place)
        end = begin + size
        if kind == 4:  # the headers are locked
            found.encrypted, found.complete = True, False
            return
        if kind == 5:
            return
        if kind == 2:
            details, place = _vint(octets, place)
            unpacked, place = _vint(octets, place)
            _, place = _vint(octets, place)
            place += (4 if details & 2 else 0) + (4 if details & 4 else 0)
            _, place = _vint(octets, place)
            _, place = _vint(octets, place)
            length, place = _vint(octets, place)
            found.unpacked += 0 if details & 8 else unpacked
            found.encrypted |= _rar5_locked(octets, end - extra, end)
            if not found.add(budget, octets[place : place + length].decode("utf-8", "replace")):
                return
        if end <= at:
            raise ValueError("a block without end")
        at = end + data
    found.complete = False


def _rar5_locked(octets: bytes, at: int, end: int) -> bool:
    """An extra record of type 1: the file's own encryption."""
    while at < end:
        size, begin = _vint(octets, at)
        kind, _ = _vint(octets, begin)
        if kind == 1:
            return True
        if not size:
            return False
        at = begin + size
    return False


def _vint(octets: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        octet = octets[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if not octet & 0x80:
            return value, at
    raise ValueError("a number without end")
