"""Writes a finding's sentence, in Thai and English, from the tables of what can be said.

`{…}` are values; times and numbers are written in each language's own way. A sentence claims what DOMAIN's table of
words allows: what was received, entered and computed; never that somebody accepted, or that a law is kept.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from contracts.values import BANGKOK
from services.verify.case import Case
from services.verify.letter_sentences import LETTER
from services.verify.receipt_sentences import RECEIPT
from services.verify.report import Finding, Said
from services.words import thai_style

CASES: Final[Mapping[str, Case]] = MappingProxyType(RECEIPT | LETTER)

TERMS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        "seal": Said(
            "ตราประทับ: ลายเซ็นอิเล็กทรอนิกส์บนใบรับทั้งไฟล์ แก้ไขไฟล์แม้แต่อักขระเดียวก็ตรวจพบ",
            "Seal: an electronic signature over the whole receipt; a single changed character shows.",
        ),
        "row": Said(
            "รายการในทะเบียน: บรรทัดของหนังสือฉบับนี้ในทะเบียนรับ ตามที่ระบบบันทึกไว้",
            "Row: the letter's line in the receive register, as the system wrote it.",
        ),
        "link": Said(
            "ค่าเชื่อมโยง: ค่าแฮชที่ผูกรายการกับทุกรายการก่อนหน้า",
            "Link: a digest that ties a row to every row before it.",
        ),
        "deemed": Said(
            "ถือว่ารับ: หนังสือที่เข้านอกเวลาทำการ ถือว่ารับเมื่อเปิดทำการครั้งถัดไป",
            "Counts as received: what enters outside office hours counts when the office next opens.",
        ),
        "head": Said(
            "หัวทะเบียน: ค่าเชื่อมโยงล่าสุดของทะเบียน ซึ่งระบบลงนามไว้เป็นระยะ",
            "Head of the book: its newest link, which the system signs every so often.",
        ),
        "token": Said(
            "ตราประทับเวลา: คำรับรองของหน่วยงานภายนอกว่าข้อมูลมีอยู่แล้วในเวลานั้น",
            "Time-stamp: an outside authority's word that the data existed at that time.",
        ),
    }
)
"""What a reader may not know, in a sentence; shown where a finding is about it."""

_ENGLISH_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

Value = str | int | float | datetime


def say(code: str, /, *, receipt: int = 1, **values: Value) -> Finding:
    """The finding for a check that came out as `code`."""
    case = CASES[code]
    return Finding(
        code=code,
        about=code.partition("_")[0],
        status=case.status,
        needed=case.needed,
        sentence=fill(Said(case.thai, case.english), **values),
        by=case.by,
        receipt=receipt,
    )


def fill(sentence: Said, /, **values: Value) -> Said:
    """Write the values into both sentences."""
    thai = {name: _thai(value) for name, value in values.items()}
    english = {name: _english(value) for name, value in values.items()}
    return Said(sentence.thai.format_map(thai), sentence.english.format_map(english))


def _thai(value: Value) -> str:
    if isinstance(value, datetime):
        if value.microsecond or not value.second:
            return thai_style.exact_time(value) if value.microsecond else thai_style.date_and_time(value)
        return f"{thai_style.calendar_date(value.astimezone(BANGKOK).date())} เวลา {_thai_clock(value)} น."
    return value if isinstance(value, str) else thai_style.digits(f"{value:g}" if isinstance(value, float) else value)


def _thai_clock(moment: datetime) -> str:
    return thai_style.digits(f"{moment.astimezone(BANGKOK):%H:%M:%S}")


def _english(value: Value) -> str:
    if isinstance(value, datetime):
        local = value.astimezone(BANGKOK)
        clock = (
            f"{local:%H:%M:%S.%f}" if local.microsecond else f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
        )
        return f"{local.day} {_ENGLISH_MONTHS[local.month - 1]} {local.year} {clock} +07:00"
    return f"{value:g}" if isinstance(value, float) else str(value)
