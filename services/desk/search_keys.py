"""How text is compared in a search: what people write differently is made the same, on both sides."""

import re
from typing import Final

from services.sign.letter_number import find, match_key
from services.sign.thai import for_matching, repair

LONGEST: Final = 2_000
"""Of a field; behind that nobody searches."""

_BOUNDARY: Final = re.compile(r"\d")


def text_key(*texts: str | None) -> str:
    """NFC, ASCII digits, SARA AM in one, marks in their order, single spaces, lower case."""
    return "\n".join([for_matching(repair(text[:LONGEST])).casefold() for text in texts if text])


def number_key(number: str | None) -> str:
    """A letter or register number without spaces, in ASCII digits."""
    return match_key(repair(number[:LONGEST])).casefold() if number else ""


def written_number(subject: str | None) -> str:
    """The letter's own number where the subject line says it; empty where it does not."""
    if not subject:
        return ""
    return next((number_key(found.number) for found in find(subject[:LONGEST]) if not found.refers), "")


def names(stored: str, asked: str) -> bool:
    """Whether a stored number is the one asked for; the ministry's letters may be left out, no digit may."""
    if not stored.endswith(asked):
        return False
    before = stored[: len(stored) - len(asked)]
    return not (before and _BOUNDARY.match(before[-1]) and _BOUNDARY.match(asked[0]))
