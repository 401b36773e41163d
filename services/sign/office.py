"""What an Office file is, whether it is locked, and whether it brings macros."""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.sign.compound_file import CompoundFile

_OLE: Final = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "__properties_version1.0": "application/vnd.ms-outlook",
    "VisioDocument": "application/vnd.visio",
}
INSTALLER: Final = "application/x-msi"
_INSTALLER_CLASS: Final = bytes.fromhex("84100c0000000000c000000000000046")
_MACROS: Final = frozenset({"VBA", "Macros", "_VBA_PROJECT", "_VBA_PROJECT_CUR"})

# ruff: noqa: E501 - media types have no shorter names
_OPEN: Final = (
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/vnd.ms-word.document.macroEnabled.12"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.ms-excel.sheet.macroEnabled.12"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "application/vnd.ms-powerpoint.presentation.macroEnabled.12"),
)  # fmt: skip
_BINARY_SHEET: Final = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"


@dataclass(frozen=True)
class Office:
    """What is told by the structure."""

    kind: str
    """Media type; empty where it is no Office file."""
    encrypted: bool = False
    macros: bool = False


def of_compound(octets: bytes) -> Office:
    """An old document, by its streams. Raises ValueError or struct.error for a broken one."""
    file = CompoundFile(octets)
    if file.class_id == _INSTALLER_CLASS:
        return Office(INSTALLER)
    macros = bool(file.names & _MACROS)
    if "EncryptedPackage" in file.top:
        return Office("", encrypted=True)
    kind = next((kind for name, kind in _OLE.items() if name in file.top), "")
    return Office(kind, _locked(file), macros)


def of_parts(names: Collection[str]) -> Office:
    """A document of today, by the names of its parts; `kind` is empty if it is none."""
    lower = {name.lower() for name in names}
    macros = any(name.endswith(("vbaproject.bin", "xl/macrosheets/")) or "/macrosheets/" in name for name in lower)
    for folder, plain, with_macros in _OPEN:
        if any(name.startswith(folder) for name in lower):
            if folder == "xl/" and "xl/workbook.bin" in lower:
                return Office(_BINARY_SHEET, macros=macros)
            return Office(with_macros if macros else plain, macros=macros)
    scripts = any(name.startswith(("basic/", "scripts/")) and not name.endswith("/") for name in lower)
    return Office("", macros=scripts)


def _locked(file: CompoundFile) -> bool:
    """A password to open, as Office 97 to 2003 have it."""
    if word := file.top.get("WordDocument"):  # MS-DOC section 2.5.2: FibBase, fEncrypted
        head = file.head(word, 32)
        return len(head) >= 12 and bool(struct.unpack_from("<H", head, 10)[0] & 0x0100)
    if book := file.top.get("Workbook") or file.top.get("Book"):
        return _locked_workbook(file.head(book, 4_096))
    if user := file.top.get("Current User"):  # MS-PPT section 2.3.2: headerToken
        head = file.head(user, 16)
        return len(head) >= 16 and struct.unpack_from("<I", head, 12)[0] == 0xF3D1C4DF
    return False


def _locked_workbook(head: bytes) -> bool:
    """MS-XLS section 2.4.117: a FilePass record in the globals."""
    at = 0
    while at + 4 <= len(head):
        record, size = struct.unpack_from("<HH", head, at)
        if record == 0x002F:
            return True
        if record == 0x000A:
            return False
        at += 4 + size
    return False
