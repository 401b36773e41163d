"""The text of one official letter, taken apart by the words its form prescribes (DOMAIN: parts of a letter).

Knows the outside letter (เรียน), the stamped letter (ถึง) and the memorandum (ส่วนราชการ). A part is reported only
where the form says it is that part: an invented value is worse than none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.sign import (
    acknowledgement,
    contacts,
    dates,
    grades,
    letter_number,
    receive_stamp,
    several_letters,
    signing_block,
)
from services.sign.lines import Line, joined, sentences
from services.sign.thai import tidy

HEAD_LINES = 120
"""A letter's head stands among its first lines; what comes later is text."""

_SUBJECT = re.compile(r"เรื่อง(?:\s*[:.]\s*|\s+|(?=\S)|$)")
_ADDRESSEE = re.compile(
    r"(?:ขอประทาน)?(?:กราบเรียน|กราบทูล|เรียน|เสนอ(?=\s)|นมัสการ|ทูล|เจริญพร|ถึง)(?:\s*[:.]\s*|\s+|$)(?!มาเพื่อ|มายัง|มาพร้อม)"
)
_STAMPED = re.compile(r"ถึง\s")
_REFERENCES = re.compile(r"อ้างถึง\s*[:.]?\s*")
_ENCLOSURES = re.compile(r"(?:สิ่งที่ส่งมาด้วย|สิ่งที่แนบมาด้วย|สิ่งที่ส่งมาพร้อมนี้|สิ่งที่ส่งมาพร้อมหนังสือนี้|เอกสารแนบ)\s*[:.]?\s*")
_MEMORANDUM = re.compile(r"(?:ส่วนราชการ|ส่วนงาน|หน่วยงาน)\s*[:.]?\s*")
_CLOSING = signing_block.CLOSING
_LABELS = (_SUBJECT, _ADDRESSEE, _REFERENCES, _ENCLOSURES, _CLOSING)
_LABEL_COLUMN = re.compile(
    r"(?:(?<=\t)|^)(ที่|วันที่|ลงวันที่|ส่วนราชการ|ส่วนงาน|หน่วยงาน|เรื่อง|เรียน|เสนอ|ถึง|อ้างถึง|สิ่งที่ส่งมาด้วย|สิ่งที่แนบมาด้วย|โทร\.?|โทรศัพท์)"
    r"[ ]?([:.]?)[ ]?\t(?!(?:วันที่|ลงวันที่|เรื่อง|เรียน|ส่วนราชการ|โทร))"
)
_COUNTED = re.compile(r"จำนวน\s?\S{1,12}\s?(?:ฉบับ|ชุด|เล่ม|แผ่น|หน้า|รายการ|แฟ้ม|ซอง|ไฟล์)\s*$")
"""How many of it: an enclosure that says so is named completely."""
_DATE_REST = 20
_LEADERS = re.compile(r"\s*(?:\.{2,}|[…]+)\.?\s*|\s*_{3,}\s*")
"""Dots and rules that are there for a pen to fill."""
_LABEL_ALONE = re.compile(r"(?:ที่|วันที่|ลงวันที่|ส่วนราชการ)\s*[:.]?\s*")
_ITEM = re.compile(r"\s*(?:\((?=[0-9๐-๙]{1,2}\)))?(?P<number>[0-9๐-๙]{1,2})[.)]\s*(?=\S)(?![0-9๐-๙])")

