"""Who signed a letter: the name in brackets below the text, and the position under it (DOMAIN: parts of a letter)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.sign import dates
from services.sign.lines import Line
from services.sign.thai import tidy

CLOSING = re.compile(
    r"\s*(?:(?:ประกาศ|สั่ง|ให้ไว้|ออกให้)\s?ณ\s?วันที่|ขอแสดงความนับถือ|ขอแสดงความเคารพ|ด้วยความเคารพ|ขอนมัสการด้วยความ|ควรมิควรแล้วแต่)"
)
"""The words before the signature of a letter to the outside; a memorandum has none."""

_LINES = 14
"""The signature stands so close to the closing words."""
_POSITION_LINES = 5

_TITLE = (
    r"(?:นาย|นาง(?:สาว)?|น\.\s?ส\.|ว่าที่\s?|(?:พล|พัน|ร้อย|จ่า|สิบ|นาวา|เรือ)(?=[ก-๙])|(?:พล|พ|ร|ส|จ|น)\.\s?[ก-ฮ]{1,2}\.|ด\.ต\.|ดาบตำรวจ"
    r"|หม่อม|ม\.\s?[รล]\.\s?ว?\.?|คุณหญิง|ท่านผู้หญิง|ศาสตราจารย์|รองศาสตราจารย์|ผู้ช่วยศาสตราจารย์|ศ\.|รศ\.|ผศ\.|อาจารย์|ดร\.|นพ\.|พญ\."
    r"|นายแพทย์|แพทย์หญิง|ทันตแพทย์|เภสัชกร|สัตวแพทย์|พระ|M(?:r|s|rs|iss)\.?\s|Dr\.?\s)"
)
_NAME = re.compile(r"(?:\(?ลงชื่อ\)?[\s.…_]*)?\(\s*(?P<name>[ก-๙A-Za-z][ก-๙A-Za-z.\-’' ]{2,90}[ก-๙A-Za-z.])\s*\)\s*")
_RANK = re.compile(
    r"(?:(?:ว่าที่\s?)?(?:พล|พัน|ร้อย|จ่า|สิบ|นาวา|เรือ|นาย|ดาบ)(?:ตำรวจ|อากาศ|เรือ|ทหาร)?(?:เอก|โท|ตรี|จัตวา|สิบ)?(?:พิเศษ|หญิง)?"
    r"|(?:พล|พ|ร|ส|จ|น|ด)\.\s?[ก-ฮ]{1,2}\.\s?(?:[ก-ฮ]\.)?)"
)
"""An officer's rank stands on the line above the brackets."""
_TITLED = re.compile(_TITLE)
_NO_NAME = re.compile(
    # What stands alone in brackets, too: a copy's mark, an amount in words, a note. Figures are no name at all.
    r"(?:.*(?:บาทถ้วน|สตางค์|ฉบับที่|สำเนา|ลงชื่อ|ลายมือชื่อ|ลายเซ็น|ชื่อ\s?-?\s?สกุล|ตัวบรรจง|ประทับตรา|ตราประทับ|อนุมัติ|เอกสาร)"
    r"|.*(?:พ\.\s?ศ\.|ค\.\s?ศ\.)|ร่าง|แผนก|ฉบับ|ต่อ|ด่วน|ลับ|ปกติ|หน้า)"
)
_NO_POSITION = re.compile(
    r"\s*(?:โทร|โทรศัพท์|Tel|Fax|อีเมล|ไปรษณีย์|E-?mail|https?:|www\.|<|\(|ที่\s|เรื่อง|เรียน|ถึง\s|สำเนา|หมายเหตุ|AATL"
    r"|วันที่|ผู้ประสาน|เจ้าของเรื่อง|ผู้รับผิดชอบ|สิ่งที่|“|\"|[-*•]|[0-9๐-๙])|.*[@:]",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\s*(?:สำนักงาน|สำนัก|กอง(?!ทุน)|กลุ่ม|ฝ่าย|ส่วน|ศูนย์|งาน|หน่วย|แผนก|คณะ|ภาควิชา|กรม|กระทรวง|ที่ทำการ|สถาบัน|โรงเรียน|มหาวิทยาลัย)"
)
_ACTS_FOR = re.compile(r".*(?:แทน|ตำแหน่ง|ในฐานะ|รักษาการ(?:ใน)?)\s*$")


class Signature(NamedTuple):
    """A name as written, without its brackets, and the position; the position is empty where none is given."""

    name: str
    position: str
    confidence: float


def find(lines: Sequence[Line], *, stamped: bool = False) -> Signature | None:
    """The signature of a letter that ends with these lines. The first one: what follows are endorsements."""
    closing = next((index for index, line in enumerate(lines) if CLOSING.match(line.text)), None)
    if closing is not None:
        return _below(lines[closing + 1 : closing + 1 + _LINES], titled=False, confidence=0.95)
    # Without closing words only a name with its title is one; a stamped letter has initials at most.
    return None if stamped else _below(lines, titled=True, confidence=0.85)


def _below(lines: Sequence[Line], *, titled: bool, confidence: float) -> Signature | None:
    for index, line in enumerate(lines):
        for column, text in enumerate(line.text.split("\t")):
            above = lines[index - 1].text.strip() if index else ""
            name = _name(text, titled=titled and not _RANK.fullmatch(above))
            if name is not None:
                return Signature(name, _position(lines[index + 1 :], column), confidence)
    return None


def _name(text: str, *, titled: bool) -> str | None:
    match = _NAME.fullmatch(text.strip())
    if match is None:
        return None
    name = tidy(match.group("name"))
    if _NO_NAME.match(name) or any(character.isdigit() for character in name):
        return None
    return name if _TITLED.match(name) or (not titled and " " in name) else None


def _position(lines: Sequence[Line], column: int) -> str:
    """The lines under the name, until the responsible unit or how to reach it."""
    found: list[str] = []
    for line in lines[:_POSITION_LINES]:
        columns = line.text.split("\t")
        text = tidy(columns[column] if column < len(columns) else columns[-1])
        goes_on = bool(found) and bool(_ACTS_FOR.match(found[-1]))
        if not text or _NO_POSITION.match(text) or dates.find(text):
            break
        if found and line.gap and not goes_on:
            break
        if not goes_on and _UNIT.match(text):
            break
        found.append(text)
    return tidy(" ".join(found))[:300]
