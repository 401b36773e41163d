"""What a file is by its octets, whatever its name says and its sender declared."""

import re
from dataclasses import dataclass
from typing import Final

from services.sign import archive, cms_content, office, zip_archive
from services.sign.attachment_name import ending
from services.sign.compound_file import SIGNATURE
from services.sign.listing import ERRORS, Budget, Listing

PROGRAM: Final = frozenset(
    {
        "application/x-dosexec",
        "application/x-executable",
        "application/x-mach-binary",
        "application/java-vm",
        "application/x-sh",
        office.INSTALLER,
    }
)
"""Types that are programs."""
SHORTCUT: Final = "application/x-ms-shortcut"
INTERNET_SHORTCUT: Final = "application/x-mswinurl"
DISK_IMAGE: Final = frozenset({"application/x-iso9660-image", "application/x-virtualbox-vhd", "application/x-vhdx"})

_TNEF: Final = b"\x78\x9f\x3e\x22"
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"{\\rt", "application/rtf"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", SHORTCUT),
    (b"vhdxfile", "application/x-vhdx"),
    (b"conectix", "application/x-virtualbox-vhd"),
    (b"MSCF\x00\x00\x00\x00", "application/vnd.ms-cab-compressed"),
    (b"ITSF\x03\x00\x00\x00", "application/vnd.ms-htmlhelp"),
    (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), "application/onenote"),
    (_TNEF, "application/vnd.ms-tnef"),
    (b"%!PS-Adobe", "application/postscript"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
)
_HEIC: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_HTML: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|script|title|meta|table|style|iframe)\b",
    re.IGNORECASE | re.DOTALL,
)
_SVG: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_FIELD: Final = re.compile(
    rb"(?:received|return-path|from|to|subject|date|message-id|mime-version|delivered-to|x-[a-z-]+): ", re.IGNORECASE
)
_DECLARED: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}")
_TEXTS: Final = {".txt": "text/plain", ".csv": "text/csv", ".eml": "message/rfc822", ".ics": "text/calendar"}
_HEAD: Final = 4_096
_FOOTER: Final = 512

_SIGNED: Final = bytes.fromhex("2a864886f70d010702")
"""The CMS content type of signed data (RFC 5652 section 5.1)."""


@dataclass(frozen=True)
class Content:
    """What the octets of a file say."""

    media_type: str
    encrypted: bool = False
    """It asks for a password or a key, as far as that can be told without opening it (a PDF has to be opened)."""
    macros: bool = False
    listing: Listing | None = None
    """Of an archive: what lies in it."""


def look(octets: bytes, declared: str, name: str = "", budget: Budget | None = None) -> Content:
    """Everything the octets tell; the declared type, where they do not tell the type. Listing an archive costs of
    `budget`, which is an attachment's own unless it is given.
    """
    if is_pdf(octets) and (_says_pdf(declared, name) or not _holds_files(octets)):
        return Content("application/pdf")
    if octets.startswith(SIGNATURE):
        return _compound(octets, declared)
    found = archive.listing(octets, name, budget)
    if found is not None:
        return _archive(octets, declared, found)
    kind = _by_magic(octets) or _by_text(octets[:_HEAD])
    if kind:
        return Content(kind)
    locked = cms_content.is_encrypted(octets)
    if locked or _is_cms(octets):
        return Content("application/pkcs7-mime", locked)
    if octets.startswith(b"-----BEGIN PGP MESSAGE-----") or _is_pgp(octets, name):
        return Content("application/pgp-encrypted", encrypted=True)
    return Content(
        _by_name(octets, name) or (declared if _DECLARED.fullmatch(declared) else "application/octet-stream")
    )


def of(octets: bytes, declared: str) -> str:
    """The media type by content where that can be told, otherwise as declared."""
    return look(octets, declared).media_type


def is_pdf(octets: bytes) -> bool:
    """Whether readers would take it for a PDF file: the mark may stand anywhere in the first KiB."""
    return b"%PDF-" in octets[:1024]


def _says_pdf(declared: str, name: str) -> bool:
    return declared == "application/pdf" or ending(name).lower() == ".pdf"


def _holds_files(octets: bytes) -> bool:
    """Whether a PDF's mark near its beginning may be that of a file inside. What is called PDF is opened as one."""
    return octets.startswith((SIGNATURE, _TNEF)) or bool(archive.kind_of(octets))


