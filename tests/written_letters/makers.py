"""The two PDF makers: typst, which shapes Thai, and reportlab, which draws one glyph after another.

The second can also do the harm that text layers of real files show (`Damage`); what a person sees may then differ from
what is right, as only the text layer is read.
"""

import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Literal

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tests.letters import FONTS, typst_pdf
from tests.written_letters.paper import PaperLine

_FORM = """
#set page(paper: "a4", margin: (left: 3cm, right: 2cm, top: 1.5cm, bottom: 2cm))
#set text(font: "Sarabun", size: 14pt, lang: "th")
#set par(justify: true, leading: 0.6em, spacing: 0.6em)
#for line in json(bytes(sys.inputs.lines)) {
  if line.kind == "stamp" { text(fill: red, weight: "bold", size: 20pt, par(line.text)) }
  else if line.kind == "halves" { grid(columns: (1fr, 1fr), line.label, line.text) }
  else if line.kind == "centred" { align(center, line.text) }
  else if line.kind == "labelled" { grid(columns: (auto, 1fr), column-gutter: 0.5cm,
    context box(width: measure(line.column).width, line.label), line.text) }
  else if line.kind == "paragraph" { par(first-line-indent: (amount: 2.5cm, all: true), line.text) }
  else if line.kind == "page" { pagebreak() }
  else if line.kind == "blank" { v(6pt) }
  else { par(line.text) }
}
"""


def shaped(paper: list[PaperLine]) -> bytes:
    """A PDF in the layout of the form, its Thai shaped and its lines broken between words."""
    return typst_pdf(_FORM, lines=json.dumps([asdict(line) for line in paper], ensure_ascii=False))


Damage = Literal[
    "glyph by glyph",  # each glyph placed by itself
    "drawn twice",  # boldness made by drawing every line twice, a little apart
    "am decomposed",  # สำ as ส + nikhahit + sara aa; nikhahit before the tone mark
    "am for aa",  # ส ำนักงำน: where sara aa shares a glyph with half of sara am; so read many published PDFs
    "marks doubled",
    "marks split off",  # a space before a mark
    "tone before vowel",  # ท่ี for ที่
    "lines broken in words",  # a narrow column, broken wherever it is full
]
DAMAGES: tuple[Damage, ...] = (
    "glyph by glyph",
    "drawn twice",
    "am decomposed",
    "am for aa",
    "marks doubled",
    "marks split off",
    "tone before vowel",
    "lines broken in words",
)

_MARK = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_KEPT = "[0-9A-Za-z\u0e50-\u0e59@./,+-]"
_SIZE = 14
_LEADING = 20
_LEFT, _RIGHT, _TOP, _BOTTOM = 3 * cm, A4[0] - 2 * cm, A4[1] - 2 * cm, 2 * cm
_NARROW = 9 * cm


def unshaped(paper: list[PaperLine], damage: Damage | None = None) -> bytes:
    """A PDF in the same layout, its Thai not shaped, and harmed if asked for."""
    return _Press(damage).pdf(paper)


def _every(count: int, pattern: str, change: Callable[[str], str]) -> Callable[[str], str]:
    """Change every so-manieth match within one text."""

    def changed(text: str) -> str:
        met = 0

        def one(match: re.Match[str]) -> str:
            nonlocal met
            met += 1
            return match[0] if met % count else change(match[0])

        return re.sub(pattern, one, text)

    return changed


_HARMED: dict[Damage, Callable[[str], str]] = {
    "am decomposed": lambda text: re.sub(r"([\u0e48-\u0e4b]?)\u0e33", "\u0e4d\\1\u0e32", text),
    "am for aa": lambda text: text.replace("\u0e33", " \u0e32").replace("\u0e32", "\u0e33"),
    "marks doubled": _every(3, f"[{_MARK}]", lambda mark: mark * 2),
    "marks split off": _every(4, f"[{_MARK}]+", lambda marks: " " + marks),
    "tone before vowel": lambda text: re.sub(r"([\u0e31\u0e34-\u0e3a])([\u0e48-\u0e4c])", r"\2\1", text),
}


