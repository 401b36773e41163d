"""Where one letter ends and the next begins in the same file: the first is the letter, the others its enclosures."""

import re
from collections.abc import Sequence

from services.sign import letter_number
from services.sign.lines import Line

_HEAD_LINES = 18
"""A second letter names its subject or addressee so soon after its number."""
_LABEL = re.compile(r"(?:เรื่อง|เรียน|กราบเรียน|ถึง|นมัสการ)(?:\s|:)")
_MEMORANDUM = re.compile(r"\s*บันทึกข้อความ\s*")


def first(lines: Sequence[Line], addressed: int) -> Sequence[Line]:
    """The lines up to where a second letter begins; `addressed` is the line of the first one's addressee or subject."""
    for index in range(addressed + 1, len(lines)):
        if not _begins(lines[index]):
            continue
        following = lines[index + 1 : index + 1 + _HEAD_LINES]
        if any(_LABEL.match(column) for line in following for column in line.text.split("\t")):
            return lines[:index]
    return lines


def _begins(line: Line) -> bool:
    if _MEMORANDUM.fullmatch(line.text):
        return True
    return any(letter_number.at_start(column) is not None for column in line.text.split("\t"))
