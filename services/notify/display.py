"""What strangers wrote, as our mails show it: one line, of bounded length, without signs that rearrange the text."""

import re
import unicodedata
from typing import Final

from services.words import header_text

LONGEST: Final = 300

# Bidirectional overrides and isolates can make a line read as another one; a newline could fake a line of ours.
_ODD = re.compile("[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")
_SPACES = re.compile(r"\s+")


def clean(text: str, longest: int = LONGEST) -> str:
    """One line that shows what was written; cut with an ellipsis."""
    line = _SPACES.sub(" ", _ODD.sub(" ", text)).strip()
    if len(line) <= longest:
        return line
    at = longest - 1
    while at and unicodedata.category(line[at]).startswith("M"):
        at -= 1  # a vowel or tone mark must not be cut from its letter
    return line[:at] + "…"


def header(line: str, longest: int = LONGEST) -> str:
    """A header line, decoded and clean."""
    return clean(header_text.decoded(line), longest)
