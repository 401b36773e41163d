"""The parts of a mail, straight from its octets: decoded attachments are exactly those the sender's own copy gives.

Tolerant of everything, bounded in depth, number and size of headers; linear in the size of the letter. Headers are
read by the standard library; bodies are not, since it would copy and convert them.
"""

import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Header
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value

from services.sign import attachment_name, cms_content
from services.sign.attachment_name import Trick
from services.sign.charset import decode
from services.sign.entity import Entity
from services.sign.html_text import text_of
from services.sign.thai import scrub, tidy

DEPTH = 12
"""Deepest nesting of parts; honest mail has four levels."""
PARTS = 300
"""Most parts of one mail."""
HEADER_OCTETS = 256 * 1024
"""Most of a header that is read; the first lines of a longer one still are."""
TEXT_CHARACTERS = 200_000
VALUE_CHARACTERS = 8_192
"""Most of one header line that encoded words are looked for in."""
OPENED = 4
"""Deepest nesting of S/MIME files that are opened; signed, encrypted, signed again has three (RFC 2634)."""

_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")
SMIME_INSIDE = re.compile(rb"pkcs7|\.p7[ms]|message/rfc822", re.IGNORECASE)
"""What stands in a mail with S/MIME in it, or with another mail in it."""
_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"[^\n]*\n?")
_FIELDS = re.compile(rb"[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_FIELD = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")


@dataclass(frozen=True)
class Part:
    """One leaf: what a reader would call a file, or the text."""

    media_type: str
    """As declared, lower case, without parameters."""
    name: str
    octets: bytes
    damaged: bool = False
    """Its transfer encoding could not be undone completely."""
    tricks: frozenset[Trick] = frozenset()
    """What was done to its name to mislead who reads it."""
    inside: str = ""
    """Name of the part it was taken out of; empty for one of the mail itself."""


