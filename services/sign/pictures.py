"""Pages that are pictures: as bitmaps for character recognition, and what is believed of its text. For the child.

The hostile file is opened here, behind the walls; what leaves them is width, height and one octet for each point.
"""

import re
from collections.abc import Iterator

import pypdfium2

from services.sign.lines import Line, of_text
from services.sign.pages import PAGES, POINTS, Bitmap

_DPI = 200


def render(octets: bytes) -> Iterator[Bitmap]:
    """The first pages of a PDF file. Raises pypdfium2.PdfiumError."""
    document = pypdfium2.PdfDocument(octets)
    try:
        for number in range(min(len(document), PAGES)):
            try:
                page = document[number]
                width, height = page.get_size()
                if not (1 <= width <= 14_400 and 1 <= height <= 14_400):  # PDF 32000 Annex C.2: the largest page
                    continue
                scale = min(_DPI / 72, (POINTS / (width * height)) ** 0.5 * 0.99)
                drawn = page.render(scale=scale, grayscale=True)
            except pypdfium2.PdfiumError:
                continue  # one broken page is no reason to lose the others
            yield _rows(drawn)
            page.close()
    finally:
        document.close()


def _rows(bitmap: pypdfium2.PdfBitmap) -> Bitmap:
    width, height, stride = bitmap.width, bitmap.height, bitmap.stride
    octets = bytes(bitmap.buffer)
    if stride != width:
        octets = b"".join(octets[start : start + width] for start in range(0, stride * height, stride))
    return Bitmap(width, height, octets[: width * height])


_FIGURES = re.compile(r"(?m)((?:^|[ \t])[๑๒๓](?=[.,)]\s))|[๐-๙]")
"""The figure of a list's first items, and any other."""
_UNREADABLE = "\ufffd"
_WORDS = (
    # Tone marks are what recognition loses first; only where the form itself has the word.
    (re.compile(r"(?m)^([ \t]*)เรือง(?=\s)"), r"\1เรื่อง"),
    (re.compile(r"(?m)^([ \t]*)ที(?=\s+[ก-ฮ]{1,6}[ .(]*[0-9ว])"), r"\1ที่"),
    (re.compile(r"(?m)^([ \t]*)สิ่?งที่?ส่งมาด้วย"), r"\1สิ่งที่ส่งมาด้วย"),
    (re.compile(r"(?m)^([ \t]*(?:ด่วน|ลับ))ทีสุด(?=\s|$)"), r"\1ที่สุด"),
)


def lines(pages: list[str]) -> list[Line]:
    """The lines of pages that were recognised.

    Thai figures are left out: Tesseract's Thai data reads ๔ ๖ ๗ ๘ ๙ as other figures, always and without a doubt
    (measured: ๒๕๖๙ becomes ๒๕๐๑ or ๒๕๒๕), and a wrong number is worse than none.
    """
    found: list[Line] = []
    for text in pages:
        for wrong, right in _WORDS:
            text = wrong.sub(right, text)
        read = of_text(_FIGURES.sub(lambda match: match.group(1) or _UNREADABLE, text))
        # Where a line stands is not known; a mark at an end of the page is its first or its last lines.
        ends = {0, 1, len(read) - 2, len(read) - 1}
        found += [line._replace(edge=True) if index in ends else line for index, line in enumerate(read)]
    return found