_AGENCY = re.compile(
    r"(?:สำนักงาน|สำนัก|สนง\.|กระทรวง|ทบวง|กรม|กอง|จังหวัด|อำเภอ|ศาลากลาง|ที่ว่าการ|ที่ทำการ|องค์การ|องค์กร|เทศบาล|อบต\.|อบจ\.|เมืองพัทยา"
    r"|มหาวิทยาลัย|โรงเรียน|โรงพยาบาล|รพ\.|ศาล|สถาบัน|คณะ|วิทยาลัย|ธนาคาร|การไฟฟ้า|การประปา|การรถไฟ|การท่า|การทาง|การเคหะ|การนิคม|การกีฬา|การยาง|การยาสูบ"
    r"|บริษัท|ห้างหุ้นส่วน|บจก\.|บมจ\.|หจก\.|สภา|ศูนย์|สถานี|ทำเนียบ|เขต|ฝ่าย|หน่วย|กลุ่ม|มูลนิธิ|สมาคม|สหกรณ์|รัฐสภา|วุฒิสภา|สหพันธ์|กรุงเทพมหานคร"
    r"|ราชบัณฑิต|ราชวิทยาลัย|ตำรวจ|มณฑล|ทัณฑสถาน|เรือนจำ|ด่าน|แขวง(?=การ|ทาง)|โครงการ(?=ชลประทาน|ส่งน้ำ)|ไปรษณีย์ไทย|ท่าอากาศยาน|ค่าย|ฐานทัพ|สหภาพ|ชมรม"
    r"|หอการค้า|หอสมุด|หอศิลป|พิพิธภัณฑ์|อุทยาน|วัด|นิติบุคคล|บัณฑิตวิทยาลัย|สโมสร|เครือข่าย|สำนักพระราช)"
)
_ADDRESS = re.compile(
    # A figure may belong to the name (สำนักงานเขตพื้นที่การศึกษา … เขต ๑); that of a house is followed by its street.
    r"(?:^|\s+)(?:ถนน|ถ\.|เลขที่|บ้านเลขที่|ซอย|ซ\.|หมู่|ตำบล|ต\.|แขวง|อ\.|จ\.|กทม|กรุงเทพฯ|โทร|อาคาร|ชั้น"
    r"|ตู้ ปณ|รหัสไปรษณีย์|กรุงเทพมหานคร(?=\s+[0-9๐-๙])|(?<=\s)(?:อำเภอ|เขต(?!\s?[0-9๐-๙])|จังหวัด)|[0-9๐-๙]{1,5}/[0-9๐-๙]"
    r"|[0-9๐-๙]{1,5}\s+(?:ถนน|ถ\.|ซอย|ซ\.|หมู่|ม\.|อาคาร|ตำบล|ต\.|แขวง)|[0-9๐-๙]{5}(?![0-9๐-๙]))"
)
_POSTAL = re.compile(r"[0-9๐-๙]{5}\s*$")
_PLACE = re.compile(r"(?:อำเภอ|จังหวัด|เขต|กรุงเทพมหานคร|ศูนย์ราชการ)")
"""What an agency's name may begin with, and a line of its address."""
_AREA = re.compile(r"\s(?:เขต|ภาค|ที่)\s?[0-9๐-๙]{1,3}\s*$")
_FRAGMENT = re.compile(r"(?!(?:ถนน|ตำบล|อำเภอ|จังหวัด|แขวง|เขต|กทม|กรุงเทพ))[ก-๎]{1,25}")
_UNFINISHED = re.compile(r"(?:ตำบล|จังหวัด|อำเภอ|ส่วน|ประจำ|แห่ง|และ|เพื่อ|ด้าน|ของ|พื้นที่|คณะกรรมการ)$")
"""No name ends so: its line was too short."""
_NAME_GOES_ON = re.compile(r"(?:และ|แห่ง|เพื่อ|ด้าน|\((?:องค์การมหาชน|มหาชน)|จำกัด)")
_NO_ISSUER = re.compile(
    r"\s*(?:ที่(?!ว่าการ|ทำการ)|วันที่|ลงวันที่|เรื่อง|เรียน|บันทึกข้อความ|หนังสือ|ประกาศ|คำสั่ง|สำเนา|ชั้นความ|หน้า|www\.|http|-)"
)
_PUBLIC = re.compile(r"\s*(?:ประกาศ|คำสั่ง)\s*(?P<agency>\S.{2,150})")
_GIVEN = re.compile(r"\s*(?:ประกาศ|สั่ง)\s?ณ\s?(?:วันที่)?\s*")
_DATE_LABEL = re.compile(r"\s*(?:ลง)?(?:วันที่|วัน)?\s*[:.]?\s*")
_DATED = re.compile(r"\s*(?:ลงวันที่|ลว\.?|วันที่)\s*$")


