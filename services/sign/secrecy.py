"""A secrecy mark (ชั้นความลับ) as a mark: where a mark is put, never the word in running text.

| where | confidence |
| --- | --- |
| the Subject line begins with it | 0.95 |
| alone in the middle of the top or the bottom of a page, or in a stamp (a PDF annotation) | 0.95 |
| alone on a line of a letter's head, or above a mail's text | 0.95, 0.9 |
| in brackets in the Subject line; as its last word | 0.9; 0.7 |
| a scan, whose text is a guess: at both ends of a page; at one | 0.7; 0.5 |

A receipt names nothing of a letter that has any of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from contracts.findings import Particular, Source
from services.sign import grades
from services.sign.lines import Line

RANKS: Final = {"ลับ": 1, "ลับมาก": 2, "ลับที่สุด": 3}

_BODY_LINES = 6
"""A mail's text has its mark above the salutation."""
_SURE, _LIKELY, _SCANNED_TWICE, _SCANNED = 0.95, 0.9, 0.7, 0.5


def of_page(lines: Sequence[Line], source: Source) -> Particular | None:
    """The mark that a file bears at an end of its pages."""
    marked = [said for line in lines if line.edge and (said := grades.of_line(line.text)[1])]
    if not marked:
        return None
    sure = _SURE if source != "ocr" else _SCANNED_TWICE if len(marked) > 1 else _SCANNED
    return Particular(value=max(marked, key=RANKS.__getitem__), source=source, confidence=sure)


def of_body(lines: Sequence[Line]) -> Particular | None:
    """The mark above the text of a mail."""
    marked = [said for line in lines[:_BODY_LINES] if (said := grades.of_line(line.text)[1])]
    # Several different words one below the other are a list of what there is.
    if len(set(marked)) != 1:
        return None
    return Particular(value=marked[0], source="body", confidence=_LIKELY)


def gravest(found: Iterable[Particular | None]) -> Particular | None:
    """The highest of the marks; of equal ones the surest, then the first."""
    marks = [item for item in found if item is not None and item.value in RANKS]
    return max(marks, key=lambda item: (RANKS[item.value], item.confidence), default=None)