def is_encrypted(octets: bytes) -> bool:
    """Whether it asks for a password or a key, as far as that can be told by its octets (a PDF has to be opened)."""
    return look(octets, "").encrypted


def _compound(octets: bytes, declared: str) -> Content:
    try:
        found = office.of_compound(octets)
    except ERRORS:
        found = office.Office("")
    told = declared if declared.startswith(("application/ms", "application/vnd.")) else "application/x-ole-storage"
    return Content(found.kind or told, found.encrypted, found.macros)


def _archive(octets: bytes, declared: str, found: Listing) -> Content:
    kind = archive.kind_of(octets)
    if kind != archive.ZIP:
        return Content(kind, found.encrypted, listing=found)
    document = office.of_parts(found.names)
    if document.kind:
        # Its parts are no files that anybody would take out; what is embedded in it is.
        return Content(document.kind, found.encrypted, document.macros)
    opened = re.match(rb"PK\x03\x04.{22}\x08\x00.{2}mimetype(application/[a-z0-9.+-]{1,80})", octets, re.DOTALL)
    if opened:
        return Content(opened[1].decode(), found.encrypted or _locked_parts(octets), document.macros)
    if "AndroidManifest.xml" in found.names:
        kind = "application/vnd.android.package-archive"
    elif declared == "application/java-archive" or "META-INF/MANIFEST.MF" in found.names:
        kind = "application/java-archive"
    return Content(kind, found.encrypted, listing=found)


def _locked_parts(octets: bytes) -> bool:
    """OpenDocument: the manifest, which is mostly packed, names an algorithm for each locked part."""
    manifest = zip_archive.member(octets, "META-INF/manifest.xml")
    return b"encryption-data" in manifest


def _by_magic(octets: bytes) -> str:
    for magic, kind in _MAGIC:
        if octets.startswith(magic):
            return kind
    if octets.startswith(b"MZ") and len(octets) > 64:
        return "application/x-dosexec"
    if octets.startswith(b"RIFF") and octets[8:12] == b"WEBP":
        return "image/webp"
    if octets[4:8] == b"ftyp":
        brand = octets[8:12]
        return "image/heic" if brand in _HEIC else "image/avif" if brand == b"avif" else "video/mp4"
    if octets.startswith(b"BM") and int.from_bytes(octets[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return "image/bmp"
    if octets.startswith(b"\xca\xfe\xba\xbe"):  # Java says its version here, Mach-O the number of its parts
        return "application/java-vm" if int.from_bytes(octets[4:8], "big") > 40 else "application/x-mach-binary"
    if octets[0x8001:0x8006] == b"CD001":
        return "application/x-iso9660-image"
    if len(octets) > _FOOTER and octets[-_FOOTER:].startswith(b"conectix"):
        return "application/x-virtualbox-vhd"
    return ""


def _by_text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode()
    if head.startswith(b"#!"):
        return "application/x-sh"
    if head.lstrip().lower().startswith(b"[internetshortcut]"):
        return INTERNET_SHORTCUT
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and _SVG.search(head) and not _HTML.match(head):
        return "image/svg+xml"
    return "text/html" if _HTML.match(head) else ""


def _by_name(octets: bytes, name: str) -> str:
    """Text has no mark of its own: its name tells which, if it is text."""
    head = octets[:_HEAD]
    kind = _TEXTS.get(ending(name).lower(), "")
    if not kind or b"\0" in head:
        return ""
    return kind if kind != "message/rfc822" or _FIELD.match(head) else ""


def _is_cms(octets: bytes) -> bool:
    """A DER or BER SEQUENCE that begins with the object identifier of signed data (RFC 5652)."""
    head = octets[:64]
    return head[:1] == b"\x30" and _SIGNED in head


def _is_pgp(octets: bytes, name: str) -> bool:
    """RFC 4880 section 4.3: a session key packet first; too little to tell it without a name."""
    first = octets[0] if octets else 0
    tag = first & 0x3F if first & 0x40 else first >> 2 & 0x0F
    return ending(name).lower() in (".pgp", ".gpg", ".asc") and bool(first & 0x80) and tag in (1, 3, 9, 18)