class Said(NamedTuple):
    """One value and how unmistakable its form is."""

    value: str
    confidence: float


class Referred(NamedTuple):
    """One letter that this one refers to."""

    number: str | None
    date: str | None
    text: str
    confidence: float


@dataclass
class Letter:
    """What a text says as a letter."""

    number: Said | None = None
    date: Said | None = None
    urgency: Said | None = None
    secrecy: Said | None = None
    issuer: Said | None = None
    subject: Said | None = None
    addressee: Said | None = None
    references: list[Referred] = field(default_factory=list)
    enclosures: list[Said] = field(default_factory=list)
    signer: Said | None = None
    signer_position: Said | None = None
    telephones: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    acknowledgement: Said | None = None
    public: bool = False
    """An announcement or an order."""

    @property
    def likeness(self) -> int:
        """How many of a letter's own parts it has; from 2 on it is one."""
        return sum(part is not None for part in (self.number, self.date, self.subject, self.addressee))


def read(lines: Sequence[Line]) -> Letter:
    """Read a letter; parts it does not have stay None or empty."""
    letter = Letter()
    lines = _labelled(lines)
    addressed = _first(lines, _ADDRESSEE)
    subject = _first(lines[: addressed if addressed is not None else None], _SUBJECT)
    ends = [index for index in (subject, addressed) if index is not None]
    head = min(ends) if ends else 0
    if ends:
        lines = several_letters.first(lines, max(ends))
    if subject is not None:
        letter.subject = _said(_value(lines, subject, _SUBJECT, 6), 0.95)
    if addressed is not None:
        letter.addressee = _said(_value(lines, addressed, _ADDRESSEE, 5), 0.95)
    _read_head(letter, receive_stamp.without(lines[:head]))
    if addressed is None and subject is not None:
        _read_public(letter, lines, subject)
    if letter.date is None and addressed is not None and _is_stamped(lines, addressed):
        _read_stamped(letter, lines[addressed:HEAD_LINES])
    after = addressed if addressed is not None else head
    for label, most in ((_REFERENCES, 12), (_ENCLOSURES, 24)):
        start = _first(lines[after : after + 40], label) if ends else None
        if start is None:
            continue
        items = _items(lines, after + start, label, most)
        if label is _REFERENCES:
            letter.references = [_referred(item) for item in items]
        else:
            letter.enclosures = [Said(item, 0.9) for item in items]
    own = _own(lines)
    signature = signing_block.find(own[after:], stamped=_is_stamped(lines, addressed)) if ends else None
    if signature is not None:
        letter.signer = Said(signature.name, signature.confidence)
        letter.signer_position = _said(signature.position, signature.confidence - 0.05)
    said = "\n".join(sentences(own))
    letter.telephones, letter.emails = contacts.telephones(said), contacts.emails(said)
    letter.acknowledgement = _said(acknowledgement.read(said), 0.9)
    return letter


