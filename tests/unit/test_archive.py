"""Archives: the names in them, and that no archive costs more than its budget."""
# ruff: noqa: E501 - files as text, and a table: one archive a line

import base64
import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest

from services.sign import attachments
from services.sign.archive import listing
from services.sign.listing import DEPTH, ENTRIES, LETTER_TIMES, UNPACKED, Budget, Listing
from services.sign.message import Part

THAI = "หนังสือ ว๕๖.pdf"

# Made by 7-Zip 22.01: `7zz a`, `-p`, `-p -mhe=on`, `-mhc=off`.
PLAIN = "N3q8ryccAAQZlsGpkgAAAAAAAAAiAAAAAAAAADSn5jcBAAZ5eGhlbGxvAAAAgTMHrg/Oha6S96Bt85fwn+Bzo/TA0DYv7mDcMVeMa9qfWRiTWkLmTTZ6OtymtJCj/K1GlAKm3fyXnqGmqEdkY3JbhxkHt3K+1Lo2bjjKmXs7ttLYBNdrSbr5Jacevu4lD4aIgxcFWUYhkHKiE5gFqFPjam5PKWs/oesRKiBn6xJ4XjEAABcGCwEJgIcABwsBAAEjAwEBBV0AEAAADICyCgGtPPX4AAA="
LOCKED = "N3q8ryccAAQC12a3mwAAAAAAAAAiAAAAAAAAABlGr1LhJ3UWHdW2tIfuAiIIkYLTAACBMweuD87ysgwHsMPa919FiphISveuIGuqh0Xuq6NZsqE+fK9wx5HS50aM4vp7astqucvW1bys30u/F9CoQuA2KYyKkP4F1CXI4KPwSzydGlhLwGgWdM3bvYyX1iXKy1K/wdDarSgQSKIi+0NFsPDJW6qauz0Bbrqy3miitWd/9O1pYqpfQCIAABcGEAEJgIsABwsBAAEjAwEBBV0AEAAADICeCgHRaAI9AAA="
HIDDEN = "N3q8ryccAATfsFDLgAAAAAAAAAAuAAAAAAAAAFjJJoq/tk+NviRLPN8/ensDYyW2AtzGENZb5tJhXwxxfNhxUfKoAu7KmGF6tyNiLlNka/pDeoyCnZJ6JEisQqFeVqRby8lQBbos2TQVguSkOsKWk84C6G6oM92O7k8yEugm7fBJOvWv5t1BicmN8ghIv0Wwwb3gaZouJms45GibZGLiRBcGEAEJcAAHCwEAASQG8QcBElMPPj74Vgtsh0q/i6mY43CyhwxqCgF6+6iYAAA="
UNPACKED_HEADER = "N3q8ryccAAQ+3sXgBQAAAAAAAABaAAAAAAAAABnnHVQBAAB4AAEEBgABCQUABwsBAAEhIQEADAEACAoBgxbcjAAABQEZDAAAAAAAAAAAAAAAABERAHIAdQBuAC4AZQB4AGUAAAAZAgAAFAoBAO5Hut0kgd0BFQYBACCApIEAAA=="
SEVEN = {name: base64.b64decode(text) for name, text in (("plain", PLAIN), ("locked", LOCKED), ("hidden", HIDDEN), ("bare", UNPACKED_HEADER))}  # fmt: skip


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, octets in members.items():
            made.writestr(name, octets)
    return out.getvalue()


def tarred(names: list[str], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8") as made:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            made.addfile(entry, io.BytesIO(b"abc"))
    return out.getvalue()


def named_in_874(name: str) -> bytes:
    """As the archiver in Windows writes a Thai name: in its code page, without the flag."""
    raw = name.encode("cp874")
    return zipped({"x" * len(raw): b"y"}).replace(b"x" * len(raw), raw)


def rar4(*names: str, locked: bool = False, hidden: bool = False) -> bytes:
    """By technote.txt of RAR 4: marker, main header, a file header each with three octets of data."""
    octets = b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x73, 0x80 if hidden else 0, 13) + bytes(6)
    for name in names:
        raw = name.encode()
        head = struct.pack("<IIBIIBBHI", 3, 3, 2, 0, 0, 29, 0x30, len(raw), 0)
        octets += (
            struct.pack("<HBHH", 0, 0x74, 0x8000 | (4 if locked else 0), 7 + len(head) + len(raw)) + head + raw + b"abc"
        )
    return octets + struct.pack("<HBHH", 0, 0x7B, 0, 7)


