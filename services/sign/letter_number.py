"""The number of a letter: `ที่ <ministry letters> <code>/<running>` in all its shapes (DOMAIN: forms)."""

import re
from typing import NamedTuple

from services.sign.thai import for_matching, tidy

_D = "[0-9๐-๙]"
_LETTERS = r"[ก-ฮ]{1,6}(?:\.\s?[ก-ฮ]{1,6}){0,4}\.?"
_UNIT = r"\((?:[ก-๙A-Za-z0-9.]|\s(?=[ก-๙A-Za-z0-9])){1,24}\)"
_GROUP = r"\([ก-ฮ.0-9๐-๙]{1,10}\)"
_CODE = rf"{_D}{{1,6}}(?:\.?{_GROUP}|\.{_D}{{1,5}}){{0,5}}"
_WITHIN = rf"(?:{_D}{{1,5}}(?:\.{_D}{{1,4}}){{0,3}}|[ก-ฮ]{{1,3}}\.?(?:\s?{_D}{{1,4}})?)"
"""What stands between code and running number: a part of the unit's own code, or its letters and figure."""
_CIRCULAR = r"ว\.?\s{0,2}(?:\([^()\n\t0-9๐-๙]{1,10}\)\s{0,2})?"
_MARK = r"\([ก-ฮ.]{1,5}\)\s{0,2}"
_RUNNING = rf"{_D}{{1,7}}(?:\s?/\s?{_D}{{4}})?(?:\s?\([ก-ฮ.]{{1,4}}\))?"

_NUMBER = rf"""
    (?P<letters>{_LETTERS})
    (?:\s{{0,2}}{_UNIT})?
    \s{{0,3}}
    (?:
        [ก-ฮ]{{1,3}}\s?/\s?(?P<register>{_CODE})\s?/\s?{_D}{{1,7}}
      |
        (?P<early>{_CIRCULAR})?(?P<code>{_CODE})(?:\s?{_UNIT}|\s?[ก-ฮ]{{1,3}}\.?)?\s?/\s{{0,2}}(?:(?P<within>{_WITHIN})\s?/\s?)??(?:(?P<late>{_CIRCULAR}|{_MARK})|[ก-ฮ]{{1,2}}\.?\s{{0,2}})?{_RUNNING}
    )
    (?![0-9๐-๙/]|\.[0-9๐-๙])
"""
_ANYWHERE = re.compile(
    rf"(?:(?P<said>(?:(?<![ก-๙A-Za-z0-9.])|(?<=หนังสือ)|(?<=เลข))ที่\s{{0,4}}[:.]?\s{{0,2}})|(?<![ก-๙A-Za-z0-9.(]))(?P<number>{_NUMBER})",
    re.VERBOSE,
)
_AT_START = re.compile(
    # A company or a small body may have no ministry letters; only where the line itself says `ที่`.
    rf"\s*ที่\s{{0,8}}[:.]?\s{{0,8}}(?P<number>{_NUMBER}|(?P<plain>(?:[A-Z][A-Za-z.-]{{0,9}}\s?)?{_D}{{1,6}}\s?/\s?(?:25|๒๕){_D}{{2}})(?![0-9๐-๙/]))",
    re.VERBOSE,
)
_NO_LETTERS = frozenset({"พ.ศ", "ค.ศ", "น", "ม", "กม", "ตร.ม", "ซ", "ถ", "ต", "อ", "จ", "ข้อ", "ฉ", "ช", "ร.ศ"})
"""Short words that stand before figures, and are no agency."""

_REFERS = re.compile(r"(?:อ้างถึง|อ้างอิง|อ้างหนังสือ|ตามหนังสือ|ตามที่|ตอบ|ยกเลิก|แก้ไข|ทวงถาม|สืบเนื่องจาก|อนุสนธิ)[^\n]{0,80}$")
"""Before a number: it is the number of another letter."""

_NO_LETTER = re.compile(
    r"(?:(?:สัญญา|คำสั่ง|ประกาศ|ใบอนุญาต|ใบสั่ง|ใบเสร็จ|ใบแจ้งหนี้|ใบกำกับภาษี|คำพิพากษา|คำขอ)(?:(?!หนังสือ)[ก-๙]){0,30}\s?"
    r"|คดี(?:หมายเลข|เลข)?(?:ดำ|แดง)?|หมายเลข(?:คดี)?(?:ดำ|แดง)?|โฉนด(?:ที่ดิน)?|ทะเบียน(?:รถ)?|มาตรา|ข้อ|ครั้ง|รหัส|ฉบับ|พัสดุ|ครุภัณฑ์|สำนวน|เช็ค|ฎีกา"
    r"|ห้อง|อาคาร|บ้าน)\s?(?:เลข)?(?:ที่)?\s{0,3}$"
)
"""Before a number: it counts something else, such as a case or a contract."""


class Found(NamedTuple):
    """One letter number in a text, in the digits it was written in."""

    number: str
    start: int
    end: int
    confidence: float
    refers: bool

    @property
    def key(self) -> str:
        """The same for two ways of writing one number."""
        return match_key(self.number)


def match_key(number: str) -> str:
    """A number without what writers leave out or put in: spaces, and the kind of digits."""
    return for_matching(number).replace(" ", "")


def find(text: str) -> list[Found]:
    """Every letter number in running text. Only forms that nothing else has: the word `ที่`, a circular, or a code."""
    found = []
    for match in _ANYWHERE.finditer(text):
        if match.group("letters").rstrip(".").replace(" ", "") in _NO_LETTERS:
            continue
        if _NO_LETTER.search(text, max(0, match.start("number") - 45), match.start("number")):
            continue
        plain = len(match.group("code") or match.group("register")) < 3 and not (
            match.group("early") or match.group("late")
        )
        if plain and not match.group("said"):
            continue
        confidence = 0.95 if match.group("said") else 0.85
        refers = bool(_REFERS.search(text, max(0, match.start() - 100), match.start()))
        found.append(Found(tidy(match.group("number")), match.start(), match.end("number"), confidence, refers))
    return found


def at_start(line: str) -> Found | None:
    """The number of the letter itself, where a line begins with `ที่` and has one."""
    match = _AT_START.match(line)
    if not match or (match.group("letters") or "").rstrip(".").replace(" ", "") in _NO_LETTERS:
        return None
    confidence = 0.7 if match.group("plain") else 1.0
    return Found(tidy(match.group("number")), match.start(), match.end("number"), confidence, False)
