"""Compound files (MS-CFB, version 3) for tests: streams at the top, and storages with nothing in them."""

import struct
from collections.abc import Mapping, Sequence

SECTOR = 512
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound(streams: Mapping[str, bytes], storages: Sequence[str] = (), class_id: bytes = bytes(16)) -> bytes:
    """A file with these streams; those under 4,096 octets lie in the mini stream, as the format wants."""
    small = {name: octets for name, octets in streams.items() if len(octets) < 4_096}
    mini_fat: list[int] = []
    mini_stream = b""
    places: dict[str, int] = {}
    for name, octets in small.items():
        count = max(1, -(-len(octets) // 64))
        places[name] = len(mini_fat)
        mini_fat += [*range(len(mini_fat) + 1, len(mini_fat) + count), END]
        mini_stream += octets.ljust(count * 64, b"\0")
    sectors: list[bytes] = []
    fat: list[int] = []

    def put(octets: bytes) -> int:
        count = -(-len(octets) // SECTOR)
        if not count:
            return END
        first = len(sectors)
        for index in range(count):
            sectors.append(octets[index * SECTOR : (index + 1) * SECTOR].ljust(SECTOR, b"\0"))
            fat.append(len(sectors) if index + 1 < count else END)
        return first

    for name, octets in streams.items():
        if name not in small:
            places[name] = put(octets)
    mini_start = put(mini_stream)
    mini_fat_start = put(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(-(-len(mini_fat) // 128) * SECTOR, b"\xff"))
    names = [*((name, 2) for name in streams), *((name, 1) for name in storages)]
    directory = _entry("Root Entry", 5, FREE, 1 if names else FREE, mini_start, len(mini_stream), class_id)
    for number, (name, kind) in enumerate(names, 1):
        right = number + 1 if number < len(names) else FREE
        start, size = (places[name], len(streams[name])) if kind == 2 else (0, 0)
        directory += _entry(name, kind, right, FREE, start, size, bytes(16))
    directory_start = put(directory)
    count = 1
    while len(fat) + count > count * 128:
        count += 1
    fat_start = len(fat)
    fat += [FAT] * count
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(count * SECTOR, b"\xff")
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIII", 0, count, directory_start, 0, 4_096)
    header += struct.pack("<IIII", mini_fat_start, -(-len(mini_fat) // 128), END, 0)
    header += struct.pack("<109I", *range(fat_start, fat_start + count), *[FREE] * (109 - count))
    return header + b"".join(sectors) + table


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int, class_id: bytes) -> bytes:
    text = f"{name}\0".encode("utf-16-le")
    return (
        text.ljust(64, b"\0")
        + struct.pack("<HBB", len(text), kind, 1)
        + struct.pack("<III", FREE, right, child)
        + class_id
        + bytes(20)
        + struct.pack("<IQ", start, size)
    )
