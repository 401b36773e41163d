"""What a header field says a file's name is, however its program wrote it.

RFC 2231 (character set, percent, continuations) and what mailers really send: encoded words inside parameters, which
RFC 2047 section 5 forbids, cut anywhere; octets without a label; percent signs. Linear in the length of the field.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from services.sign.charset import decode

PARAMETERS: Final = 500
"""Most parameters of a header field that are read."""

_WORD = re.compile(r"=\?(?P<label>[^?\s]{1,64})\?(?P<how>[bBqQ])\?(?P<said>[^?]*)(?:\?=|\?\Z|\Z)")
_CLOSING = re.compile(r"\s*(?:;|\Z)")
_ESCAPED = re.compile(r'\\(["\\])')
_SEGMENT = re.compile(r"(?P<base>[a-z-]+)\*(?P<number>\d{1,3})(?P<extended>\*?)")
_FOLD = re.compile(r"\r?\n[ \t]?")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_REFERENCE = re.compile(r"&#(3[5-7]\d\d);")
_LATIN = frozenset({"iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "iso-8859-15"})
_THAI_RUN = re.compile(rb"[\xa1-\xda\xdf-\xfb]{3}")
_MISREAD = re.compile("à[¸¹]")


def candidates(field: str, base: str) -> Iterator[str]:
    """What a field says the name is, the most telling form first."""
    plain: list[str] = []
    whole: list[str] = []
    segments: dict[int, tuple[str, bool]] = {}
    for name, value in _parameters(field):
        if name == base:
            plain.append(value)
        elif name == f"{base}*":
            whole.append(value)
        elif (match := _SEGMENT.fullmatch(name)) and match["base"] == base:
            segments.setdefault(int(match["number"]), (value, bool(match["extended"])))
    yield from (_joined([(value, True)]) for value in whole)
    if segments:
        yield _joined([segments[number] for number in _in_turn(segments)])
    yield from (_readable(value) for value in plain)


def _in_turn(segments: dict[int, tuple[str, bool]]) -> Iterator[int]:
    """The numbers from the first one on, without a hole; some programs begin with 1."""
    number = 0 if 0 in segments else 1
    while number in segments:
        yield number
        number += 1


def _joined(segments: Sequence[tuple[str, bool]]) -> str:
    """RFC 2231: segments joined; the extended ones are percent-encoded octets of one character set."""
    first, extended = segments[0] if segments else ("", False)
    label = ""
    if extended and first.count("'") >= 2:
        label, _, first = first.split("'", 2)
        first = first.strip('"')
    octets = bytearray()
    for value, percent in [(first, extended), *segments[1:]]:
        if percent:
            octets += unquote_to_bytes(value)
        else:
            octets += value.encode()
    # Some programs put encoded words into it, whatever else they did.
    return _readable(labelled(bytes(octets), label))


def _parameters(field: str) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values; tolerant of quotes and spaces where they do not belong."""
    at = field.find(";")
    for _ in range(PARAMETERS):
        if at < 0:
            return
        equals = field.find("=", at + 1)
        if equals < 0:
            return
        name = field[at + 1 : equals].rpartition(";")[2].strip().lower()
        begin = equals + 1
        while begin < len(field) and field[begin].isspace():
            begin += 1
        if field[begin : begin + 1] == '"':
            value, at = _quoted(field, begin + 1)
        else:
            at = field.find(";", begin)
            value = field[begin : at if at >= 0 else len(field)].rstrip()
        yield name, _FOLD.sub(lambda found: " " if found.group()[-1] in " \t" else "", value)


def _quoted(field: str, begin: int) -> tuple[str, int]:
    """A quoted value and where the `;` behind it is, or -1. A quote inside it that nobody escaped does not end it."""
    at = begin
    while True:
        at = field.find('"', at)
        if at < 0:
            return field[begin:], -1
        escapes = 0
        while field[at - 1 - escapes] == "\\":
            escapes += 1
        closing = _CLOSING.match(field, at + 1)
        # An escaped quote ends the value where nothing follows: a Windows path was seldom escaped.
        if closing and (escapes % 2 == 0 or closing.end() == len(field)):
            after = closing.end() - 1 if closing.group().endswith(";") else -1
            return _ESCAPED.sub(r"\1", field[begin:at]), after
        at += 1


# -- the characters -------------------------------------------------------------------------------------------------


def _readable(text: str) -> str:
    """The text with encoded words, hidden percent signs and references undone."""
    if "=?" in text:
        text = _words(text)
    if _PERCENT.search(text):
        octets = unquote_to_bytes(text)
        if not octets.isascii() and _is_utf8(octets):
            text = octets.decode()
    if "&#" in text:
        text = _REFERENCE.sub(lambda found: chr(int(found[1])), text)
    if _MISREAD.search(text):
        text = _read_again(text)
    return text


def _words(text: str) -> str:
    """RFC 2047 as it is really sent: adjacent words are one run of octets, cut anywhere."""
    out: list[str] = []
    run: list[re.Match[str]] = []
    at = 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        if run and (between.strip(' \t\r\n"') or run[-1]["label"].lower() != match["label"].lower()):
            out.append(_run(run))
            run = []
        if between.strip(' \t\r\n"'):
            out.append(between)
        run.append(match)
        at = match.end()
    if run:
        out.append(_run(run))
    return "".join(out) + text[at:]


def _run(words: Sequence[re.Match[str]]) -> str:
    octets = bytearray()
    pending = ""
    for number, word in enumerate(words):
        if word["how"] in "qQ":
            octets += binascii.a2b_qp(word["said"].encode("utf-8", "replace"), header=True)
            continue
        pending += re.sub(r"[^A-Za-z0-9+/]", "", word["said"])
        more = number + 1 < len(words) and words[number + 1]["how"] in "bB"
        if len(pending) % 4 == 0 or word["said"].rstrip().endswith("=") or not more:
            kept = pending[:-1] if len(pending) % 4 == 1 else pending
            octets += base64.b64decode(kept + "=" * (-len(kept) % 4))
            pending = ""
    return labelled(bytes(octets), words[0]["label"].partition("*")[0])


def labelled(octets: bytes, label: str) -> str:
    """The text of octets by their label, unless it cannot be true: programs call Thai Latin-1."""
    if label.strip().lower() in _LATIN and not octets.isascii():
        if _is_utf8(octets):
            return octets.decode()
        if _THAI_RUN.search(octets):
            return octets.decode("cp874", "replace")
    return decode(octets, label)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_again(text: str) -> str:
    """Thai in UTF-8 that somebody read as Latin-1 (`à¸`): read as what it was, if all of it can be."""
    for wrong in ("latin-1", "cp1252"):
        try:
            return text.encode(wrong).decode()
        except UnicodeError:
            continue
    return text