class _Press:
    def __init__(self, damage: Damage | None) -> None:
        self._damage = damage
        self._harmed = _HARMED.get(damage, str) if damage else str
        self._octets = io.BytesIO()
        self._canvas = Canvas(self._octets, pagesize=A4, invariant=True)
        for name in ("Regular", "Bold"):
            pdfmetrics.registerFont(TTFont(f"Sarabun-{name}", str(FONTS / f"Sarabun-{name}.ttf"), shapable=False))
        self._y = _TOP
        self._font, self._size = "Sarabun-Regular", _SIZE
        self._canvas.setFont(self._font, self._size)

    def pdf(self, paper: list[PaperLine]) -> bytes:
        for line in paper:
            self._draw(line)
        self._canvas.save()
        return self._octets.getvalue()

    def _draw(self, line: PaperLine) -> None:
        match line.kind:
            case "blank":
                self._down(_LEADING / 2)
            case "page":
                self._new_page()
            case "stamp":
                self._font, self._size = "Sarabun-Bold", 20
                self._canvas.setFillColorRGB(1, 0, 0)
                self._block(line.text, _LEFT, _RIGHT)
                self._font, self._size = "Sarabun-Regular", _SIZE
                self._canvas.setFillColorRGB(0, 0, 0)
            case "halves":
                top = self._y
                self._block(line.label, _LEFT, A4[0] / 2)
                left = self._y
                self._y = top
                self._block(line.text, A4[0] / 2, _RIGHT)
                self._y = min(left, self._y)
            case "centred":
                self._block(line.text, (A4[0] - self._width(self._harmed(line.text))) / 2, _RIGHT)
            case "labelled":
                self._at(self._harmed(line.label), _LEFT)
                self._block(line.text, _LEFT + self._width(self._harmed(line.column)) + cm / 2, _RIGHT)
            case "paragraph":
                self._block(line.text, _LEFT, _RIGHT, indent=2.5 * cm)
            case _:
                self._block(line.text, _LEFT, _RIGHT)

    def _block(self, text: str, left: float, right: float, indent: float = 0) -> None:
        """Text from the left edge, broken where the line is full."""
        rest, room = self._harmed(text), right - left - indent
        if self._damage == "lines broken in words":
            room = min(room, _NARROW)
        x = left + indent
        while rest:
            taken = self._fit(rest, room)
            self._at(rest[:taken].rstrip(), x)
            self._down(_LEADING * self._size / _SIZE)
            rest, x, room = rest[taken:].lstrip(), left, room + indent
            indent = 0
        if not text:
            self._down(_LEADING)

    def _fit(self, text: str, room: float) -> int:
        """How many characters of the text go on one line, at least one."""
        count = len(text)
        while count > 1 and self._width(text[:count]) > room:
            count -= 1
        if count == len(text):
            return count
        space = text.rfind(" ", 0, count + 1)
        if self._damage != "lines broken in words" and space > count / 2:
            return space
        # Thai is broken anywhere, but in front of no mark, and neither numbers nor addresses are.
        while count > 1 and re.match(f".[{_MARK}]|{_KEPT}{_KEPT}", text[count - 1 : count + 1]):
            count -= 1
        return count

    def _width(self, text: str) -> float:
        return float(pdfmetrics.stringWidth(text, self._font, self._size))

    def _at(self, text: str, x: float) -> None:
        if self._y < _BOTTOM:
            self._new_page()
        self._canvas.setFont(self._font, self._size)
        if self._damage == "glyph by glyph":
            for index, glyph in enumerate(text):
                if glyph != " ":
                    self._canvas.drawString(x + self._width(text[:index]), self._y, glyph)
            return
        self._canvas.drawString(x, self._y, text)
        if self._damage == "drawn twice":
            self._canvas.drawString(x + 0.3, self._y, text)

    def _down(self, points: float) -> None:
        self._y -= points

    def _new_page(self) -> None:
        self._canvas.showPage()
        self._y = _TOP
