import hashlib
import io
import zipfile

import pytest

from services.sign import attachments, media_type
from services.sign.message import Part


def zipped(*names: str, encrypted: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    octets = bytearray(out.getvalue())
    if encrypted:
        # The flag in the directory, where readers look.
        octets[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


@pytest.mark.parametrize(
    ("octets", "declared", "kind"),
    [
        (b"%PDF-1.7", "application/octet-stream", "application/pdf"),
        (b"\n\n%PDF-1.7", "image/png", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "x/y", "image/png"),
        (b"\xff\xd8\xff\xe0", "x/y", "image/jpeg"),
        (zipped("a.txt"), "x/y", "application/zip"),
        (
            zipped("[Content_Types].xml", "word/document.xml"),
            "application/octet-stream",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (b"PK\x03\x04broken", "x/y", "application/zip"),
        (b"MZ" + b"\0" * 100, "application/pdf", "application/x-dosexec"),
        (b"plain", "text/csv", "text/csv"),
        (b"plain", "no type at all", "application/octet-stream"),
    ],
)
def test_type_by_content(octets: bytes, declared: str, kind: str) -> None:
    assert media_type.of(octets, declared) == kind


def test_name_size_and_digest() -> None:
    (found,), warnings = attachments.describe([Part("text/csv", "a.csv", b"1,2")])
    assert (found.name, found.size, found.sha256) == ("a.csv", 3, hashlib.sha256(b"1,2").hexdigest())
    assert warnings == []


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (Part("application/zip", "a.zip", zipped("x", encrypted=True)), "attachment_encrypted"),
        (Part("application/octet-stream", "หนังสือ.exe", b"x"), "attachment_executable"),
        (Part("application/octet-stream", "a.bin", b"MZ" + b"\0" * 100), "attachment_executable"),
        (Part("application/pdf", "a.jpg", b"%PDF-1.7"), "name_misleads"),
        (Part("application/pdf", "a.pdf", b"%PDF-1.7", damaged=True), "part_damaged"),
    ],
)
def test_what_an_officer_is_warned_of(part: Part, code: str) -> None:
    found, warnings = attachments.describe([part])
    assert [said.code for said in warnings] == [code]
    assert part.name in warnings[0].thai
    assert part.name in warnings[0].english
    assert found[0].encrypted == (code == "attachment_encrypted")
