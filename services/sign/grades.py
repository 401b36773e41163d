"""Urgency (ชั้นความเร็ว) and secrecy (ชั้นความลับ): a word that stands by itself, never part of a sentence."""

import re
from typing import NamedTuple

from services.sign.thai import tidy

_WITHIN = r"ด่วนภายใน[^\n\t\])}]{1,60}"
_WITHIN_TIME = (
    # In a Subject line other words follow, so only a date, an hour or a span belongs to the mark.
    r"ด่วนภายใน\s?(?:(?:วันที่|วัน)?\s?[0-9๐-๙]{1,2}[\s/-]{0,2}(?:[ก-ฮ][ก-๙.\s]{1,14}?|[0-9๐-๙]{1,2})[\s/-]{0,2}(?:พ\.?ศ\.?\s?)?[0-9๐-๙]{2,4}(?![0-9๐-๙])"
    r"|[0-9๐-๙]{1,3}\s?(?:ชั่วโมง|ชม\.|วัน(?:ทำการ)?|นาที)|วันนี้|พรุ่งนี้)?"
    r"(?:,?\s?(?:ก่อน|ภายใน)?(?:เวลา)?\s?[0-9๐-๙]{1,2}[.:][0-9๐-๙]{2}\s?(?:น\.|นาฬิกา|น(?![ก-๙])))?"
)
_URGENT = r"ด่วน\s?ที่\s?สุด|ด่วน\s?มาก(?!\S*ที่สุด)|ด่วน"
_CLASSIFIED = r"ลับ\s?ที่\s?สุด|ลับ\s?มาก|ลับ"
_OPEN = r"[\[({<«*\"'“!|/_\-–:]"
_CLOSE = r"[\])}>»*\"'”!|/_\-–:.,]"
_WORD = re.compile(
    rf"\s*{_OPEN}*\s*(?:(?P<urgency>{_WITHIN_TIME}(?<!ใน)|{_URGENT})|(?P<secrecy>{_CLASSIFIED})|(?P<normal>ปกติ(?=\s*[\])}}])))"
    rf"(?P<after>\s*{_CLOSE}+\s*|\s+|$)"
)
_BRACKETED = re.compile(rf"[\[(]\s*(?:(?P<urgency>{_WITHIN}|{_URGENT})|(?P<secrecy>{_CLASSIFIED}))\s*[\])]")
# `ลับ` alone may be the end of a sentence that a writer parted (เก็บเป็นความ ลับ); the graver words are nothing else.
_AT_END = re.compile(
    rf"\s(?:(?P<urgency>{_URGENT})|(?<!ความ\s)(?<!อย่าง\s)(?P<secrecy>ลับ\s?ที่\s?สุด|ลับ\s?มาก|(?<=[-–—/|:]\s)ลับ))\s*!*\s*$"
)
_LABELLED = r"(?:(?:ชั้นความเร็ว|ความเร่งด่วน|ระดับความเร่งด่วน|ความเร็ว)\s*[:：]?\s*)?"
_LABELLED_SECRECY = r"(?:(?:ระดับ)?(?:ชั้นความลับ|ชั้นลับ)\s*[:：]?\s*)?"
_SAID = rf"{_LABELLED}(?P<urgency>{_WITHIN}|{_URGENT})"
_SAID_SECRECY = rf"{_LABELLED_SECRECY}(?P<secrecy>{_CLASSIFIED})"
_BETWEEN = rf"\s*(?:{_CLOSE}|{_OPEN}|\s)+\s*"
_BEFORE, _AFTER = _SAID.replace("urgency", "urgency_before"), _SAID.replace("urgency", "urgency_after")
_SECRECY_AFTER = _SAID_SECRECY.replace("secrecy", "secrecy_after")
_WHOLE = re.compile(
    rf"{_OPEN}*\s*(?:{_SAID}|{_SAID_SECRECY}(?:{_BETWEEN}{_AFTER})?|{_BEFORE}{_BETWEEN}{_SECRECY_AFTER})\s*{_CLOSE}*"
)


class Grades(NamedTuple):
    """What a text is marked with, the confidence, and the text without the marks."""

    urgency: str | None
    secrecy: str | None
    confidence: float
    rest: str
    secrecy_confidence: float = 0.95


def of_subject(subject: str) -> Grades:
    """The marks of a subject line: at its start, in brackets, or as its last word."""
    urgency: str | None = None
    secrecy: str | None = None
    confidence = 0.95
    rest = subject
    while match := _WORD.match(rest):
        urgency = urgency or _said(match.group("urgency"))
        secrecy = secrecy or _said(match.group("secrecy"))
        rest = rest[match.end() :]
    secrecy_confidence = confidence
    for pattern, trust in ((_BRACKETED, 0.9), (_AT_END, 0.7)):
        match = pattern.search(rest)
        if match and not (urgency if match.group("urgency") else secrecy):
            if match.group("secrecy"):
                secrecy, secrecy_confidence = _said(match.group("secrecy")), trust
            else:
                urgency, confidence = _said(match.group("urgency")), trust
            rest = rest[: match.start()] + " " + rest[match.end() :]
    return Grades(urgency, secrecy, confidence, rest, secrecy_confidence)


def of_line(column: str) -> tuple[str | None, str | None]:
    """Urgency and secrecy, if a column of a letter's head says nothing else."""
    match = _WHOLE.fullmatch(column.strip())
    if match is None:
        return None, None
    urgency = match.group("urgency") or match.group("urgency_after") or match.group("urgency_before")
    return _said(urgency), _said(match.group("secrecy") or match.group("secrecy_after"))


def _said(word: str | None) -> str | None:
    if not word:
        return None
    if word.startswith("ด่วนภายใน"):
        return tidy(word)
    return "".join(word.split())
