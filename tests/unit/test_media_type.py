"""What a file is by its content, what it can do, and what its name pretends."""

import io
import random
import struct
import zipfile

import pytest

from services.sign import attachments, media_type
from services.sign.attachment_name import Trick
from services.sign.message import Part
from services.sign.warnings import CODES
from tests.compound_files import compound

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
WORD = struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0, 0, 0).ljust(5_000, b"\0")
LOCKED_WORD = struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0, 0, 0x0100).ljust(5_000, b"\0")
BOOK = struct.pack("<HHHHHH", 0x0809, 4, 0x0600, 5, 0x000A, 0)
LOCKED_BOOK = struct.pack("<HHHHHHH", 0x0809, 4, 0x0600, 5, 0x002F, 2, 1) + struct.pack("<HH", 0x000A, 0)
USER, LOCKED_USER = (struct.pack("<QII", 0, 0x14, token) for token in (0xE391C05F, 0xF3D1C4DF))
INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")
LNK = bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(56)


def zipped(*names: str, **texts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, texts.get(name, b"x"))
    return out.getvalue()


def opened(kind: str, *names: str, manifest: bytes = b"<manifest/>") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", manifest, zipfile.ZIP_DEFLATED)
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


KINDS: list[tuple[str, bytes, str]] = [
    ("a.pdf", b"%PDF-1.7", "application/pdf"),
    ("a.doc", compound({"WordDocument": WORD, "1Table": b"x"}), "application/msword"),
    ("a.xls", compound({"Workbook": BOOK}), "application/vnd.ms-excel"),
    ("a.xls", compound({"Book": BOOK}), "application/vnd.ms-excel"),
    ("a.ppt", compound({"PowerPoint Document": b"x", "Current User": USER}), "application/vnd.ms-powerpoint"),
    ("a.msg", compound({"__properties_version1.0": b"x"}), "application/vnd.ms-outlook"),
    ("a.msi", compound({"x": b"x"}, class_id=INSTALLER), "application/x-msi"),
    ("a", compound({"x": b"x"}), "application/x-ole-storage"),
    ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), DOCX),
    ("a.docm", zipped("word/document.xml", "word/vbaProject.bin"), "application/vnd.ms-word.document.macroEnabled.12"),
    ("a.xlsx", zipped("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("a.xlsm", zipped("xl/workbook.xml", "xl/vbaProject.bin"), "application/vnd.ms-excel.sheet.macroEnabled.12"),
    ("a.xlsb", zipped("xl/workbook.bin"), "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
    ("a.pptx", zipped("ppt/presentation.xml"), PPTX),
    ("a.odt", opened("application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
    ("a.epub", opened("application/epub+zip"), "application/epub+zip"),
    ("a.rtf", b"{\\rtf1", "application/rtf"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
    ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ("a.heic", b"\0\0\0\x18ftypheic", "image/heic"),
    ("a.avif", b"\0\0\0\x18ftypavif", "image/avif"),
    ("a.bmp", b"BM" + bytes(12) + b"\x28\0\0\0", "image/bmp"),
    ("a.svg", b'<?xml version="1.0"?><svg xmlns="x">', "image/svg+xml"),
    ("a.tif", b"II*\0", "image/tiff"),
    ("a.zip", zipped("a.txt"), "application/zip"),
    ("a.jar", zipped("META-INF/MANIFEST.MF"), "application/java-archive"),
    ("a.apk", zipped("AndroidManifest.xml"), "application/vnd.android.package-archive"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    ("a.rar", b"Rar!\x1a\x07\x01\x00", "application/vnd.rar"),
    ("a.gz", b"\x1f\x8b\x08", "application/gzip"),
    ("a.tar", bytes(257) + b"ustar", "application/x-tar"),
    ("a.eml", b"Received: from x\r\nSubject: x\r\n\r\n", "message/rfc822"),
    ("a.txt", "ข้อความ".encode("cp874"), "text/plain"),
    ("a.csv", b"1,2", "text/csv"),
    ("a.html", b"\xef\xbb\xbf <!-- x --> <!-- y -->\n<!DOCTYPE html>", "text/html"),
    ("a.html", b"\xff\xfe" + "<html>".encode("utf-16-le"), "text/html"),
    ("a", b"MZ" + bytes(100), "application/x-dosexec"),
    ("a", b"\x7fELF", "application/x-executable"),
    ("a", b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    ("a", b"\xca\xfe\xba\xbe\0\0\0\x02", "application/x-mach-binary"),
    ("a.class", b"\xca\xfe\xba\xbe\0\0\0\x34", "application/java-vm"),
    ("a", b"#!/bin/sh\n", "application/x-sh"),
    ("a.lnk", LNK, "application/x-ms-shortcut"),
    ("a.url", b"[InternetShortcut]\r\nURL=x", "application/x-mswinurl"),
    ("a.iso", bytes(0x8001) + b"CD001", "application/x-iso9660-image"),
    ("a.vhd", bytes(4_096) + b"conectix" + bytes(504), "application/x-virtualbox-vhd"),
    ("a.vhdx", b"vhdxfile", "application/x-vhdx"),
    ("a.one", bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), "application/onenote"),
    ("a.p7m", bytes.fromhex("3080060b2a864886f70d0109100117a080"), "application/pkcs7-mime"),
    ("a.dat", b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "octets", "kind"), KINDS, ids=[f"{kind[2]}-{n}" for n, kind in enumerate(KINDS)])
def test_the_type_is_told_by_content(name: str, octets: bytes, kind: str) -> None:
    assert media_type.look(octets, "x/declared", name).media_type == kind


@pytest.mark.parametrize(
    ("octets", "name", "locked"),
    [
        (compound({"EncryptedPackage": b"x" * 5_000, "EncryptionInfo": b"x"}), "a.docx", True),
        (compound({"WordDocument": LOCKED_WORD}), "a.doc", True),
        (compound({"WordDocument": WORD}), "a.doc", False),
        (compound({"Workbook": LOCKED_BOOK}), "a.xls", True),
        (compound({"Workbook": BOOK + LOCKED_BOOK}), "a.xls", False),
        (compound({"PowerPoint Document": b"x", "Current User": LOCKED_USER}), "a.ppt", True),
        (compound({"PowerPoint Document": b"x", "Current User": USER}), "a.ppt", False),
        (opened("application/vnd.oasis.opendocument.text", manifest=b"<manifest:encryption-data/>" * 9), "a.odt", True),
        (opened("application/vnd.oasis.opendocument.text"), "a.odt", False),
        (bytes.fromhex("3080 0609 2a864886f70d010703 a080"), "smime.p7m", True),
        (bytes.fromhex("3080 0609 2a864886f70d010702 a080"), "smime.p7m", False),
        (b"-----BEGIN PGP MESSAGE-----\n", "a.asc", True),
        (b"\x85\x01\x0c\x03", "a.pdf.gpg", True),
        (b"\x85\x01\x0c\x03", "a.bin", False),
    ],
)  # fmt: skip
def test_what_is_locked(octets: bytes, name: str, locked: bool) -> None:
    (found,), warnings = attachments.describe([Part("application/octet-stream", name, octets)])
    assert found.encrypted is locked
    assert ("attachment_encrypted" in {said.code for said in warnings}) is locked


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("a.zip", "application/zip", "application/zip"),
        ("a.pdf", "application/zip", "application/pdf"),
        ("a.zip", "application/pdf", "application/pdf"),
    ],
)
def test_an_archive_that_holds_a_pdf_is_one_where_readers_take_it_for_one(name: str, declared: str, kind: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        made.writestr("letter.pdf", b"%PDF-1.7")
    assert media_type.look(out.getvalue(), declared, name).media_type == kind


SMUGGLER = b"<html><script>var b=new Blob([atob('TVo=')]);a.href=URL.createObjectURL(b)</script></html>"


@pytest.mark.parametrize(
    ("name", "octets", "codes"),
    [
        ("หนังสือ.docx", zipped("word/document.xml"), []),
        ("หนังสือ.doc", compound({"WordDocument": WORD}), []),
        ("หนังสือ.doc", b"{\\rtf1", []),
        ("a.csv", b"1,2", []),
        ("a.html", b"<html><p>text</p></html>", []),
        ("a.svg", b"<svg><path/></svg>", []),
        ("นร ๐๒๐๑.๒.pdf", b"%PDF-1.7", []),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", []),
        ("a.exe", b"x", ["attachment_executable"]),
        ("a.JS", b"x", ["attachment_executable"]),
        ("a.msi", compound({"x": b"x"}, class_id=INSTALLER), ["attachment_executable"]),
        ("a.pdf", b"MZ" + bytes(100), ["attachment_executable", "name_misleads"]),
        ("a.pdf", b"\x7fELF", ["attachment_executable", "name_misleads"]),
        ("a.txt", b"#!/bin/sh\n", ["attachment_executable", "name_misleads"]),
        ("a.lnk", LNK, ["attachment_shortcut"]),
        ("a.pdf", LNK, ["attachment_shortcut", "name_misleads"]),
        ("a.url", b"[InternetShortcut]\r\nURL=http://x", ["attachment_shortcut"]),
        ("a.iso", b"x", ["attachment_disk_image"]),
        ("a.pdf", bytes(0x8001) + b"CD001", ["attachment_disk_image", "name_misleads"]),
        ("a.docm", zipped("word/document.xml", "word/vbaProject.bin"), ["attachment_macros"]),
        ("a.docx", zipped("word/document.xml", "word/vbaProject.bin"), ["attachment_macros"]),
        ("a.xls", compound({"Workbook": BOOK}, ["_VBA_PROJECT_CUR"]), ["attachment_macros"]),
        ("a.xlsx", zipped("xl/workbook.xml", "xl/macrosheets/sheet1.xml"), ["attachment_macros"]),
        ("a.odt", opened("application/vnd.oasis.opendocument.text", "Basic/Standard/x.xml"), ["attachment_macros"]),
        ("a.html", b"<html><script>x</script>", ["attachment_active"]),
        ("a.htm", b"<html><body ONLOAD = 'x'>", ["attachment_active"]),
        ("a.html", b"<html><meta http-equiv='refresh' content='0;url=x'>", ["attachment_active"]),
        ("a.svg", b"<svg><script>x</script></svg>", ["attachment_active"]),
        ("a.html", SMUGGLER, ["attachment_smuggles"]),
        ("a.html", b"\xff\xfe" + SMUGGLER.decode().encode("utf-16-le"), ["attachment_smuggles"]),
        ("a.html", b"<html><a download href='data:application/zip;base64,UEs='>", ["attachment_smuggles"]),
        ("a.pdf", b"<html><p>x", ["name_misleads"]),
        ("a.pdf", zipped("word/document.xml"), ["name_misleads"]),
        ("a.docx", b"%PDF-1.7", ["name_misleads"]),
        ("a.pdf", zipped("x"), ["name_misleads"]),
        ("หนังสือ.pdf.exe", b"x", ["attachment_executable", "name_double_ending"]),
        ("หนังสือ.pdf .scr", b"x", ["attachment_executable", "name_double_ending"]),
        ("หนังสือ.pdf.html", b"<html>", ["name_double_ending"]),
        ("a.zip", zipped("x/หนังสือ.pdf", "y.exe"), ["archive_dangerous"]),
        ("a.zip", zipped("x/หนังสือ.pdf"), []),
        ("a.zip", zipped("x/letter.pdf.lnk"), ["archive_dangerous"]),
        ("a.zip", zipped("x.docm"), ["archive_dangerous"]),
    ],
)
def test_what_an_officer_is_warned_of(name: str, octets: bytes, codes: list[str]) -> None:
    _, warnings = attachments.describe([Part("application/octet-stream", name, octets)])
    assert [said.code for said in warnings] == codes
    for said in warnings:
        assert name.split(".")[0] in said.thai
        assert said.code in CODES


@pytest.mark.parametrize(
    ("trick", "code"), [("reordered", "name_reordered"), ("padded", "name_padded"), ("differs", "names_differ")]
)
def test_tricks_with_the_name_are_said(trick: Trick, code: str) -> None:
    _, warnings = attachments.describe([Part("text/plain", "a.txt", b"x", tricks=frozenset({trick}))])
    assert [said.code for said in warnings] == [code]


def test_files_get_names_to_save_under() -> None:
    found, _ = attachments.describe([Part("x/y", name, b"x") for name in ("a.bin", "A.bin", "con.bin")])
    assert [(file.name, file.save_as) for file in found] == [
        ("a.bin", ""), ("A.bin", "A (2).bin"), ("con.bin", "_con.bin"),
    ]  # fmt: skip


def test_damaged_files_are_looked_at_all_the_same() -> None:
    chance = random.Random(20_690_602)
    whole = [octets for _, octets, _ in KINDS if len(octets) < 20_000]
    for _ in range(4_000):
        octets = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 12)):
            if octets:
                octets[chance.randrange(len(octets))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        cut = bytes(octets[: chance.randint(0, len(octets))]) if chance.random() < 0.5 else bytes(octets)
        attachments.describe([Part("application/octet-stream", "a.pdf", cut)])


@pytest.mark.parametrize(
    "octets",
    [
        b"<!-- -->" * 500 + b"x",
        b"<" * 4_096,
        b"<html>" + b"on" * 1_000_000,
        compound({"Workbook": struct.pack("<HH", 1, 0) * 2_000}),
        compound({f"x{n}": b"" for n in range(3_000)}),
    ],
)
def test_looking_comes_to_an_end(octets: bytes) -> None:
    """A pattern or a chain that grows beyond measure would take hours."""
    (found,), _ = attachments.describe([Part("text/html", "a.html", octets)])
    assert found.size == len(octets)


def test_a_directory_that_goes_in_circles_ends() -> None:
    octets = bytearray(compound({"WordDocument": WORD, "x": b"y"}))
    entry = octets.index("WordDocument".encode("utf-16-le"))
    octets[entry + 68 : entry + 80] = struct.pack("<III", 1, 2, 1)
    assert media_type.look(bytes(octets), "x/y").media_type == "application/msword"


def test_chains_that_go_in_circles_end() -> None:
    octets = bytearray(compound({"WordDocument": WORD, "x": b"y" * 100}))
    table = len(octets) - 512
    for sector in range(128):
        octets[table + 4 * sector : table + 4 * sector + 4] = struct.pack("<I", sector % 3)
    assert media_type.look(bytes(octets), "x/y").media_type
    octets[68:76] = struct.pack("<II", 0, 1)  # the table of tables, too
    assert media_type.look(bytes(octets), "x/y").media_type
