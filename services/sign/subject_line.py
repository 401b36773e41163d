"""What a mail's Subject line says: marks, letter number, date and subject, in the order people write them."""

import re
from dataclasses import dataclass, field

from services.sign import dates, grades, letter_number
from services.sign.letter_text import Referred, Said, reference
from services.sign.thai import repair, tidy

CHARACTERS = 1_000

_PREFIX = re.compile(r"\s*(?:(?P<reply>re|aw|ตอบกลับ|ตอบ)|(?:fwd?|fw|ส่งต่อ))\s*(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE)
_GATEWAY = re.compile(r"\s*\[(?!\d)[A-Za-z0-9 _.:-]{1,24}\]\s*")
"""What a mail server puts before a subject, such as [EXTERNAL]."""
_NAMED = re.compile(r"(?:^|[\s:,\-–|\])])เรื่อง\s*[:.]?\s*(?=\S)")
_DATED = re.compile(r"[\s,(\[]*(?:ลงวันที่|ลว\.?|วันที่)\s*[:.]?\s*$")
_JOINERS = " \t:：,;-–—|/_()[]{}<>*"
_APPENDED = re.compile(r"[(\[:：,;\-–—|]\s*(?:หนังสือ)?(?:เลข)?(?:ที่)?\s*$")
"""Before a number that stands behind the subject, not in it."""
_SENT = re.compile(r"หนังสือ\S{0,60}\s*$")
_AFTER_NUMBER = " \t:：,;-–—|/_)]}>"
_LETTER_WORD = re.compile(r"[\s:]*(?:บันทึกข้อความ|บันทึก|หนังสือ)?\s*(?:เลข)?(?:ที่)?\s*$")
_SENDER = re.compile(
    r"[\s:]*(?:(?:หนังสือ|บันทึกข้อความ)\s?)?(?:สำนัก|กระทรวง|กรม|กอง|จังหวัด|อำเภอ|เทศบาล|องค์การ|มหาวิทยาลัย|โรงเรียน|โรงพยาบาล|ศาล|สถาบัน|คณะ|วิทยาลัย)"
    r"\S{2,60}\s*$"
)
"""Before a number: the agency alone, as one word. Its letter's subject comes after the number."""


_BRACKETED = re.compile(r"\((?P<inside>[^()]{5,60})\)\s*$")
"""What ends a line in brackets: a clerk's afterthought may be the number."""


@dataclass
class SubjectLine:
    """What it says; None or empty where it says nothing."""

    number: Said | None = None
    date: Said | None = None
    urgency: Said | None = None
    secrecy: Said | None = None
    subject: Said | None = None
    references: list[Referred] = field(default_factory=list)
    reply: bool = False
    """It answers another mail."""


def read(line: str) -> SubjectLine:
    """Read a decoded Subject line."""
    found = SubjectLine()
    rest = tidy(repair(line).replace("_", " "))[:CHARACTERS]
    reply = False
    while match := _PREFIX.match(rest) or _GATEWAY.match(rest):
        reply = reply or bool(match.groupdict().get("reply"))
        rest = rest[match.end() :]
    found.reply = reply
    marks = grades.of_subject(rest)
    rest = marks.rest
    if marks.urgency:
        found.urgency = Said(marks.urgency, marks.confidence)
    if marks.secrecy:
        found.secrecy = Said(marks.secrecy, marks.secrecy_confidence)
    numbers = letter_number.find(rest)
    aside = _aside(rest)
    if aside and not reply and len(numbers) <= 1:
        found.number = Said(aside.number, aside.confidence)
        rest = rest[: rest.rindex("(")]
    elif numbers and not reply and not numbers[0].refers:
        rest = _own(found, rest, numbers[0])
    else:
        # The number in an answer is that of the letter answered.
        found.references = [_other(rest, item) for item in numbers[:3]]
    named = _NAMED.search(rest)
    if named:
        rest = rest[named.end() :]
    subject = _bare(tidy(rest)) if named is None else tidy(rest)
    if subject:
        found.subject = Said(subject, 0.9 if named else 0.7)
    return found


def _aside(line: str) -> letter_number.Found | None:
    """The letter number that stands by itself in brackets at the end."""
    bracketed = _BRACKETED.search(line)
    inside = bracketed.group("inside").strip() if bracketed else ""
    found = letter_number.find(inside)
    alone = len(found) == 1 and not found[0].refers and (found[0].start, found[0].end) == (0, len(inside))
    return found[0] if alone else None


def _bare(text: str) -> str:
    """The text without what joined it to other words; brackets of its own stay."""
    bare = text.strip(_JOINERS)
    at = text.find(bare)
    before, after = text[:at].rstrip(), text[at + len(bare) :].lstrip()
    for opening, closing in ("()", "[]"):
        if bare.count(opening) > bare.count(closing) and after.startswith(closing):
            bare += closing
        elif bare.count(closing) > bare.count(opening) and before.endswith(opening):
            bare = opening + bare
    return bare


def _own(found: SubjectLine, line: str, number: letter_number.Found) -> str:
    """Keep the letter's own number and the date beside it; the line without them."""
    found.number = Said(number.number, number.confidence)
    before, after = line[: number.start], line[number.end :]
    days = dates.find(after[:60])
    if days and _DATED.fullmatch(after[: days[0].start]):
        found.date = Said(days[0].iso, min(days[0].confidence, 0.95))
        after = after[days[0].end :]
    word = _LETTER_WORD.search(before)
    said = before[: word.start() if word else None]
    if not said.strip(_JOINERS) or (after.strip(_JOINERS) and _SENDER.fullmatch(before)):
        return after.lstrip(_AFTER_NUMBER)
    named = line[number.start : number.end].startswith("ที่") and before.endswith(" ")
    if not after.strip(_JOINERS) and (_APPENDED.search(before) or (named and not _SENT.search(before))):
        return said.rstrip(_JOINERS)
    # In the middle of a sentence the number is part of it, and stays.
    return line


def _other(line: str, number: letter_number.Found) -> Referred:
    """The number of another letter, with its date where that follows."""
    dated = reference(line[number.start : number.end + 40], 0.7)
    return dated if dated.date else reference(line[number.start : number.end], 0.7)
