"""Our mails as octets, written by hand: the standard library's generator would rewrite the original we carry.

Every line ends with CRLF and is shorter than 998 octets. Header text is RFC 2047, file names are ASCII.
"""

import binascii
import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

CRLF: Final = b"\r\n"
WIDTH: Final = 76

Encoding = Literal["7bit", "8bit", "base64"]


class Mail(Struct, frozen=True, kw_only=True):
    """One mail as it is handed over, with its envelope."""

    sender: str
    """Reverse-path."""
    recipient: str
    message_id: str
    octets: bytes
    utf8: bool = False
    """An address needs SMTPUTF8 (RFC 6531)."""
    eight_bit: bool = False
    """The body has octets beyond ASCII (8BITMIME, RFC 6152)."""


class Part(Struct, frozen=True, kw_only=True):
    """One part of a multipart mail; `content` is the octets before encoding."""

    media_type: str
    content: bytes
    encoding: Encoding = "base64"
    filename: str = ""
    description: str = ""


def field(name: str, text: str) -> bytes:
    """A header field of free text, folded."""
    if text.isascii():
        return _fold(name, text.split(" "))
    return _fold(name, encoded_words(text))


def mailbox_field(name: str, display: str, address: str) -> bytes:
    """A header field with one address; a non-ASCII address goes as it is, which needs SMTPUTF8."""
    written = f"<{address}>" if display else address
    if display.isascii():
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        return _fold(name, [f'"{quoted}"', written] if display else [written])
    return _fold(name, [*encoded_words(display), written])


def token_field(name: str, tokens: Iterable[str]) -> bytes:
    """A header field of tokens such as Message-IDs, folded between them."""
    return _fold(name, list(tokens))


def encoded_words(text: str) -> list[str]:
    """RFC 2047 encoded words of at most 75 octets; a base letter keeps its vowels and tone marks."""
    words: list[str] = []
    chunk = b""
    for cluster in _clusters(text):
        octets = cluster.encode("utf-8", "replace")
        if chunk and len(chunk) + len(octets) > 45:
            words.append(_encoded(chunk))
            chunk = b""
        chunk += octets
    return [*words, _encoded(chunk)]


def _encoded(octets: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(octets, newline=False).decode('ascii')}?="


def _clusters(text: str) -> Iterable[str]:
    cluster = ""
    for char in text:
        # A run of marks without end must still fit an encoded word.
        if cluster and (not unicodedata.category(char).startswith("M") or len(cluster) >= 8):
            yield cluster
            cluster = ""
        cluster += char
    yield cluster


def _fold(name: str, tokens: Sequence[str]) -> bytes:
    lines = [f"{name}:"]
    for token in tokens:
        if len(lines[-1]) + 1 + len(token) > WIDTH and lines[-1].strip() and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {token}"
    return "\r\n".join(lines).encode("utf-8")


def compose(fields: Iterable[bytes], parts: Sequence[Part], seed: str, report: Sequence[Part] = ()) -> bytes:
    """A multipart/mixed mail. The boundary follows from `seed`, so that a repeat is the same octets.

    With `report` it is the first part of a multipart/report (RFC 6522) that has these beside it.
    """
    kind, body = _multipart("mixed", parts, seed)
    if report:
        words = Part(media_type=kind, content=body, encoding="7bit")
        kind, body = _multipart("report; report-type=delivery-status", [words, *report], f"{seed} report")
    pieces = [piece for line in fields for piece in (line, CRLF)]
    return b"".join((*pieces, b"MIME-Version: 1.0\r\nContent-Type: ", kind.encode("ascii"), b"\r\n\r\n", body))


def _multipart(subtype: str, parts: Sequence[Part], seed: str) -> tuple[str, bytes]:
    boundary = _boundary(seed, [part.content for part in parts if part.encoding != "base64"])
    pieces: list[bytes] = []
    for part in parts:
        # The CRLF before a boundary belongs to the boundary: the part's own octets stay as they are.
        pieces += (b"--", boundary, CRLF, _part_head(part), CRLF)
        pieces += (encode_base64(part.content) if part.encoding == "base64" else part.content, CRLF)
    pieces += (b"--", boundary, b"--", CRLF)
    return f'multipart/{subtype};\r\n boundary="{boundary.decode("ascii")}"', b"".join(pieces)


def _part_head(part: Part) -> bytes:
    lines = [f"Content-Type: {part.media_type}"]
    if part.filename:
        lines[0] += f';\r\n name="{part.filename}"'
        lines.append(f'Content-Disposition: attachment;\r\n filename="{part.filename}"')
    lines.append(f"Content-Transfer-Encoding: {part.encoding}")
    head = "".join(f"{line}\r\n" for line in lines).encode("ascii")
    return head + (field("Content-Description", part.description) + CRLF if part.description else b"")


def _boundary(seed: str, contents: list[bytes]) -> bytes:
    """One that no content has in it: whoever wrote the original must not be able to end it early."""
    attempt = 0
    while True:
        found = b"=_" + hashlib.sha256(f"{seed}\n{attempt}".encode()).hexdigest()[:48].encode("ascii")
        if not any(found in content for content in contents):
            return found
        attempt += 1


def encode_base64(octets: bytes) -> bytes:
    """Base64 in lines of 76 with CRLF between them."""
    whole = binascii.b2a_base64(octets, newline=False)
    return CRLF.join(whole[at : at + WIDTH] for at in range(0, len(whole), WIDTH))