def rar5(*names: str, locked: bool = False, hidden: bool = False) -> bytes:
    """By the RAR 5 format page: signature, main header, file headers, end."""
    octets = b"Rar!\x1a\x07\x01\x00"
    if hidden:
        return octets + rar5_block(bytes([4, 0, 0, 0]))
    octets += rar5_block(bytes([1, 0, 0]))
    for name in names:
        raw = name.encode()
        extra = bytes([4, 1, 0, 0, 0]) if locked else b""
        flags = 2 | (1 if extra else 0)
        head = bytes([2, flags]) + (bytes([len(extra)]) if extra else b"") + bytes([3])
        head += bytes([0, 3, 0x20, 0x80, 0, 0, len(raw)]) + raw + extra
        octets += rar5_block(head) + b"abc"
    return octets + rar5_block(bytes([5, 0, 0]))


def rar5_block(head: bytes) -> bytes:
    size = bytes([len(head)]) if len(head) < 128 else bytes([len(head) & 0x7F | 0x80, len(head) >> 7])
    return struct.pack("<I", zlib.crc32(size + head)) + size + head


SHAPES: list[tuple[str, bytes, str, list[str], bool]] = [
    ("zip", zipped({THAI: b"x", "d/run.exe": b"y"}), "a.zip", [THAI, "d/run.exe"], False),
    ("zip, names of Windows", named_in_874(THAI), "a.zip", [THAI], False),
    ("zip behind a program", b"MZ" + bytes(500) + zipped({"a.txt": b"x"}), "", [], False),
    ("zip in zip", zipped({"a.zip": zipped({"b.exe": b"x"}), "c": b"y"}), "o.zip", ["a.zip", "b.exe", "c"], False),
    ("zip in zip, stored", zipped({"a.zip": zipped({"b.exe": b"x"})}, zipfile.ZIP_STORED), "o.zip", ["a.zip", "b.exe"], False),
    ("tar", tarred(["a.txt", "d/b.exe"]), "a.tar", ["a.txt", "d/b.exe"], False),
    ("tar, long names of GNU", tarred(["d" * 120 + "/" + THAI], tarfile.GNU_FORMAT), "a.tar", ["d" * 120 + "/" + THAI], False),
    ("tar, names of pax", tarred(["d" * 120 + "/" + THAI], tarfile.PAX_FORMAT), "a.tar", ["d" * 120 + "/" + THAI], False),
    ("tar.gz", gzip.compress(tarred(["a.exe"])), "a.tar.gz", ["a.exe"], False),
    ("tar.bz2", bz2.compress(tarred(["a.exe"])), "a.tbz2", ["a.exe"], False),
    ("tar.xz", lzma.compress(tarred(["a.exe"])), "a.txz", ["a.exe"], False),
    ("gz", gzip.compress(b"MZ"), "run.exe.gz", ["run.exe"], False),
    ("gz in zip", zipped({"run.exe.gz": gzip.compress(b"MZ")}), "a.zip", ["run.exe.gz", "run.exe"], False),
    ("7z", SEVEN["plain"], "a.7z", ["d/letter.pdf", "run.exe", "หนังสือ.txt"], False),
    ("7z, header as it is", SEVEN["bare"], "a.7z", ["run.exe"], False),
    ("7z, locked", SEVEN["locked"], "a.7z", ["run.exe", "หนังสือ.txt"], True),
    ("rar 4", rar4(THAI, "run.exe"), "a.rar", [THAI, "run.exe"], False),
    ("rar 4, locked", rar4("run.exe", locked=True), "a.rar", ["run.exe"], True),
    ("rar 5", rar5(THAI, "run.exe"), "a.rar", [THAI, "run.exe"], False),
    ("rar 5, locked", rar5("run.exe", locked=True), "a.rar", ["run.exe"], True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "name", "names", "locked"), [s[1:] for s in SHAPES if s[3]], ids=[s[0] for s in SHAPES if s[3]]
)
def test_the_names_in_it(octets: bytes, name: str, names: list[str], locked: bool) -> None:
    found = listing(octets, name)
    assert found is not None
    assert (found.names, found.encrypted, found.complete) == (names, locked, True)


