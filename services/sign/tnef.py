"""The files inside winmail.dat (MS-OXTNEF), which Outlook makes of a letter and nobody else opens.

Bounded in number and depth; what is broken ends the reading there, and what was found until then stays.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.sign import attachment_name
from services.sign.charset import decode
from services.sign.encoded_name import labelled
from services.sign.message import Part

SIGNATURE: Final = b"\x78\x9f\x3e\x22"
FILES: Final = 100
"""Most files of one mail that are taken out."""
DEPTH: Final = 3
"""Deepest message in a message that is opened."""
PROPERTIES: Final = 2_000
"""Most properties of one file that are read; Outlook writes some thirty."""
VALUES: Final = 1_000
"""Most values of one property."""

_CODE_PAGE: Final = 0x00069007
_BEGIN: Final = 0x00069002
_TITLE: Final = 0x00018010
_DATA: Final = 0x0006800F
_PROPERTIES: Final = 0x00069005

_OBJECT: Final = 0x3701
_NAMES: Final = (0x3707, 0x3704, 0x3001)
"""PidTagAttachLongFilename, PidTagAttachFilename, PidTagDisplayName."""
_MEDIA_TYPE: Final = 0x370E

_FIXED: Final = {
    0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8, 0x0040: 8,
    0x0048: 16,
}  # fmt: skip
"""Octets of a value of each type, padded (MS-OXTNEF section 2.1.3.5)."""
_VARIABLE: Final = frozenset({0x000D, 0x001E, 0x001F, 0x0102})
_MANY: Final = 0x1000


@dataclass
class _File:
    """One attachment while it is read."""

    title: bytes = b""
    data: bytes | None = None
    properties: dict[int, tuple[int, bytes]] = field(default_factory=dict)


@dataclass
class Opened:
    """What lies in it."""

    parts: list[Part]
    most: int
    broken: str = ""
    """Why not everything could be read; empty if it could."""


def is_tnef(octets: bytes) -> bool:
    """By content: the name and the type that are declared are often others."""
    return octets.startswith(SIGNATURE)


def with_contents(parts: Sequence[Part]) -> tuple[list[Part], list[tuple[str, str]]]:
    """The parts, each TNEF among them followed by the files inside it; and name and reason where not all were read."""
    found: list[Part] = []
    broken: list[tuple[str, str]] = []
    taken = 0
    for part in parts:
        found.append(part)
        if is_tnef(part.octets):
            opened = read(part.octets, part.name, FILES - taken)
            taken += len(opened.parts)
            found += opened.parts
            if opened.broken:
                broken.append((part.name, opened.broken))
    return found, broken


def read(octets: bytes, name: str, most: int = FILES) -> Opened:
    """The files inside a TNEF of this name, at most so many. Never raises for what is in it."""
    opened = Opened([], most)
    _message(octets, name, opened, 0)
    return opened


def _message(octets: bytes, name: str, opened: Opened, depth: int) -> None:
    files: list[_File] = []
    code_page = ""
    try:
        for attribute, data in _attributes(octets):
            if attribute == _CODE_PAGE and len(data) >= 4:
                code_page = _label(struct.unpack_from("<I", data)[0])
            elif attribute == _BEGIN:
                if len(files) >= FILES:
                    opened.broken = opened.broken or f"> {FILES}"
                    break
                files.append(_File())
            elif not files:
                continue
            elif attribute == _TITLE:
                files[-1].title = bytes(data)
            elif attribute == _DATA:
                files[-1].data = bytes(data)
            elif attribute == _PROPERTIES:
                files[-1].properties = _properties(data)
    except (struct.error, ValueError, IndexError) as error:
        opened.broken = opened.broken or (str(error) if isinstance(error, ValueError) else "it ends too early")
    for one in files:
        if len(opened.parts) >= opened.most:
            opened.broken = opened.broken or f"> {FILES}"
            return
        _take(one, name, code_page, opened, depth)


def _take(one: _File, inside: str, code_page: str, opened: Opened, depth: int) -> None:
    named = _name(one, code_page)
    kind, value = one.properties.get(_OBJECT, (0, b""))
    # Behind the identifier of its interface an object is a message of its own, or a file of another program.
    nested = value[16:] if kind == 0x000D else b""
    octets = one.data if one.data is not None else nested or value
    text = named.text or f"part-{len(opened.parts) + 1}"
    if is_tnef(nested):
        text = text if "." in text else f"{text}.tnef"
        octets = nested
    if not octets and not named.text:
        return
    declared = decode(one.properties.get(_MEDIA_TYPE, (0, b""))[1].replace(b"\0", b"")).lower()
    opened.parts.append(Part(declared or "application/octet-stream", text, octets, tricks=named.tricks, inside=inside))
    if is_tnef(nested):
        if depth + 1 >= DEPTH:
            opened.broken = opened.broken or f"> {DEPTH} levels"
            return
        _message(nested, text, opened, depth + 1)


def _name(one: _File, code_page: str) -> attachment_name.Name:
    """The long name before the short one (`NAME~1.PDF`); Unicode before the code page."""
    said = [_text(*one.properties[key], code_page) for key in _NAMES if key in one.properties]
    said.append(labelled(one.title.split(b"\0")[0], code_page))
    for text in said:
        name = attachment_name.safe(text)
        if name.text:
            return name
    return attachment_name.Name("")


def _text(kind: int, value: bytes, code_page: str) -> str:
    if kind == 0x001F:
        return value.decode("utf-16-le", "replace").split("\0")[0]
    return labelled(value.split(b"\0")[0], code_page)


def _label(number: int) -> str:
    """A Windows code page as a character set."""
    return {0: "", 20127: "", 65001: "utf-8"}.get(number, f"cp{number}")


def _attributes(octets: bytes) -> Iterator[tuple[int, memoryview]]:
    """Identifier and data of each attribute. Checksums are not looked at: old programs write wrong ones."""
    whole = memoryview(octets)
    at = 6
    while at + 9 <= len(whole):
        level, attribute, size = struct.unpack_from("<BII", whole, at)
        at += 9
        if level not in (1, 2):
            raise ValueError("no attribute where one has to be")
        if at + size > len(whole):
            raise ValueError("it ends too early")
        yield attribute, whole[at : at + size]
        at += size + 2


def _properties(data: memoryview) -> dict[int, tuple[int, bytes]]:
    """Type and first value of each property that is of use here."""
    found: dict[int, tuple[int, bytes]] = {}
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(min(count, PROPERTIES)):
        kind, key = struct.unpack_from("<HH", data, at)
        at += 4
        if key >= 0x8000:
            at = _after_name(data, at)
        value, at = _value(data, kind, at)
        if key in (_OBJECT, _MEDIA_TYPE, *_NAMES):
            found[key] = (kind & ~_MANY, value)
    return found


def _after_name(data: memoryview, at: int) -> int:
    """Behind the name of a named property: its set, and a number or a text."""
    (how,) = struct.unpack_from("<I", data, at + 16)
    (number,) = struct.unpack_from("<I", data, at + 20)
    return at + 24 + (_padded(number) if how == 1 else 0)


def _value(data: memoryview, kind: int, at: int) -> tuple[bytes, int]:
    """The first value, and where the next property begins."""
    many, kind = bool(kind & _MANY), kind & ~_MANY
    count = 1
    if many or kind in _VARIABLE:
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
    if count > VALUES:
        raise ValueError("a property of too many values")
    first = b""
    for index in range(count):
        if kind in _VARIABLE:
            (size,) = struct.unpack_from("<I", data, at)
            at += 4
            step = _padded(size)
        elif kind in _FIXED:
            size = step = _FIXED[kind]
        else:
            raise ValueError(f"a property of unknown type {kind:#06x}")
        if at + size > len(data):
            raise ValueError("it ends too early")
        if index == 0 and kind in _VARIABLE:
            first = bytes(data[at : at + size])
        at += step
    return first, at


def _padded(size: int) -> int:
    return (size + 3) & ~3
