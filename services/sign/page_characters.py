"""The characters of a PDF page, each by its number, and where it stands. For the child process only."""

import ctypes
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium


class Box(NamedTuple):
    """Where a character stands, in points from the lower left corner."""

    left: float
    right: float
    bottom: float
    top: float


class Characters:
    """What pdfium knows of a page's characters. A page has thousands, so the places it answers into are made once."""

    def __init__(self, page: pypdfium2.PdfTextPage, count: int) -> None:
        self._page = page.raw
        self._left, self._right, self._bottom, self._top = (ctypes.c_double() for _ in range(4))
        ask = pdfium.FPDFText_GetUnicode
        self.text = "".join([chr(ask(self._page, number)) for number in range(count)])
        """All of them, by number; NUL where pdfium cannot say."""

    def box(self, number: int) -> Box | None:
        """Where its ink is; None where pdfium cannot say, as for the others."""
        left, right, bottom, top = self._left, self._right, self._bottom, self._top
        if not pdfium.FPDFText_GetCharBox(self._page, number, left, right, bottom, top):
            return None
        return Box(left.value, right.value, bottom.value, top.value)

    def origin(self, number: int) -> tuple[float, float] | None:
        """The point of the line it stands on."""
        x, y = self._left, self._bottom
        return (x.value, y.value) if pdfium.FPDFText_GetCharOrigin(self._page, number, x, y) else None

    def size(self, number: int) -> float:
        """Its size on the page, in points: some files write size 1 and scale it."""
        size = float(pdfium.FPDFText_GetFontSize(self._page, number))
        matrix = pdfium.FS_MATRIX()
        if not pdfium.FPDFText_GetMatrix(self._page, number, matrix):
            return size
        return size * (float((matrix.a**2 + matrix.b**2) ** 0.5) or 1.0)
