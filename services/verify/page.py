"""Whether the paper shows what the data embedded in it say: number, times and digests, by the text on its pages.

Tolerant of how text comes out of a PDF: white space, marks on consonants and doubled letters are set aside on both
sides. Digits never are.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import pypdfium2

from contracts.receipt import Receipt
from contracts.values import from_instant
from services.verify.report import Finding
from services.verify.sentences import say
from services.words import thai_style, wording

PAGES: Final = 60
"""Pages that are read; a receipt with 500 files has 25."""

_DRAWN: Final = re.compile(r"[^!-~\u0e01-\u0e5b]")
_DOUBLED: Final = re.compile(r"([\u0e01-\u0e2e])\1+")


def check(pdf: bytes, receipt: Receipt) -> list[Finding]:
    """Compare page and data."""
    try:
        shown = _plain(_text(pdf))
    except pypdfium2.PdfiumError:
        shown = ""
    if not shown:
        return [say("page_unreadable")]
    differs = [what for what, is_there in _looked_for(shown, receipt) if not is_there]
    if not differs:
        return [say("page_agrees")]
    return [say("page_differs", what=english, what_thai=thai) for thai, english in dict.fromkeys(differs)]


def _looked_for(shown: str, receipt: Receipt) -> Iterator[tuple[tuple[str, str], bool]]:
    """What has to stand there, each between the words around it: a longer number is another number."""
    number, deemed = receipt.register_number, from_instant(receipt.deemed.at)
    received = from_instant(receipt.clock.received_at)
    stamp = shown[shown.find(_plain("เลขรับ")) :]
    day, clock = thai_style.calendar_date(deemed.date()), thai_style.clock_time(deemed)
    words = ("เลขทะเบียน", "register number")
    yield words, stamp.startswith(_plain(f"เลขรับ{number}วันที่"))
    yield words, _plain(f"เลขทะเบียนรับ{number}{wording.SERIES[receipt.series]}ปี") in shown
    words = ("วันเวลาที่ถือว่ารับ", "time at which it counts as received")
    yield words, _plain(f"วันที่{day}เวลา{clock}") in stamp[: len(_plain(number)) + 200]
    yield words, _plain(f"คำนวณเป็นวันเวลารับ{thai_style.date_and_time(deemed)}") in shown
    words = ("เวลาที่เข้าสู่ระบบ", "time of receipt")
    yield words, _plain(f"เข้าสู่ระบบ{thai_style.exact_time(received)}คำนวณ") in shown
    words = ("ค่าแฮชของหนังสือ", "digest of the letter")
    yield words, _plain(f"SHA-256ของหนังสือ{receipt.sha256 or '-'}") in shown
    words = ("ค่าเชื่อมโยงของรายการ", "link of the row")
    yield words, _plain(f"ค่าเชื่อมโยงของรายการ{receipt.proof.link}") in shown
    words = ("คำว่าทดสอบ", "statement about a test")
    yield words, (_plain(wording.TEST) in shown) is (receipt.seal.kind == "test")


def _text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "".join(document[place].get_textpage().get_text_bounded() for place in range(min(len(document), PAGES)))
    finally:
        document.close()


def _plain(text: str) -> str:
    bare = "".join(
        char for char in unicodedata.normalize("NFC", text) if unicodedata.category(char) not in ("Mn", "Cf")
    )
    return _DOUBLED.sub(r"\1", _DRAWN.sub("", bare))
