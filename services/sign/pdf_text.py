"""The text of a PDF file, line by line, as far as its text layer gives one. For the child process only.

pdfium loses spaces beside Thai marks and tells nothing of columns and paragraphs; both are read back here from where
the characters stand, on the first pages, where a letter's head is.
"""

import itertools
import re
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from services.sign import lines as lines_of_text
from services.sign import page_marks, sara_am
from services.sign.lines import LINE_CHARACTERS, LINES, Line
from services.sign.page_characters import Box, Characters
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
_INDENT = 40.0
"""Points: a paragraph is indented by 2.5 cm (71) in letters, by less elsewhere."""
_BROKEN = 0.5
"""A line that was broken before a long word is still so much of its column."""
_ALIGNED = 14.0

_RUN = re.compile(r"[^\n\r]+")
_PIECE = re.compile(rf"[^\s{MARKS}]*[{MARKS}]+(?=[^\s{MARKS}])|\S+")
"""Up to a space, or to marks that something follows: there pdfium loses spaces."""


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


class _Row(NamedTuple):
    """One line as it stands on the page."""

    text: str
    box: Box
    begins: tuple[float, ...]
    """Where its first words begin, and its columns."""


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
    return PdfText(_with_sara_aa(lines[:LINES]), pages, scanned, cut or pages > PAGES)


