"""The lines of a text, with what layout says about them: does a line fill its column, does a paragraph begin here?"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.sign.thai import is_thai, repair, tidy

LINES = 4_000
"""Most lines that are looked at; a letter has fifty."""
LINE_CHARACTERS = 2_000

_WRAPPED_FROM, _WRAPPED_TO = 45, 100
"""A text was wrapped by a mail program where its longest line that could be broken lies between these."""


_BROKEN = 0.6
"""A line that was broken before a long word is still so much of the longest."""


class Line(NamedTuple):
    """One line. Columns that stand apart on it are separated by a tab."""

    text: str
    full: bool = False
    """It reaches the end of its column, so that the next line may go on with the same sentence."""
    gap: bool = False
    """More than the usual space lies above it."""
    edge: bool = False
    """It stands alone in the middle of the top or the bottom of its page, where marks are put."""


def of_text(text: str) -> list[Line]:
    """The lines of a text without layout, such as the body of a mail."""
    rows = [row[:LINE_CHARACTERS].expandtabs(8) for row in repair(text).split("\n")[:LINES]]
    # A word longer than the line stands over it; only a line with a space in it says how long lines may be.
    longest = max((len(row.rstrip()) for row in rows if " " in row.strip()), default=0)
    wrapped = _WRAPPED_FROM <= longest <= _WRAPPED_TO
    found: list[Line] = []
    gap = False
    for index, row in enumerate(rows):
        if not row.strip():
            gap = True
            continue
        following = rows[index + 1] if index + 1 < len(rows) else ""
        full = wrapped and (len(row.rstrip()) >= 0.8 * longest or _fits_not(row, following, longest))
        found.append(Line("\t".join(_columns(row)), full=full, gap=gap))
        gap = False
    return found


def joined(rows: Iterable[str]) -> str:
    """Lines of one sentence as one. Thai has no space where a line was broken, unless the line keeps one."""
    text = ""
    for row in rows:
        if text and not (_is_letter(text[-1]) and _is_letter(row.lstrip()[:1] or " ")):
            text += " "
        text += row.replace("\t", " ")
    return tidy(text)


def sentences(lines: Iterable[Line]) -> Iterator[str]:
    """The text with lines put together that were broken where their column ends."""
    rows: list[str] = []
    full = False
    for line in lines:
        if rows and (line.gap or not full):
            yield joined(rows)
            rows = []
        rows.append(line.text)
        full = line.full
    if rows:
        yield joined(rows)


PARAGRAPH = re.compile(
    r"(?:ตามที่|ตามหนังสือ|ตามมติ|ด้วย|เนื่องจาก|เนื่องด้วย|อนุสนธิ|สืบเนื่อง|โดยที่|ขอ(?:ส่ง|เรียน|แจ้ง|ให้)|จึง|ทั้งนี้|พร้อมนี้|ในการนี้)"
)
"""The words with which a letter's paragraphs begin."""


def _fits_not(row: str, following: str, longest: int) -> bool:
    """Whether a program broke the line here because the next word was too long for it."""
    if not following.strip() or following[:1].isspace() or PARAGRAPH.match(following):
        return False
    width = len(row.rstrip())
    return width >= _BROKEN * longest and width + 1 + len(following.split()[0]) > longest


def _is_letter(character: str) -> bool:
    """Figures are words of their own."""
    return is_thai(character) and not character.isdigit()


def _columns(row: str) -> list[str]:
    # Three spaces set a column apart; two are a typist's habit.
    kept = row.strip().replace("   ", "\t")
    return [
        part.strip() + (" " if row.endswith(" ") and not part.strip() else "")
        for part in kept.split("\t")
        if part.strip()
    ]