def _labelled(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines with each label beside its value: some files set them in columns, some one below the other."""
    found: list[Line] = []
    for index, line in enumerate(lines):
        text = _LEADERS.sub("\t", line.text).strip("\t") if index < HEAD_LINES else line.text
        text = _LABEL_COLUMN.sub(r"\1\2 ", text)
        if index < HEAD_LINES and found and _LABEL_ALONE.fullmatch(found[-1].text):
            both = f"{found[-1].text.strip()} {text}"
            dated = found[-1].text.lstrip().startswith(("วันที่", "ลงวันที่")) and dates.find(text.split("\t")[0])
            if letter_number.at_start(both) or _MEMORANDUM.match(both) or dated:
                found[-1] = line._replace(text=both, gap=found[-1].gap)
                continue
        if index < HEAD_LINES and found and len(text) <= _DATE_REST and _completes_date(found[-1].text, text):
            found[-1] = line._replace(text=f"{found[-1].text.rstrip()} {text}", gap=found[-1].gap)
            continue
        found.append(line if text == line.text else line._replace(text=text))
    return found


def _completes_date(above: str, text: str) -> bool:
    """Whether a line was broken inside the date that stands at its end."""
    last = above.split("\t")[-1].rstrip()
    found = dates.find(f"{last} {text}")
    return bool(found) and not dates.find(last) and not dates.find(text) and found[-1].start < len(last) < found[-1].end


def _is_stamped(lines: Sequence[Line], addressed: int | None) -> bool:
    return addressed is not None and bool(_STAMPED.match(lines[addressed].text))


def reference(text: str, confidence: float = 0.9) -> Referred:
    """A reference as written, with the number and date it names."""
    numbers, days = letter_number.find(text), dates.find(text)
    return Referred(numbers[0].number if numbers else None, days[0].iso if days else None, tidy(text), confidence)


def _referred(item: str) -> Referred:
    return reference(item)


def _read_head(letter: Letter, head: Sequence[Line]) -> None:
    """Number, date, marks and issuer stand above the subject, in whatever order a file gives their columns."""
    candidates: list[tuple[str, float, bool, bool]] = []
    for line in head:
        for column in line.text.split("\t"):
            urgency, secrecy = grades.of_line(column)
            letter.urgency = letter.urgency or _said(urgency, 0.95)
            letter.secrecy = letter.secrecy or _said(secrecy, 0.95)
            if urgency or secrecy:
                continue
            rest = column
            marks = grades.of_subject(column)
            if (marks.urgency or marks.secrecy) and letter_number.at_start(marks.rest):
                letter.urgency = letter.urgency or _said(marks.urgency, 0.9)
                letter.secrecy = letter.secrecy or _said(marks.secrecy, 0.9)
                rest = marks.rest
            found = letter_number.at_start(rest)
            if found:
                letter.number = letter.number or Said(found.number, found.confidence)
                rest = rest[found.end :]
            rest = _take_date(letter, rest)
            memorandum = _MEMORANDUM.match(rest)
            if memorandum:
                letter.issuer = letter.issuer or _issuer(rest[memorandum.end() :], 0.95)
            elif rest.strip():
                # Above the number stands the letterhead of the paper, seldom the agency alone.
                candidates.append((rest, 0.95 if letter.number else 0.8, line.full, line.gap))
    if letter.number or letter.date or (letter.subject and letter.addressee):
        for index, (rest, confidence, full, _) in enumerate(candidates):
            if letter.issuer is None and _AGENCY.match(rest.strip()):
                if _POSTAL.search(rest) and _PLACE.match(rest.strip()):
                    continue
                letter.issuer = _issuer(rest, confidence)
                following = candidates[index + 1][0].strip() if index + 1 < len(candidates) else ""
                unclosed = rest.count("(") > rest.count(")") and following.count(")") > following.count("(")
                if _ADDRESS.search(rest.strip()) or not following or _ADDRESS.match(following):
                    continue
                # The name of a district, a level of school: no agency by itself, and no address either.
                area = bool(_AREA.search(following)) and not _AGENCY.match(following)
                # Without a space: an address has one, and a figure.
                broken = full and not candidates[index + 1][3] and _FRAGMENT.fullmatch(following)
                other = _AGENCY.match(following)
                unfinished = unclosed or (not other and bool(broken or _UNFINISHED.search(rest.strip())))
                if letter.issuer is None or unfinished or area or _NAME_GOES_ON.match(following):
                    letter.issuer = _issuer(joined([rest, following]), confidence)


def _take_date(letter: Letter, column: str) -> str:
    """Keep a column's date, if it says nothing else before it; the rest of the column."""
    found = dates.find(column)
    if not found:
        return column
    before, after = column[: found[0].start], column[found[0].end :]
    if _DATE_LABEL.fullmatch(before) and not after.strip(" ."):
        letter.date = letter.date or Said(found[0].iso, found[0].confidence)
        return ""
    return column if not _DATED.search(before) or len(found) > 1 else column[: found[0].start]


def _read_public(letter: Letter, lines: Sequence[Line], subject: int) -> None:
    """An announcement or an order names its agency in its title and its date below the text; nobody is addressed."""
    title = next((match for line in lines[:subject] if (match := _PUBLIC.match(line.text))), None)
    if title is None:
        return
    letter.public = True
    if _AGENCY.match(title.group("agency")):
        letter.issuer = _said(title.group("agency"), 0.9)
    for line in lines[subject:HEAD_LINES]:
        match = _GIVEN.match(line.text)
        found = dates.find(line.text[match.end() :]) if match else []
        if found and found[0].start <= 3:
            letter.date = Said(found[0].iso, 0.9)
            return


def _read_stamped(letter: Letter, lines: Sequence[Line]) -> None:
    """A stamped letter has its agency and date below the text."""
    # The last such line: the text above may break where a date of its own stands alone.
    for index, line in reversed(list(enumerate(lines))):
        found = dates.find(line.text)
        if found and _DATE_LABEL.fullmatch(line.text[: found[0].start]) and not line.text[found[0].end :].strip(" ."):
            letter.date = Said(found[0].iso, min(found[0].confidence, 0.8))
            above = lines[index - 1].text if index else ""
            if letter.issuer is None and _AGENCY.match(above.strip()):
                letter.issuer = _issuer(above, 0.7)
            return


def _issuer(text: str, confidence: float) -> Said | None:
    """The agency's name without the address that follows it."""
    if _NO_ISSUER.match(text):
        return None
    name = text.strip()
    address = _ADDRESS.search(name)
    if address:
        name = name[: address.start()]
    if name.count("(") > name.count(")"):
        # What a bracket says is the unit's telephone or the like; `(องค์การมหาชน)` is closed.
        name = name[: name.rindex("(")]
    return _said(name.strip(" ,"), confidence)


def _first(lines: Sequence[Line], label: re.Pattern[str]) -> int | None:
    return next((index for index, line in enumerate(lines[:HEAD_LINES]) if label.match(line.text)), None)


def _is_label(line: Line) -> bool:
    return any(label.match(line.text) for label in _LABELS)


def _rows(lines: Sequence[Line], start: int, label: re.Pattern[str], most: int) -> tuple[list[str], int]:
    """The lines of one part, and where the next begins: a line goes on only below a line that is full."""
    match = label.match(lines[start].text)
    assert match
    rest = lines[start].text[match.end() :]
    rows = [rest] if rest.strip() else []
    index = start + 1
    while index < len(lines) and len(rows) < most and not _is_label(lines[index]):
        if rows and (lines[index].gap or not lines[index - 1].full or _COUNTED.search(rows[-1])):
            break
        rows.append(lines[index].text)
        index += 1
    return rows, index


def _value(lines: Sequence[Line], start: int, label: re.Pattern[str], most: int) -> str:
    return joined(_rows(lines, start, label, most)[0])


def _items(lines: Sequence[Line], start: int, label: re.Pattern[str], most: int) -> list[str]:
    """The items of a part: numbered ones each for itself, otherwise one."""
    rows, index = _rows(lines, start, label, most)
    while rows and index < len(lines) and len(rows) < most and _next_item(rows, lines[index]):
        rows.append(lines[index].text)
        index += 1
        while index < len(lines) and len(rows) < most and lines[index - 1].full and not lines[index].gap:
            if _is_label(lines[index]) or _ITEM.match(lines[index].text) or _COUNTED.search(rows[-1]):
                break
            rows.append(lines[index].text)
            index += 1
    items: list[list[str]] = []
    for row in rows:
        match = _ITEM.match(row)
        if match:
            items.append([row[match.end() :]])
        elif items:
            items[-1].append(row)
        else:
            items.append([row])
    return [text for item in items if (text := joined(item))]


def _next_item(rows: list[str], line: Line) -> bool:
    match = _ITEM.match(line.text)
    numbers = [int(found.group("number")) for row in rows if (found := _ITEM.match(row))]
    return bool(match) and bool(numbers) and int(match.group("number") if match else 0) == numbers[-1] + 1


def _own(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines of the letter itself: enclosures in the same file come after its foot."""
    closing = next((index for index, line in enumerate(lines) if _CLOSING.match(line.text)), None)
    return lines[:HEAD_LINES] if closing is None else lines[: closing + 25]


def _said(value: str | None, confidence: float) -> Said | None:
    text = tidy(value or "")[:1000]
    return Said(text, confidence) if text else None