@pytest.mark.parametrize("octets", [SEVEN["hidden"], rar4(hidden=True), rar5(hidden=True)])
def test_where_the_names_are_locked_too_it_says_so(octets: bytes) -> None:
    found = listing(octets, "a")
    assert found is not None
    assert (found.names, found.encrypted, found.complete) == ([], True, False)
    _, warnings = attachments.describe([Part("x/y", "a", octets)])
    assert [said.code for said in warnings] == ["attachment_encrypted", "archive_not_listed"]


def test_a_name_in_gzip_may_be_another_than_that_of_the_file() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("run.exe", "wb", fileobj=out) as made:
        made.write(b"MZ")
    found = listing(out.getvalue(), "letter.gz")
    assert found is not None
    assert found.names == ["run.exe", "letter"]


def test_without_its_directory_a_zip_is_read_from_the_front() -> None:
    octets = zipped({"a.txt": b"x" * 9, "b.exe": b"y" * 9})
    found = listing(octets[: octets.index(b"PK\x01\x02")], "a.zip")
    assert found is not None
    assert (found.names, found.complete) == (["a.txt", "b.exe"], False)


def test_a_directory_that_ends_too_early_is_said() -> None:
    octets = bytearray(zipped({"a.txt": b"x", "b.exe": b"y"}))
    last = octets.rindex(b"PK\x01\x02")
    octets[last : last + 4] = b"????"
    found = listing(bytes(octets), "a.zip")
    assert found is not None
    assert (found.names, found.complete) == (["a.txt"], False)


def test_what_is_looked_at_again_and_again_is_paid_for_each_time() -> None:
    """A thousand entries over the same megabyte, of which each unpacks to nothing."""
    body = zlib.compress(b"x")[2:-4] + bytes(1 << 20)
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(body), 1, 5, 0) + b"a.zip"
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, 0, len(body), 1, 5, 0, 0, 0, 0, 0, 0)
    directory = (entry + b"a.zip") * 1_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1_000, 1_000, len(directory), len(local) + len(body), 0)
    budget = Budget()
    found = listing(local + body + directory + end, "a.zip", budget)
    assert found is not None
    assert (len(found.names), found.complete) == (1_000, False)
    assert budget.octets <= 0


def bomb() -> bytes:
    """Ten levels of ten: each level becomes a hundred times larger."""
    octets = zipped({f"{n}.txt": bytes(10_000_000) for n in range(2)})
    for _ in range(5):
        octets = zipped({f"{n}.zip": octets for n in range(10)})
    return octets


def overlapping() -> bytes:
    """Thousands of entries over the same octets (a quine's trick), each an archive by its name."""
    body = zlib.compress(bytes(30_000_000))[2:-4]
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(body), 30_000_000, 5, 0) + b"a.zip"
    entry = b"PK\x01\x02" + struct.pack(
        "<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, 0, len(body), 30_000_000, 5, 0, 0, 0, 0, 0, 0
    ) + b"a.zip"  # fmt: skip
    count = 60_000
    start = len(local) + len(body)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entry) * count, start, 0)
    return local + body + entry * count + end


def crowd() -> bytes:
    """A hundred thousand entries."""
    entries = [
        b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0) + b"%06d.exe" % n
        for n in range(100_000)
    ]  # fmt: skip
    directory = b"".join(entries)
    end = b"PK\x05\x06" + struct.pack(
        "<HHHHIIH", 0, 0, len(entries) & 0xFFFF, len(entries) & 0xFFFF, len(directory), 0, 0
    )
    return directory + end


