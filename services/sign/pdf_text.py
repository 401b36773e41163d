"""The text of a PDF file, line by line, as far as its text layer gives one. For the child process only.

pdfium loses spaces beside Thai marks and tells nothing of columns and paragraphs; both are read back here from where
the characters stand, on the first pages, where a letter's head is.
"""

import ctypes
import itertools
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from services.sign import page_marks
from services.sign.lines import LINE_CHARACTERS, LINES, Line
from services.sign.thai import MARKS, repair

PAGES = 50
"""Most pages that are looked at."""
CHARACTERS = 200_000
"""Most characters of a file."""
MEASURED_PAGES = 3
MEASURED_CHARACTERS = 20_000
"""Positions are asked for on this much."""
OBJECTS = 3_000
"""Most objects of a page that are asked what they are."""

_SPACE_EM = 0.2
_COLUMN_EM = 1.6
_FULL = 0.8
_PARAGRAPH = 1.45


class PdfText(NamedTuple):
    """What a PDF file says."""

    lines: list[Line]
    pages: int
    scanned: bool
    """The text was laid under a picture by character recognition: not to be trusted."""
    cut: bool
    """There was more than is looked at."""


class UnreadablePdfError(Exception):
    """pdfium cannot open the file."""

    def __init__(self, reason: str, *, encrypted: bool) -> None:
        super().__init__(reason)
        self.encrypted = encrypted


class _Box(NamedTuple):
    """Where a character stands, in points from the lower left corner."""

    left: float
    right: float
    bottom: float
    top: float


def read(octets: bytes) -> PdfText:
    """The text of the file.

    Raises:
        UnreadablePdfError: it is damaged, or asks for a password.
    """
    try:
        document = pypdfium2.PdfDocument(octets)
    except pypdfium2.PdfiumError as error:
        encrypted = getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD
        raise UnreadablePdfError(str(error), encrypted=encrypted) from error
    try:
        return _read(document)
    finally:
        document.close()


def _read(document: pypdfium2.PdfDocument) -> PdfText:
    pages = len(document)
    lines: list[Line] = []
    characters = 0
    scanned = cut = False
    for number in range(min(pages, PAGES)):
        try:
            page = document[number]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            continue  # one broken page is no reason to lose the others
        count = text_page.count_chars()
        characters += count
        if characters > CHARACTERS or len(lines) > LINES:
            cut = True
            break
        scanned = scanned or (number == 0 and count > 0 and _is_scan(page))
        if number < MEASURED_PAGES:
            lines += [Line(mark, gap=True, edge=True) for mark in page_marks.stamps(page)]
        if number < MEASURED_PAGES and count <= MEASURED_CHARACTERS:
            lines += _measured(text_page, count, page.get_size())
        else:
            lines += [
                Line(row[:LINE_CHARACTERS])
                for row in repair(text_page.get_text_range(0, count)).split("\n")
                if row.strip()
            ]
        text_page.close()
        page.close()
    return PdfText(lines[:LINES], pages, scanned, cut or pages > PAGES)


def _measured(text_page: pypdfium2.PdfTextPage, count: int, size: tuple[float, float]) -> list[Line]:
    """Lines with spaces, columns and paragraphs put back by where the characters stand."""
    raw = text_page.raw
    rows: list[list[int]] = [[]]
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(raw, index)
        if code in (0x0A, 0x0D):
            if rows[-1]:
                rows.append([])
        elif code:
            rows[-1].append(index)
    found: list[tuple[str, _Box, float]] = []
    for row in rows:
        line = _row(raw, row)
        if line is not None:
            found.append(line)
    if not found:
        return []
    edge = max(box.right for _, box, _ in found)
    start = min(box.left for _, box, _ in found)
    pitches = sorted(
        above[1].bottom - below[1].bottom
        for above, below in itertools.pairwise(found)
        if above[1].bottom > below[1].bottom
    )
    # The closest lines are those of one paragraph; a letter of short lines only has no other measure.
    pitch = pitches[len(pitches) // 4] if pitches else 0.0
    lines = []
    previous: _Box | None = None
    for text, box, _ in found:
        gap = previous is not None and (
            previous.bottom - box.bottom > _PARAGRAPH * pitch or previous.bottom < box.bottom
        )
        full = edge - start > 0 and (box.right - start) >= _FULL * (edge - start)
        clean = repair(text)
        if clean.strip():
            at_edge = page_marks.is_at_edge(box.left, box.right, box.bottom, box.top, size)
            lines.append(Line(clean[:LINE_CHARACTERS].strip("\t\n"), full=full, gap=gap, edge=at_edge))
        previous = box
    return lines


def _row(raw: object, row: list[int]) -> tuple[str, _Box, float] | None:
    """One line: its text with columns as tabs, its box, its size of type."""
    text: list[str] = []
    whole: _Box | None = None
    size = 0.0
    before: _Box | None = None  # of the last character that is seen, while a space may be missing or be a column
    pending = ""
    last = -1
    for index in row:
        character = chr(pdfium.FPDFText_GetUnicode(raw, index))
        if character.isspace():
            pending = " "
            continue
        ask = not text or pending or (text[-1][-1:] in MARKS and character not in MARKS)
        here = _box(raw, index) if ask else None
        if here is not None and text:
            size = size or pdfium.FPDFText_GetFontSize(raw, index) * _scale(raw, index)
            before = _box(raw, last)
            distance = here.left - before.right if before else 0.0
            if pending and distance > _COLUMN_EM * size > 0:
                pending = "\t"
            elif not pending and distance > _SPACE_EM * size > 0:
                pending = " "
        if pending and text:
            text.append(pending)
        pending = ""
        text.append(character)
        last = index
        if whole is None:
            whole = here or _box(raw, index)
    if whole is None or not text:
        return None
    end = _box(raw, last)
    if end is not None:
        whole = _Box(
            min(whole.left, end.left),
            max(whole.right, end.right),
            min(whole.bottom, end.bottom),
            max(whole.top, end.top),
        )
    return "".join(text) + pending, whole, size


def _scale(raw: object, index: int) -> float:
    """Size on the page of one unit of the character's own space: some files write size 1 and scale it."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(raw, index, matrix):
        return 1.0
    return float((matrix.a**2 + matrix.b**2) ** 0.5) or 1.0


def _box(raw: object, index: int) -> _Box | None:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not pdfium.FPDFText_GetCharBox(raw, index, left, right, bottom, top):
        return None
    return _Box(left.value, right.value, bottom.value, top.value)


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    """A picture as large as the page, and text that is not painted."""
    area = page.get_width() * page.get_height()
    painted = unpainted = 0
    picture = False
    for number, item in enumerate(page.get_objects(max_depth=2)):
        if number >= OBJECTS:
            break
        if item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            picture = picture or (right - left) * (top - bottom) >= 0.8 * area
        elif item.type == pdfium.FPDF_PAGEOBJ_TEXT:
            if pdfium.FPDFTextObj_GetTextRenderMode(item.raw) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
                unpainted += 1
            else:
                painted += 1
    return picture and unpainted > painted
