"""Urgency (ชั้นความเร็ว) and secrecy (ชั้นความลับ): a word that stands by itself, never part of a sentence."""

import re
from typing import NamedTuple

from services.sign.thai import tidy

_WITHIN = r"ด่วนภายใน[^\n\t\])}]{1,60}"
_URGENT = r"ด่วน\s?ที่\s?สุด|ด่วน\s?มาก(?!\S*ที่สุด)|ด่วน"
_CLASSIFIED = r"ลับ\s?ที่\s?สุด|ลับ\s?มาก|ลับ"
_OPEN = r"[\[({<«*\"'“!|/_\-–:]"
_CLOSE = r"[\])}>»*\"'”!|/_\-–:.,]"
_WORD = re.compile(
    rf"\s*{_OPEN}*\s*(?:(?P<urgency>{_WITHIN}|{_URGENT})|(?P<secrecy>{_CLASSIFIED}))(?P<after>\s*{_CLOSE}+\s*|\s+|$)"
)
_BRACKETED = re.compile(rf"[\[(]\s*(?:(?P<urgency>{_WITHIN}|{_URGENT})|(?P<secrecy>{_CLASSIFIED}))\s*[\])]")
_AT_END = re.compile(rf"\s(?:(?P<urgency>{_URGENT})|(?P<secrecy>{_CLASSIFIED}))\s*!*\s*$")
_WHOLE = re.compile(rf"{_OPEN}*\s*(?:(?:ชั้นความเร็ว|ความเร่งด่วน)\s*:?\s*)?(?P<urgency>{_WITHIN}|{_URGENT})\s*{_CLOSE}*")
_WHOLE_SECRECY = re.compile(rf"{_OPEN}*\s*(?:ชั้นความลับ\s*:?\s*)?(?P<secrecy>{_CLASSIFIED})\s*{_CLOSE}*")


class Grades(NamedTuple):
    """What a text is marked with, the confidence, and the text without the marks."""

    urgency: str | None
    secrecy: str | None
    confidence: float
    rest: str


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
    for pattern, trust in ((_BRACKETED, 0.9), (_AT_END, 0.7)):
        match = pattern.search(rest)
        if match and not (urgency if match.group("urgency") else secrecy):
            urgency = urgency or _said(match.group("urgency"))
            secrecy = secrecy or _said(match.group("secrecy"))
            confidence = min(confidence, trust)
            rest = rest[: match.start()] + " " + rest[match.end() :]
    return Grades(urgency, secrecy, confidence, rest)


def of_line(column: str) -> tuple[str | None, str | None]:
    """Urgency and secrecy, if a column of a letter's head says nothing else."""
    urgent, secret = _WHOLE.fullmatch(column.strip()), _WHOLE_SECRECY.fullmatch(column.strip())
    return _said(urgent.group("urgency") if urgent else None), _said(secret.group("secrecy") if secret else None)


def _said(word: str | None) -> str | None:
    if not word:
        return None
    if word.startswith("ด่วนภายใน"):
        return tidy(word)
    return "".join(word.split())
