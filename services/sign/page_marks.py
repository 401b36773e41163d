"""Where a page bears marks: alone in the middle of its top or bottom, or in a stamp laid over it. For the child."""

import ctypes

import pypdfium2
import pypdfium2.raw as pdfium

from services.sign import grades
from services.sign.thai import repair, tidy

ANNOTATIONS = 100
"""Most annotations of a page that are looked at."""
CHARACTERS = 200
"""A stamp that says more is a note."""

_EDGE = 0.17
"""The mark stands above the emblem, or below the text: within so much of the page's height."""
_ASIDE = 0.12
"""Its middle is so near to the page's, by the page's width."""
_WIDE = 0.5
_KINDS = frozenset({pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_WATERMARK})


def is_at_edge(left: float, right: float, bottom: float, top: float, size: tuple[float, float]) -> bool:
    """Whether a line of this box stands where a page's marks do; the page begins at 0, 0."""
    width, height = size
    if width <= 0 or height <= 0 or right - left > _WIDE * width:
        return False
    middle = abs((left + right) / 2 - width / 2) <= _ASIDE * width
    return middle and (top <= _EDGE * height or bottom >= (1 - _EDGE) * height)


def stamps(page: pypdfium2.PdfPage) -> list[str]:
    """What the stamps on a page say, if it is a mark; the text layer does not have them."""
    found = []
    for index in range(min(ANNOTATIONS, max(0, pdfium.FPDFPage_GetAnnotCount(page.raw)))):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if pdfium.FPDFAnnot_GetSubtype(annotation) in _KINDS:
                text = tidy(repair(_contents(annotation)))
                if any(grades.of_line(text)):
                    found.append(text)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return found


def _contents(annotation: object) -> str:
    octets = pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0)
    if not 2 < octets <= 2 * CHARACTERS:
        return ""
    buffer = ctypes.create_string_buffer(octets)
    pdfium.FPDFAnnot_GetStringValue(
        annotation, b"Contents", ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), octets
    )
    return buffer.raw[: octets - 2].decode("utf-16-le", "replace")
