"""The name of an attached file: what the sender's program meant by it, made safe; and what it tries to hide."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from services.sign.encoded_name import candidates
from services.sign.thai import scrub, tidy

CHARACTERS: Final = 255
"""Longest name: what NTFS takes."""

OCTETS: Final = 255
"""Longest name to save under, in UTF-8: what ext4 takes; a Thai character has three."""

PADDING: Final = 6
"""So many blanks in a row push what follows out of sight."""

Trick = Literal["reordered", "padded", "differs"]


@dataclass(frozen=True)
class Name:
    """A name as it is shown, and what was done to mislead its reader."""

    text: str
    """Without path, controls and invisible characters, NFC; empty if there is none."""
    tricks: frozenset[Trick] = frozenset()


_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(
    r"[\t\n\v\f\r \u00a0\u115f\u1160\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164\uffa0]"
)
_ENDING = re.compile(r"\.[^.\s]{1,20}\Z")
_KIND = re.compile(r"\.(?=[0-9]?[A-Za-z])[A-Za-z0-9]{2,8}\Z")
_FORBIDDEN = re.compile(r'[<>:"|?*/\\]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)


def read(disposition: str, content_type: str) -> Name:
    """The name in the two fields of a part's header, `filename` before `name`."""
    said = [
        text
        for field, base in ((disposition, "filename"), (content_type, "name"))
        for text in candidates(scrub(field), base)
        if text.strip()
    ]
    found = [safe(text) for text in said]
    kept = [name for name in found if name.text]
    if not kept:
        return Name("", _all_tricks(found))
    best = next((name for name in kept if not _damaged(name.text)), kept[0])
    endings = {match.group().lower() for name in kept if (match := _KIND.search(name.text))}
    tricks = set(best.tricks)
    if len(endings) > 1:
        tricks.add("differs")
    return Name(best.text, frozenset(tricks))


def safe(text: str) -> Name:
    """A name as it may be shown: no path, nothing that controls or cannot be seen, bounded."""
    tricks: set[Trick] = set()
    text = unicodedata.normalize("NFC", scrub(text))
    if _OVERRIDES.search(text):
        tricks.add("reordered")
    text = _BLANKS.sub(" ", text)
    text = re.split(r"[/\\]", text.rstrip("/\\ "))[-1]
    if " " * PADDING in text.strip():
        tricks.add("padded")
    text = tidy("".join(character for character in text if character.isprintable())).strip(". ")
    return Name(_cut(text, CHARACTERS, octets=False), frozenset(tricks))


def for_saving(names: Sequence[str]) -> list[str]:
    """Names that every file system takes, each different from all the others also without regard to case."""
    taken: set[str] = set()
    found = []
    for name in names:
        text = _FORBIDDEN.sub("_", name).strip(". ") or "file"
        text = _cut(f"_{text}" if _RESERVED.match(text) else text, OCTETS, octets=True)
        unique, number = text, 1
        while unicodedata.normalize("NFC", unique.casefold()) in taken:
            number += 1
            last = ending(text)
            mark = f" ({number}){last}"
            unique = _cut(text.removesuffix(last), OCTETS - len(mark.encode()), octets=True) + mark
        taken.add(unicodedata.normalize("NFC", unique.casefold()))
        found.append(unique)
    return found


def ending(name: str) -> str:
    """The last ending with its dot; empty if there is none."""
    match = _ENDING.search(name)
    return match.group() if match and match.start() > 0 else ""


def _all_tricks(names: Sequence[Name]) -> frozenset[Trick]:
    return frozenset(trick for name in names for trick in name.tricks)


def _damaged(text: str) -> bool:
    """Whether a program could not write it: question marks or U+FFFD in the place of letters."""
    return "\ufffd" in text or "??" in text or bool(re.fullmatch(r"[_?\s]+(?:\..*)?", text))


def _cut(text: str, limit: int, *, octets: bool) -> str:
    """The text within the limit, its ending kept, and no mark parted from its consonant."""

    def size(piece: str) -> int:
        return len(piece.encode()) if octets else len(piece)

    if size(text) <= limit:
        return text
    last = ending(text)
    stem = text.removesuffix(last)
    room = limit - size(last)
    kept = stem.encode()[:room].decode("utf-8", "ignore") if octets else stem[:room]
    while kept and len(kept) < len(stem) and (unicodedata.combining(stem[len(kept)]) or stem[len(kept)] in "ะาำัิีึืฺุู็"):
        kept = kept[:-1]
    return kept.rstrip(". ") + last