@dataclass
class Message:
    """A mail taken apart."""

    subject: str | None = None
    authors: list[str] = field(default_factory=list)
    """Every From line, decoded; an honest mail has one."""
    text: str = ""
    text_digests: list[bytes] = field(default_factory=list)
    """SHA-256 of each text part without its transfer encoding and white space (`text_sha256` of the findings)."""
    parts: list[Part] = field(default_factory=list)
    """The attachments, in their order; what lies in a TNEF (winmail.dat) or an S/MIME file comes behind it."""
    entity: Entity | None = None
    """The mail as a tree; None where it has no header."""
    unopened: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason of each TNEF that was not read to its end."""
    smime: bool = False
    pgp: bool = False
    readable: bool = True
    """It has a header at all."""
    left_out: str = ""
    """Why parts were left out; empty if none was."""

    @property
    def may_be_smime(self) -> bool:
        """Whether there is S/MIME in it, or in a mail or file attached to it."""
        return self.smime or any(
            part.media_type in _SIGNATURE
            or part.name.lower().endswith(".p7s")
            or (
                (part.media_type == "message/rfc822" or part.name.lower().endswith(".eml"))
                and SMIME_INSIDE.search(part.octets)
            )
            for part in self.parts
        )

    @property
    def text_sha256(self) -> str:
        """The digest of all its text, hex."""
        return hashlib.sha256(b"".join(self.text_digests)).hexdigest()


def read(octets: bytes) -> Message:
    """Take a mail apart. Never raises for what is in it."""
    message = Message()
    header, body = _header(octets, 0, len(octets))
    if not header.keys():
        message.readable = False
        message.text = decode(octets[:TEXT_CHARACTERS])
        return message
    subject = header.get("Subject")
    message.subject = None if subject is None else decoded(subject)
    message.authors = [decoded(value) for value in header.get_all("From", [])]
    message.entity = _Walk(octets, message).run(header, body)
    from services.sign import tnef  # it knows what a part is

    message.parts, message.unopened = tnef.with_contents(message.parts)
    return message


def decoded(value: str) -> str:
    """A header value with its encoded words read (RFC 2047), on one line."""
    # Behind the last word's end is none: the standard library would look for it from every beginning.
    words, end, rest = value[:VALUE_CHARACTERS].rpartition("?=")
    try:
        # Unfolded first: the library drops the space of a line that goes on behind an encoded word.
        unfolded = (words + end).replace("\r", "").replace("\n", "")
        pieces: list[tuple[str | bytes, str | None]] = [*decode_header(unfolded), (rest, None)]
    except (HeaderParseError, ValueError, binascii.Error):
        return tidy(scrub(value))
    text = "".join(piece if isinstance(piece, str) else decode(piece, label or "") for piece, label in pieces)
    return tidy(scrub(text))


@dataclass
class _Walk:
    octets: bytes
    message: Message
    seen: int = 0
    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    opened: int = 0
    """S/MIME files that this is the content of."""
    inside: str = ""
    """Name of the innermost of them."""

    def run(self, header: Header, body: tuple[int, int]) -> Entity:
        entity = self._part(header, 0, body, 0)
        text = "\n".join(self.plain)
        if len("".join(text.split())) < 10 and self.html:
            text = "\n".join(text_of(html) for html in self.html)
        self.message.text = scrub(text[:TEXT_CHARACTERS])
        return entity

    def _part(self, header: Header, begin: int, body: tuple[int, int], depth: int) -> Entity:
        self.seen += 1
        kind = header.get_content_type()
        entity = Entity(self.octets, header, kind, begin, body)
        self._note_protection(header, kind)
        boundary = header.get_boundary() if kind.startswith("multipart/") else None
        if boundary:
            if depth >= DEPTH:
                self.message.left_out = f"> {DEPTH} levels"
                return entity
            ranges = list(self._ranges(boundary, *body))
            for start, end in ranges:
                if self.seen >= PARTS:
                    self.message.left_out = f"> {PARTS} parts"
                    return entity
                inner, inside = _header(self.octets, start, end)
                if kind == "multipart/digest" and "Content-Type" not in inner:
                    inner["Content-Type"] = "message/rfc822"
                entity.children.append(self._part(inner, start, inside, depth + 1))
            if ranges:
                return entity
        self._leaf(entity, "text/plain" if boundary else kind, depth)
        return entity

    def _leaf(self, entity: Entity, kind: str, depth: int) -> None:
        header, body = entity.header, entity.body
        octets, damaged = _decoded(self.octets[slice(*body)], str(header.get("Content-Transfer-Encoding", "")))
        named = attachment_name.read(_field_of(header, "Content-Disposition"), _field_of(header, "Content-Type"))
        name = named.text
        attached = header.get_content_disposition() == "attachment" or bool(name)
        entity.decoded, entity.name, entity.attached = octets, name, attached
        if kind in ("text/plain", "text/html") and not attached:
            if not self.opened:  # what an S/MIME file carries is no part of the mail: its digest means what it meant
                self.message.text_digests.append(hashlib.sha256(octets.translate(None, b" \t\r\n")).digest())
            label = header.get_param("charset", "")
            text = decode(octets[: 4 * TEXT_CHARACTERS], collapse_rfc2231_value(label) if label else "")
            (self.plain if kind == "text/plain" else self.html).append(text)
            return
        if not octets and not name:
            return
        entity.name = name or self._made_name(kind)
        self.message.parts.append(Part(kind, entity.name, octets, damaged, named.tricks, self.inside))
        if kind in _SMIME or (kind == "application/octet-stream" and name.lower().endswith(".p7m")):
            self._open(entity, depth)

    def _open(self, entity: Entity, depth: int) -> None:
        """Go on in what an S/MIME file carries (RFC 8551 section 3.5.2; 3.10: files known by their name)."""
        entity.content = cms_content.read(entity.decoded)
        if entity.content is None:
            return
        self.message.smime = True
        octets = entity.content.inside
        if octets is None:
            return
        if depth >= DEPTH or self.opened >= OPENED:
            self.message.left_out = f"> {OPENED} S/MIME levels"
            return
        header, body = _header(octets, 0, len(octets))
        if header.keys() or octets.startswith((b"\r\n", b"\n")):
            inner = _Walk(octets, self.message, self.seen, self.plain, self.html, self.opened + 1, entity.name)
            entity.children.append(inner._part(header, 0, body, depth + 1))
            self.seen = inner.seen
        else:  # not a mail's entity but a file, signed by itself
            name = re.sub(r"\.p7[ms]$", "", entity.name, flags=re.IGNORECASE)
            self.message.parts.append(Part("application/octet-stream", name, octets, inside=entity.name))

    def _made_name(self, kind: str) -> str:
        ending = {
            "message/rfc822": ".eml",
            "application/pdf": ".pdf",
            "text/calendar": ".ics",
            "image/jpeg": ".jpg",
            "image/png": ".png",
        }.get(kind, "")
        return f"part-{len(self.message.parts) + 1}{ending}"

    def _note_protection(self, header: Header, kind: str) -> None:
        protocol = (
            str(header.get_param("protocol", "")).lower() if kind in ("multipart/signed", "multipart/encrypted") else ""
        )
        if kind in _SMIME or "pkcs7" in protocol:
            self.message.smime = True
        if "pgp" in protocol:
            self.message.pgp = True

    def _ranges(self, boundary: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the parts lie between the boundary's lines; a missing last line ends with its parent."""
        mark = re.compile(
            rb"^--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(?P<last>--)?[ \t]*\r?$", re.MULTILINE
        )
        begun: int | None = None
        for match in mark.finditer(self.octets, start, end):
            if begun is not None:
                yield begun, max(begun, _before_newline(self.octets, match.start()))
            if match.group("last"):
                return
            begun = min(match.end() + 1, end)
        if begun is not None and begun < end:
            yield begun, end


def _before_newline(octets: bytes, position: int) -> int:
    """The line break before a boundary belongs to the boundary."""
    if octets[position - 1 : position] == b"\n":
        position -= 1
        if octets[position - 1 : position] == b"\r":
            position -= 1
    return position


def _header(octets: bytes, start: int, end: int) -> tuple[Header, tuple[int, int]]:
    """The header that begins at `start`, and where its body lies."""
    for newline in (b"\r\n", b"\n"):
        if octets.startswith(newline, start, end):
            return HeaderParser(policy=compat32).parsestr(""), (start + len(newline), end)
    first = _LINE.match(octets, start, min(end, start + 1000))
    if not first or (not _FIELD.match(first.group()) and not first.group().startswith(b"From ")):
        return HeaderParser(policy=compat32).parsestr(""), (start, end)
    match = _HEADER_END.search(octets, start, end)
    stop = match.start() if match else end
    # Decoded before parsing: the parser would lose octets that are no ASCII, and much Thai mail has them raw.
    # Field by field, since a mail may have them in several character sets.
    text = "".join(map(decode, _FIELDS.findall(octets[start : min(stop, start + HEADER_OCTETS)])))
    return HeaderParser(policy=compat32).parsestr(text), (match.end() if match else end, end)


def _field_of(header: Header, name: str) -> str:
    return str(header.get(name, ""))


def _decoded(octets: bytes, encoding: str) -> tuple[bytes, bool]:
    """The octets without their transfer encoding, and whether some were lost on the way."""
    kind = encoding.strip().lower()
    if kind == "quoted-printable":
        return binascii.a2b_qp(octets), False
    if kind != "base64":
        return octets, kind not in ("", "7bit", "8bit", "binary")
    try:
        return binascii.a2b_base64(octets), False
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
        kept = clean[:-1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4)), True
