"""The text of a mail without what mail programs put below it of other mails, and these other mails for themselves.

What a person answers to is no source of his own letter; what a person sends on is the letter.
"""

import re
from dataclasses import dataclass

MAILS = 5
"""Most mails inside a mail's text that are looked at."""

_FIELD = re.compile(
    r"(?P<name>From|Sent|Date|To|Cc|Bcc|Subject|Reply-To|Importance|Attachments?|จาก|ส่ง(?:เมื่อ)?|วันที่|ถึง|สำเนา(?:ถึง)?|เรื่อง|ชื่อเรื่อง|หัวเรื่อง|หัวข้อ)"
    r"\s*[:：]\s*(?P<value>.*)",
    re.IGNORECASE,
)
_SENDER = frozenset({"from", "จาก"})
_SUBJECT = frozenset({"subject", "เรื่อง", "ชื่อเรื่อง", "หัวเรื่อง", "หัวข้อ"})
_RULE = re.compile(
    r"\s*[-_=*]{2,}\s*(?:Forwarded message|Original Message|Begin forwarded message|ข้อความที่ส่งต่อ|ข้อความต้นฉบับ|ต้นฉบับ"
    r"|ข้อความเดิม)?[^\n]{0,40}?[-_=*]{2,}\s*|\s*Begin forwarded message:\s*",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"\s*(?:On\b.{5,150}\bwrote|(?:เมื่อ|ในวันที่|วันที่)\s?.{5,150}(?:เขียน(?:ว่า)?|ได้เขียน))\s*[:：]\s*", re.IGNORECASE
)


@dataclass(frozen=True)
class Inner:
    """A mail inside the text of a mail."""

    subject: str
    text: str


def split(text: str) -> tuple[str, list[Inner]]:
    """What was written above everything quoted, and the quoted mails in their order."""
    rows = text.replace("\r\n", "\n").split("\n")
    own_end = len(rows)
    found: list[tuple[str, int, int]] = []  # subject, first row of the block, first row of its text
    index = 0
    while index < len(rows) and len(found) < MAILS:
        block = _header(rows, index)
        if block is not None:
            subject, after = block
            begin = index - 1 if index and _RULE.fullmatch(rows[index - 1]) else index
            found.append((subject, begin, after))
            own_end = min(own_end, begin)
            index = after
        elif _WROTE.fullmatch(rows[index]) or (_RULE.fullmatch(rows[index]) and _rule_says(rows[index])):
            own_end = min(own_end, index)
            index += 1
        else:
            index += 1
    ends = [begin for _, begin, _ in found[1:]] + [len(rows)] * bool(found)
    inner = [Inner(subject, _unquoted(rows[after:end])) for (subject, _, after), end in zip(found, ends, strict=True)]
    own = [row for row in rows[:own_end] if not row.startswith(">")]
    return "\n".join(own), inner


def _header(rows: list[str], index: int) -> tuple[str, int] | None:
    """A block of mail header lines at this row: its subject, and where its text begins."""
    first = _FIELD.fullmatch(_clean(rows[index]))
    if first is None or first.group("name").lower() not in _SENDER:
        return None
    subject = ""
    names = {"from"}
    index += 1
    blank = 0
    while index < len(rows) and len(names) < 12:
        row = _clean(rows[index])
        match = _FIELD.fullmatch(row)
        if match is None:
            if not row and blank < 1 and not subject:
                blank += 1  # some programs leave a line between the fields
                index += 1
                continue
            break
        name = match.group("name").lower()
        if name in _SUBJECT:
            subject = match.group("value").strip()
        names.add(name)
        index += 1
        if name in _SUBJECT and index < len(rows) and rows[index][:1] in (" ", "\t") and rows[index].strip():
            subject += " " + rows[index].strip()
            index += 1
    return (subject, index) if len(names) >= 3 else None


def _clean(row: str) -> str:
    return row.lstrip("> ").replace("*", "").strip()


def _unquoted(rows: list[str]) -> str:
    return "\n".join(re.sub(r"^(?:>\s?)+", "", row) for row in rows)


def _rule_says(row: str) -> bool:
    return any(character.isalpha() for character in row)
