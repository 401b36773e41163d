"""What an officer should be warned of before opening a file: what it can do, and what its name pretends."""

import re
from collections.abc import Iterator
from typing import Final

from contracts import findings
from services.sign import attachment_name
from services.sign.attachment_name import ending
from services.sign.media_type import DISK_IMAGE, INTERNET_SHORTCUT, PROGRAM, SHORTCUT, Content
from services.sign.message import Part
from services.sign.warnings import Code, warning


def _endings(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


_PROGRAMS: Final = _endings(
    "exe scr com pif bat cmd vb vbs vbe js jse wsf wsh wsc sct hta msi msp mst ps1 ps1xml psm1 psd1 jar cpl reg dll sh "
    "bash command apk app inf gadget appx msix appinstaller application chm hlp xll ade adp mde accde py pyw pyc pl rb "
    "deb rpm pkg run xpi crx ocx sys drv efi action workflow"
)
_SHORTCUTS: Final = _endings(
    "lnk url website desktop webloc rdp scf library-ms search-ms settingcontent-ms iqy slk one"
)
_IMAGES: Final = _endings("iso img vhd vhdx dmg udf wim")
_MACROS: Final = _endings("docm dotm xlsm xltm xlam xlsb pptm potm ppam ppsm sldm")
_PAGES: Final = _endings("html htm shtml xhtml svg mht mhtml")

_WORD: Final = (".doc", ".docx", ".docm", ".dot", ".dotx", ".dotm", ".rtf", ".wbk")
_EXCEL: Final = (".xls", ".xlsx", ".xlsm", ".xlsb", ".xlt", ".xltx", ".xltm", ".xlam", ".xla", ".csv")
_SLIDES: Final = (".ppt", ".pptx", ".pptm", ".pps", ".ppsx", ".ppsm", ".pot", ".potx", ".potm")
_PICTURES: Final = tuple(_endings("png jpg jpeg jpe jfif gif tif tiff webp heic heif avif bmp dib"))
_FAMILIES: Final = (
    (re.compile(r"application/pdf"), (".pdf",)),
    (
        re.compile(r"application/(msword|rtf|vnd\.ms-word.*|vnd\.openxmlformats-officedocument\.wordprocessingml.*)"),
        _WORD,
    ),
    (re.compile(r"application/(vnd\.ms-excel.*|vnd\.openxmlformats-officedocument\.spreadsheetml.*)"), _EXCEL),
    (re.compile(r"application/(vnd\.ms-powerpoint.*|vnd\.openxmlformats-officedocument\.presentationml.*)"), _SLIDES),
    (re.compile(r"image/(png|jpeg|gif|tiff|webp|heic|avif|bmp)"), _PICTURES),
    (re.compile(r"application/(zip|x-7z-compressed|vnd\.rar|gzip|x-tar|x-bzip2|x-xz|vnd\.ms-cab-compressed)"), ()),
    (re.compile(r"text/html|image/svg\+xml|application/x-(sh|ms-shortcut|mswinurl)"), ()),
)
"""Types that are told by content, and the endings that say the same."""
_DOCUMENTS: Final = frozenset((".pdf", *_WORD, *_EXCEL, *_SLIDES, *_PICTURES, ".odt", ".ods", ".odp", ".txt"))
"""Endings that are trusted on sight."""

_LOOK: Final = 2 << 20
_ACTIVE: Final = re.compile(
    rb"<script|javascript:|vbscript:|\bon(?:load|error|click|focus|mouseover|submit|begin)\s*=|<iframe|<embed|<object|"
    rb"http-equiv\s*=\s*[\"']?refresh|<foreignobject"
)
_SMUGGLES: Final = re.compile(
    rb"createobjecturl|mssaveoropenblob|mssaveblob|new\s+blob\s*\(|href\s*=\s*[\"']?data:application/|document\.write\s*\(\s*atob"
)
SHOWN: Final = 3
"""Names of an archive that a warning gives."""


def of(part: Part, content: Content) -> Iterator[findings.Warning]:
    """The warnings of one file."""
    name = part.name
    code = _can(name, content)
    if code:
        yield warning(code, name=name)
    if content.macros or (not code and ending(name).lower() in _MACROS):
        yield warning("attachment_macros", name=name)
    if content.media_type in ("text/html", "image/svg+xml") or ending(name).lower() in _PAGES:
        yield from _page(name, part.octets)
    yield from _pretends(part, content)
    if content.listing is not None:
        yield from _holds(name, content)


def dangerous(name: str) -> bool:
    """Whether a file of this name does something by itself when it is opened."""
    last = ending(name.rstrip(". ")).lower()
    return last in _PROGRAMS or last in _SHORTCUTS or last in _IMAGES or last in _MACROS


def _can(name: str, content: Content) -> Code | None:
    last, kind = ending(name).lower(), content.media_type
    if kind in PROGRAM or last in _PROGRAMS:
        return "attachment_executable"
    if kind in (SHORTCUT, INTERNET_SHORTCUT, "application/onenote") or last in _SHORTCUTS:
        return "attachment_shortcut"
    if kind in DISK_IMAGE or last in _IMAGES:
        return "attachment_disk_image"
    return None


def _page(name: str, octets: bytes) -> Iterator[findings.Warning]:
    head = octets[:_LOOK]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode()
    lower = head.lower()
    if _SMUGGLES.search(lower):
        yield warning("attachment_smuggles", name=name)
    elif _ACTIVE.search(lower):
        yield warning("attachment_active", name=name)


def _pretends(part: Part, content: Content) -> Iterator[findings.Warning]:
    name, kind = part.name, content.media_type
    if "reordered" in part.tricks:
        yield warning("name_reordered", name=name)
    if "padded" in part.tricks:
        yield warning("name_padded", name=name)
    if "differs" in part.tricks:
        yield warning("names_differ", name=name)
    last = ending(name)
    before = ending(name.removesuffix(last).rstrip(" ")).lower()
    if before in _DOCUMENTS and (dangerous(name) or last.lower() in _PAGES):
        yield warning("name_double_ending", name=name, detail=last)
    elif _misleads(last.lower(), kind):
        yield warning("name_misleads", name=name, detail=kind)


def _misleads(last: str, kind: str) -> bool:
    """Whether the name says document and the content says otherwise."""
    if last not in _DOCUMENTS:
        return False
    if kind in PROGRAM or kind in DISK_IMAGE:
        return True
    return any(family.fullmatch(kind) and last not in endings for family, endings in _FAMILIES)


def _holds(name: str, content: Content) -> Iterator[findings.Warning]:
    listing = content.listing
    assert listing is not None
    bad = [inner for inner in listing.names if dangerous(inner) or attachment_name.safe(inner).tricks & {"reordered"}]
    if bad:
        shown = [attachment_name.safe(inner).text or "?" for inner in bad[:SHOWN]]
        more = f" +{len(bad) - SHOWN}" if len(bad) > SHOWN else ""
        yield warning("archive_dangerous", name=name, detail=", ".join(shown) + more)
    if listing.swells:
        yield warning("archive_swells", name=name, detail=f"{listing.unpacked:,}")
    if not listing.complete:
        yield warning("archive_not_listed", name=name)
