"""Mails around a signature, octet by octet, with the line ends of the wire."""

import base64
import quopri
from collections.abc import Iterable, Sequence

SENDER = "somjai@dga.example"
HEADER = (
    f"From: =?utf-8?B?{base64.b64encode('สมใจ'.encode()).decode()}?= <{SENDER}>",
    "To: saraban@demo.example",
    "Subject: test letter",
    "Date: Mon, 01 Jun 2026 09:00:00 +0700",
    "Message-ID: <corpus@dga.example>",
    "MIME-Version: 1.0",
)
LETTER = "ที่ นร ๑๒๐๐/ว๕๖\r\nเรื่อง ขอเชิญประชุม\r\nเรียน หัวหน้าส่วนราชการ\r\n\r\nขอเชิญประชุมวันที่ ๑ กรกฎาคม ๒๕๖๙\r\n"


def text(said: str = LETTER, encoding: str = "quoted-printable", kind: str = "text/plain") -> bytes:
    """A text entity; `encoding` is its Content-Transfer-Encoding."""
    octets = said.encode()
    if encoding == "quoted-printable":
        octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        octets = wrapped(octets)
    return entity([f"Content-Type: {kind}; charset=utf-8", f"Content-Transfer-Encoding: {encoding}"], octets)


def file(name: str, octets: bytes, kind: str = "application/pdf") -> bytes:
    """An attachment in base64."""
    return entity(
        [
            f'Content-Type: {kind}; name="{name}"',
            f'Content-Disposition: attachment; filename="{name}"',
            "Content-Transfer-Encoding: base64",
        ],
        wrapped(octets),
    )


def forwarded(mail: bytes, name: str = "") -> bytes:
    """A mail in a mail."""
    header = ["Content-Type: message/rfc822"]
    return entity([*header, *([f'Content-Disposition: attachment; filename="{name}"'] if name else [])], mail)


def entity(lines: Iterable[str], body: bytes) -> bytes:
    """Header lines, an empty line, the body."""
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def multipart(kind: str, parts: Sequence[bytes], boundary: str, parameters: str = "", around: str = "") -> bytes:
    """A multipart entity; `around` stands as preamble and epilogue."""
    mark = f"--{boundary}".encode()
    body = around.encode() + b"".join(b"\r\n" + mark + b"\r\n" + part for part in parts)
    body += b"\r\n" + mark + b"--\r\n" + around.encode()
    if not around:
        body = body.removeprefix(b"\r\n")
    return entity([f'Content-Type: {kind}; boundary="{boundary}"{parameters}'], body)


def signature(cms: bytes, kind: str = "application/pkcs7-signature", name: str = "smime.p7s") -> bytes:
    """The second part of a multipart/signed."""
    return file(name, cms, kind)


def detached(
    signed: bytes,
    cms: bytes,
    *,
    boundary: str = "signed",
    protocol: str | None = "application/pkcs7-signature",
    micalg: str = "sha-256",
    kind: str = "application/pkcs7-signature",
    more: Sequence[bytes] = (),
    around: str = "",
) -> bytes:
    """A multipart/signed (RFC 8551 section 3.5.3)."""
    said = f'; protocol="{protocol}"; micalg={micalg}' if protocol is not None else ""
    return multipart("multipart/signed", [signed, signature(cms, kind), *more], boundary, said, around)


def opaque(
    cms: bytes,
    smime_type: str = "signed-data",
    kind: str = "application/pkcs7-mime",
    name: str = "smime.p7m",
    disposition: str = "attachment",
) -> bytes:
    """An S/MIME file as the whole entity (RFC 8551 section 3.5.2)."""
    said = f"; smime-type={smime_type}" if smime_type else ""
    return entity(
        [
            f'Content-Type: {kind}; name="{name}"{said}',
            f'Content-Disposition: {disposition}; filename="{name}"',
            "Content-Transfer-Encoding: base64",
        ],
        wrapped(cms),
    )


def letter(content: bytes, header: Sequence[str] = HEADER) -> bytes:
    """A whole mail with this entity as its content."""
    return "".join(f"{line}\r\n" for line in header).encode() + content


def changed(header: Sequence[str] = HEADER, /, **fields: str | None) -> list[str]:
    """The header with fields replaced (`From_`, since From is a word of Python's), added at its end, or taken out."""
    wanted = {name.rstrip("_").replace("_", "-"): value for name, value in fields.items()}
    kept = [line for line in header if line.partition(":")[0] not in wanted]
    return [*kept, *(f"{name}: {value}" for name, value in wanted.items() if value is not None)]


def wrapped(octets: bytes) -> bytes:
    """Base64 in lines of 76."""
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")
