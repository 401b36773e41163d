"""Dates as Thai letters write them: day, month name, Buddhist year."""

import re
from datetime import date
from typing import NamedTuple

from services.sign.thai import ascii_digits

_MONTHS = (
    (r"มกราคม", r"ม\.?\s?ค\.?", r"January|Jan\.?"),
    (r"กุมภาพันธ์", r"ก\.?\s?พ\.?(?!\s?ร)", r"February|Feb\.?"),
    (r"มีนาคม", r"มี\.?\s?ค\.?", r"March|Mar\.?"),
    (r"เมษายน", r"เม\.?\s?ย\.?", r"April|Apr\.?"),
    (r"พฤษภาคม", r"พ\.?\s?ค\.?", r"May"),
    (r"มิถุนายน", r"มิ\.?\s?ย\.?", r"June|Jun\.?"),
    (r"กรกฎาคม", r"ก\.?\s?ค\.?", r"July|Jul\.?"),
    (r"สิงหาคม", r"ส\.?\s?ค\.?", r"August|Aug\.?"),
    (r"กันยายน", r"ก\.?\s?ย\.?", r"September|Sept?\.?"),
    (r"ตุลาคม", r"ต\.?\s?ค\.?", r"October|Oct\.?"),
    (r"พฤศจิกายน", r"พ\.?\s?ย\.?", r"November|Nov\.?"),
    (r"ธันวาคม", r"ธ\.?\s?ค\.?", r"December|Dec\.?"),
)
_CUT_SHORT = frozenset({"25", "20"})
"""`๑๕ พฤศจิกายน ๒๕` is a year cut short, not a short year."""


def _spelled(name: str) -> str:
    """A month's name, also where a line break inside it became a space, and with ฏ for ฎ."""
    clusters = re.findall(r"[ก-ฮเแโใไ][ัิีึืฺุู็่้๊๋์ําำ]*", name)
    return " ?".join(clusters).replace("ฎ", "[ฎฏ]")


_ANY = "|".join(
    f"(?P<m{number}>{_spelled(thai)}|{short}|{english})" for number, (thai, short, english) in enumerate(_MONTHS, 1)
)
_D = "[0-9๐-๙]"
_NAMED = re.compile(
    rf"(?<![0-9๐-๙/])(?P<day>{_D}{{1,2}})(?:\s{{0,3}}(?:เดือน\s{{0,3}})?|[/-])(?:{_ANY})(?:\s{{0,3}}|[,/-]\s?)"
    rf"(?:(?P<era>พ\.?\s?ศ\.?|ค\.?\s?ศ\.?)\s{{0,3}})?(?P<year>{_D}{{4}}|{_D}{{2}})(?![0-9๐-๙])"
)
_NUMERIC = re.compile(
    rf"(?<![0-9๐-๙/.-])(?P<day>{_D}{{1,2}})([/.-])(?P<month>{_D}{{1,2}})\2(?P<year>{_D}{{4}}|{_D}{{2}})(?![0-9๐-๙/-])"
)
_ISO = re.compile(rf"(?<![0-9๐-๙/.-])(?P<year>{_D}{{4}})-(?P<month>{_D}{{2}})-(?P<day>{_D}{{2}})(?![0-9๐-๙/-])")

EARLIEST, LATEST = 1900, 2150
"""Years (CE) that a letter's date can have."""


class Found(NamedTuple):
    """One date in a text."""

    iso: str
    start: int
    end: int
    confidence: float


def find(text: str) -> list[Found]:
    """Every date in the text, in its order; what is no day of the calendar is left out."""
    found = [item for match in _NAMED.finditer(text) if (item := _named(match))]
    found += [item for pattern in (_NUMERIC, _ISO) for match in pattern.finditer(text) if (item := _numeric(match))]
    return sorted(found, key=lambda item: item.start)


def _named(match: re.Match[str]) -> Found | None:
    month = next(number for number in range(1, 13) if match.group(f"m{number}"))
    written = match.group(f"m{month}")
    year = ascii_digits(match.group("year"))
    if len(year) == 2:
        short = len(written.replace(" ", "")) <= 5 and not written.isascii()
        if written.isascii() or (not short and year in _CUT_SHORT):
            return None
        return _made(match, f"25{year}", month, 0.7)
    return _made(match, year, month, 1.0, match.group("era") or "")


def _numeric(match: re.Match[str]) -> Found | None:
    year = ascii_digits(match.group("year"))
    if len(year) == 2:
        # Two figures are a Buddhist year only where no year of the other era is meant by them.
        if int(year) < 60 or "." in match.group():
            return None
        year = f"25{year}"
    return _made(match, year, int(ascii_digits(match.group("month"))), 0.7)


def _made(match: re.Match[str], year: str, month: int, confidence: float, era: str = "") -> Found | None:
    number = int(year)
    if era.startswith("พ") or (not era and number >= 2400):
        number -= 543
    if not EARLIEST <= number <= LATEST:
        return None
    try:
        day = date(number, month, int(ascii_digits(match.group("day"))))
    except ValueError:
        return None
    return Found(day.isoformat(), match.start(), match.end(), confidence)