BOMBS: dict[str, Callable[[], bytes]] = {
    "bomb": bomb,
    "overlapping": overlapping,
    "crowd": lambda: b"PK\x03\x04" + crowd(),
    "tar": lambda: tarred(["a.txt"])[:1024] * 3_000,
    "gz": lambda: gzip.compress(bytes(30_000_000), 1),
    "xz": lambda: lzma.compress(bytes(30_000_000), preset=0),
    "bz2": lambda: bz2.compress(bytes(30_000_000)),
    "tar.gz": lambda: gzip.compress(tarred(["a"])[:1024] * 30_000, 1),
    "rar4": lambda: rar4(*["a"] * 5_000),
    "rar5": lambda: rar5(*["a"] * 5_000),
}


@pytest.mark.parametrize("which", BOMBS)
def test_no_archive_costs_more_than_its_budget(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = 0
    real = Budget.unpack

    def counted(self: Budget, do: Callable[[int], bytes], found: Listing) -> bytes:
        nonlocal unpacked
        data = real(self, do, found)
        unpacked += len(data)
        return data

    monkeypatch.setattr(Budget, "unpack", counted)
    budget = Budget()
    found = listing(BOMBS[which](), "a.gz", budget)
    assert found is not None
    assert not found.complete
    assert len(found.names) <= ENTRIES
    assert unpacked <= UNPACKED
    assert budget.entries >= 0


def test_three_hundred_bombs_cost_no_more_than_four(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = 0
    real = Budget.unpack

    def counted(self: Budget, do: Callable[[int], bytes], found: Listing) -> bytes:
        nonlocal unpacked
        data = real(self, do, found)
        unpacked += len(data)
        return data

    monkeypatch.setattr(Budget, "unpack", counted)
    octets = gzip.compress(bytes(20_000_000), 1)
    parts = [Part("x/y", f"{number}.gz", octets) for number in range(300)]
    _, warnings = attachments.describe([*parts, Part("x/y", "last.zip", zipped({"run.exe": b"x"}))])
    assert unpacked <= LETTER_TIMES * UNPACKED
    assert {said.code for said in warnings} == {"archive_not_listed", "archive_dangerous"}


def test_a_hundred_levels_are_not_gone_down() -> None:
    octets = zipped({"run.exe": b"x"})
    for _ in range(100):
        octets = zipped({"a.zip": octets}, zipfile.ZIP_STORED)
    found = listing(octets, "a.zip")
    assert found is not None
    assert (found.names, found.complete) == (["a.zip"] * DEPTH, False)


@pytest.mark.parametrize(
    ("unpacked", "size", "swells"),
    [
        (0, 0, False),
        (1 << 30, 100 << 20, False),
        (1 << 30, 1 << 20, True),
        (11 << 30, 9 << 30, True),
        (1 << 20, 10, False),
    ],
)
def test_what_would_fill_a_disk(unpacked: int, size: int, swells: bool) -> None:
    assert Listing(unpacked=unpacked, size=size).swells is swells


def test_the_officer_hears_of_a_bomb() -> None:
    octets = zipped({"a.txt": bytes(300_000)}).replace(struct.pack("<I", 300_000), struct.pack("<I", 4_000_000_000))
    _, warnings = attachments.describe([Part("x/y", "a.zip", octets)])
    assert [said.code for said in warnings] == ["archive_swells"]


def test_damaged_archives_are_listed_as_far_as_they_go() -> None:
    chance = random.Random(20_690_603)
    for _, octets, name, _, _ in SHAPES:
        for _ in range(250):
            bad = bytearray(octets)
            for _ in range(chance.randint(1, 10)):
                bad[chance.randrange(len(bad))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            found = listing(bytes(bad[: chance.randint(0, len(bad))]), name)
            assert found is None or len(found.names) <= ENTRIES
