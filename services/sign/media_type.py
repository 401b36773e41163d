"""What a file is by its octets, and whether it is locked or can run."""

import io
import re
import zipfile

from services.sign import cms_content

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x1f\x8b", "application/gzip"),
    (b"{\\rtf", "application/rtf"),
    (b"\x7fELF", "application/x-executable"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_RUNS = re.compile(
    r"\.(?:exe|scr|com|pif|bat|cmd|vbs?|vbe|jse?|wsf|wsh|hta|msi|msp|ps1|psm1|jar|lnk|cpl|reg|iso|img|vhdx?|dll|sh|apk)$",
    re.IGNORECASE,
)
_NAMED = {
    "application/pdf": (".pdf",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "application/x-dosexec": (".exe", ".dll", ".scr", ".com", ".cpl", ".sys", ".ocx", ".pif"),
}
_DOCUMENTS = (".pdf", ".png", ".jpg", ".jpeg", ".doc", ".docx", ".xls", ".xlsx", ".txt")
_ENTRIES = 2_000


def of(octets: bytes, declared: str) -> str:
    """The media type by content where that can be told, otherwise as declared."""
    if is_pdf(octets):
        return "application/pdf"
    for magic, kind in _MAGIC:
        if octets.startswith(magic):
            return kind
    if octets.startswith(b"MZ") and len(octets) > 64:
        return "application/x-dosexec"
    if octets.startswith(b"PK\x03\x04"):
        return _of_zip(octets, declared)
    if octets.startswith(_OLE):
        return (
            declared if declared.startswith(("application/ms", "application/vnd.ms")) else "application/x-ole-storage"
        )
    return (
        declared
        if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}", declared)
        else "application/octet-stream"
    )


def is_pdf(octets: bytes) -> bool:
    """Whether readers would take it for a PDF file: the mark may stand anywhere in the first KiB."""
    return b"%PDF-" in octets[:1024]


def can_run(name: str, kind: str) -> bool:
    """Whether opening it may run a program."""
    return bool(_RUNS.search(name)) or kind in ("application/x-dosexec", "application/x-executable")


def misleads(name: str, kind: str) -> bool:
    """Whether the name says document and the content says otherwise."""
    lower = name.lower()
    endings = _NAMED.get(kind)
    return endings is not None and lower.endswith(_DOCUMENTS) and not lower.endswith(endings)


def is_encrypted(octets: bytes) -> bool:
    """Whether it asks for a password or a key, as far as that can be told by its octets (a PDF has to be opened)."""
    if octets.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(octets)) as archive:
                return any(entry.flag_bits & 1 for entry in archive.infolist()[:_ENTRIES])
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            return bool(octets[6:7] and octets[6] & 1)
    if octets.startswith(_OLE):
        return (
            "EncryptedPackage".encode("utf-16-le") in octets[: 4 << 20]
            or "EncryptedPackage".encode("utf-16-le") in octets[-(4 << 20) :]
        )
    return octets.startswith(b"-----BEGIN PGP MESSAGE-----") or cms_content.is_encrypted(octets)


def _of_zip(octets: bytes, declared: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            names = [entry.filename for entry in archive.infolist()[:_ENTRIES]]
            if names[:1] == ["mimetype"] and archive.getinfo("mimetype").file_size < 100:
                said = archive.read("mimetype").decode("ascii", "replace").strip()
                if said.startswith("application/vnd.oasis.opendocument."):
                    return said
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, RuntimeError, KeyError):
        return "application/zip"
    for folder, kind in _OFFICE.items():
        if any(name.startswith(folder) for name in names):
            return kind
    return declared if declared == "application/java-archive" else "application/zip"
