"""TNEF as Outlook writes it (MS-OXTNEF), for tests; other programs (`tnef`, tnefparse) read it too."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

MESSAGE = bytes.fromhex("07030200 00000000 c0000000 00000046")
"""IID_IMessage: an attached message."""


class File(NamedTuple):
    """One attachment."""

    title: bytes = b""
    """attAttachTitle, in the code page; the short name."""
    data: bytes | None = None
    long_name: str = ""
    """PidTagAttachLongFilename in Unicode."""
    long_name_ansi: bytes = b""
    message: bytes = b""
    """A TNEF that is attached as a message."""
    media_type: bytes = b""


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def _variable(kind: int, key: int, value: bytes) -> bytes:
    return struct.pack("<HHII", kind, key, 1, len(value)) + value + bytes(-len(value) % 4)


def properties(file: File) -> bytes:
    """attAttachment. Beside what is of use: a named one, many values, every size of number, as Outlook has them."""
    found = [
        struct.pack("<HHI", 0x0003, 0x3705, 5 if file.message else 1),
        struct.pack("<HHQ", 0x0040, 0x3007, 133_000_000_000_000_000),
        struct.pack("<HHI", 0x000B, 0x7FFE, 0),
        struct.pack("<HH", 0x001F, 0x8001) + bytes(16) + struct.pack("<II", 1, 6) + "ab\0".encode("utf-16-le") + b"\0\0"
        + struct.pack("<II", 1, 4) + "x\0".encode("utf-16-le"),
        struct.pack("<HH", 0x0003, 0x8002) + bytes(16) + struct.pack("<III", 0, 0x8501, 7),
        struct.pack("<HHII", 0x1003, 0x6001, 2, 1) + struct.pack("<I", 2),
        struct.pack("<HHII", 0x101F, 0x6002, 2, 4) + "a\0".encode("utf-16-le") + struct.pack("<II", 2, 0),
    ]  # fmt: skip
    if file.long_name:
        found.append(_variable(0x001F, 0x3707, f"{file.long_name}\0".encode("utf-16-le")))
    if file.long_name_ansi:
        found.append(_variable(0x001E, 0x3707, file.long_name_ansi + b"\0"))
    if file.media_type:
        found.append(_variable(0x001E, 0x370E, file.media_type + b"\0"))
    if file.message:
        found.append(_variable(0x000D, 0x3701, MESSAGE + file.message))
    return struct.pack("<I", len(found)) + b"".join(found)


def winmail(files: Sequence[File], code_page: int = 874) -> bytes:
    """A whole winmail.dat."""
    octets = struct.pack("<IH", 0x223E9F78, 1)
    octets += attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    octets += attribute(1, 0x00069007, struct.pack("<II", code_page, 0))
    octets += attribute(1, 0x00078008, b"IPM.Microsoft Mail.Note\0")
    octets += attribute(1, 0x00018004, "เรื่อง".encode("cp874") + b"\0")
    for file in files:
        octets += attribute(2, 0x00069002, struct.pack("<HIHHI", 1, 0xFFFFFFFF, 0, 0, 0))
        octets += attribute(2, 0x00018010, file.title + b"\0")
        if file.data is not None:
            octets += attribute(2, 0x0006800F, file.data)
        octets += attribute(2, 0x00069005, properties(file))
    return octets