def _measured(text_page: pypdfium2.PdfTextPage, count: int, size: tuple[float, float]) -> list[Line]:
    """Lines with spaces, columns and paragraphs put back by where the characters stand."""
    characters = Characters(text_page, count)
    said = characters.text
    rows = [[number for number in range(*run.span()) if said[number] != "\0"] for run in _RUN.finditer(said)]
    found = [row for numbers in _whole(characters, rows) if (row := _row(characters, numbers)) is not None]
    if not found:
        return []
    said = "\n".join(row.text for row in found)
    if sara_am.is_confused(said) and sara_am.is_spaced(said):
        found = [row._replace(text=sara_am.unspaced(row.text)) for row in found]
    edge = max(row.box.right for row in found)
    start = min(row.box.left for row in found)
    pitches = sorted(
        above.box.bottom - below.box.bottom
        for above, below in itertools.pairwise(found)
        if above.box.bottom > below.box.bottom
    )
    # The closest lines are those of one paragraph; a letter of short lines only has no other measure.
    pitch = pitches[len(pitches) // 4] if pitches else 0.0
    repaired = repair("\n".join(row.text for row in found)).split("\n")  # at one go: no rule of it looks beyond a line
    lines = []
    previous: _Row | None = None
    for index, (row, clean) in enumerate(zip(found, repaired, strict=True)):
        box = row.box
        gap = previous is not None and (
            previous.box.bottom - box.bottom > _PARAGRAPH * pitch
            or previous.box.bottom < box.bottom
            or _is_indented(row, previous, start, edge)
        )
        following = found[index + 1] if index + 1 < len(found) else None
        full = edge > start and box.right - start >= _FULL * (edge - start)
        full = full or (edge > start and following is not None and _fits_not(row, following, start, edge))
        if clean.strip():
            at_edge = page_marks.is_at_edge(box.left, box.right, box.bottom, box.top, size)
            lines.append(Line(clean[:LINE_CHARACTERS].strip("\t\n"), full=full, gap=gap, edge=at_edge))
        previous = row
    return lines


def _whole(characters: Characters, rows: list[list[int]]) -> list[list[int]]:
    """The rows with those put together that stand side by side on one line: pdfium parts glyphs that a file placed
    one by one."""
    whole: list[list[int]] = []
    for row in filter(None, rows):
        if whole and _goes_on(characters, whole[-1][-1], row[0]):
            whole[-1] = whole[-1] + row
        else:
            whole.append(row)
    return whole


def _goes_on(characters: Characters, last: int, first: int) -> bool:
    before, after = characters.origin(last), characters.origin(first)
    if before is None or after is None or abs(before[1] - after[1]) > 0.5:
        return False
    ended, begun = characters.box(last), characters.box(first)
    if ended is None or begun is None:
        return False
    size = characters.size(first)
    return -size <= begun.left - ended.right <= _SPACE_EM * size


def _with_sara_aa(lines: list[Line]) -> list[Line]:
    if not sara_am.is_confused("\n".join(line.text for line in lines)):
        return lines
    return [line._replace(text=sara_am.repair(line.text)) for line in lines]


def _is_indented(row: _Row, previous: _Row, start: float, edge: float) -> bool:
    """Whether a paragraph begins: further right than the text, and under nothing that begins in the line above."""
    if row.box.left - start < _INDENT:
        return False
    if _is_in_the_middle(previous, start, edge):
        # What goes on below a line in the middle is in the middle too, or begins exactly where it begins.
        return not _is_in_the_middle(row, start, edge) and abs(row.box.left - previous.box.left) > _ALIGNED / 2
    return all(abs(row.box.left - begun) > _ALIGNED for begun in previous.begins)


def _is_in_the_middle(row: _Row, start: float, edge: float) -> bool:
    aside = row.box.left - start
    return aside >= _ALIGNED and abs(aside - (edge - row.box.right)) <= 2 * _ALIGNED


def _fits_not(row: _Row, following: _Row, start: float, edge: float) -> bool:
    """Whether the line ends because the next word was too long for it."""
    word = following.text.split()[0] if following.text.split() else ""
    if not word or lines_of_text.PARAGRAPH.match(repair(word)):
        return False
    width = (following.box.right - following.box.left) * len(word) / len(following.text)
    return row.box.right - start >= _BROKEN * (edge - start) and row.box.right + width > edge


def _row(characters: Characters, numbers: list[int]) -> _Row | None:
    """One line: its text with columns as tabs, its box, and where its words begin.

    Where a character stands is asked for only where a word or a column may begin.
    """
    letters = "".join([characters.text[number] for number in numbers])
    text: list[str] = []
    begins: list[float] = []
    whole: Box | None = None
    size = 0.0
    end = 0
    for piece in _PIECE.finditer(letters):
        space = " " if piece.start() > end else ""
        here = characters.box(numbers[piece.start()])
        if here is not None and text:
            size = size or characters.size(numbers[piece.start()])
            before = characters.box(numbers[end - 1])
            distance = here.left - before.right if before else 0.0
            apart = distance > _COLUMN_EM * size > 0
            # A label's value begins second, a numbered item third.
            if apart or (len(begins) < 3 and (space or distance > _SPACE_EM * size > 0)):
                begins.append(here.left)
            if space and apart:
                space = "\t"
            elif distance > _SPACE_EM * size > 0:
                space = " "
        if text:
            text.append(space)
        text.append(piece.group())
        end = piece.end()
        if whole is None:
            boxes = (characters.box(number) for number in numbers[piece.start() : end])
            whole = here or next((box for box in boxes if box is not None), None)
            if whole is not None:
                begins.append(whole.left)
    if whole is None:
        return None
    last, origin = characters.box(numbers[end - 1]), characters.origin(numbers[0])
    if last is not None:
        whole = Box(
            min(whole.left, last.left),
            max(whole.right, last.right),
            min(whole.bottom, last.bottom),
            max(whole.top, last.top),
        )
    if origin is not None:
        whole = whole._replace(bottom=origin[1])  # the line's, not that of a mark above or a vowel below
    return _Row("".join(text) + (" " if end < len(letters) else ""), whole, tuple(begins))


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    """A picture as large as the page, and text that is not painted."""
    if not _may_have_pictures(page):
        return False
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


def _may_have_pictures(page: pypdfium2.PdfPage) -> bool:
    """Whether one of its objects is a picture, or a form that may hold one: cheaper than to look at each of them."""
    count = min(OBJECTS, max(0, pdfium.FPDFPage_CountObjects(page.raw)))
    kinds = {pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page.raw, number)) for number in range(count)}
    return bool(kinds & {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM})
