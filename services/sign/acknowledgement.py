"""How the sender wants the receipt of his letter acknowledged, where he says so (DOMAIN: rules that drive software).

Only a wish about the acknowledgement of this letter counts. The reply slip of an invitation (แบบตอบรับเข้าร่วม) is an
answer to something else, and a wish for both is none.
"""

import re
from typing import Literal

Kind = Literal["electronic", "paper"]

_ACKNOWLEDGEMENT = (
    r"(?:(?:แจ้ง)?(?:การ|ผลการ|ใบ|หนังสือ|หลักฐานการ)?ตอบรับ(?!\s{0,2}(?:การ)?(?:เข้า|ร่วม|เชิญ|คำเชิญ|ประชุม|สัมมนา|อบรม|เป็นวิทยากร|เงื่อนไข|นักศึกษา|นโยบาย))"
    r"|(?:แจ้ง|ยืนยัน|หลักฐาน)(?:ผล)?(?:การ)?(?:ได้)?รับ(?:ทราบ)?(?:หนังสือ|เอกสาร|เรื่อง)"
    r"|ใบรับหนังสือ|เลข(?:ทะเบียน|ที่)?รับ(?:หนังสือ)?|ใบลงทะเบียนรับ)"
)
_ELECTRONIC = (
    r"(?:(?:ทาง|โดย|ผ่าน|ด้วย|เป็น|แบบ|ใน|รูปแบบ|วิธีการ|ระบบ)\s?){0,4}"
    r"(?:ไปรษณีย์อิเล็กทรอนิกส์|จดหมายอิเล็กทรอนิกส์|สารบรรณอิเล็กทรอนิกส์|อิเล็กทรอนิกส์|อี-?เมล์?|[Ee]-?[Mm]ail)"
)
_PAPER = (
    r"(?:(?:ทาง|โดย|ผ่าน|ด้วย|เป็น|แบบ|ใน|รูปแบบ)\s?){0,4}"
    r"(?:กระดาษ|ไปรษณีย์(?!\s?อิเล็กทรอนิกส์)(?:ตอบรับ|ลงทะเบียน|ธรรมดา)?|ลายลักษณ์อักษร|เอกสาร(?!\s?อิเล็กทรอนิกส์)|หนังสือ(?=\s|$|ต่อไป|ด้วย))"
)
_CHANNEL = re.compile(rf"(?P<electronic>{_ELECTRONIC})|(?P<paper>{_PAPER})")
_DENIED = re.compile(
    rf"(?:มิใช่|ไม่ใช่|มิต้อง|ไม่ต้อง|ไม่ประสงค์|ไม่รับ|ไม่ขอรับ|แทน(?:การ)?|โดยไม่)[^\s]{{0,30}}?\s?(?:{_ELECTRONIC}|{_PAPER})"
)
_SLIP = re.compile(r"แบบ(?:ฟอร์ม)?\s?ตอบรับ")
_WISH = re.compile(
    rf"(?:ขอ|โปรด|ประสงค์|ต้องการ|กรุณา|ได้ที่)[^\n]{{0,80}}?{_ACKNOWLEDGEMENT}(?P<how>[^\n]{{0,100}})"
    rf"|(?:^|\n)\s*(?:วิธี|ช่องทาง|รูปแบบ)?{_ACKNOWLEDGEMENT}\s*[:：](?P<labelled>[^\n]{{0,100}})"
)
_TICKED = r"(?:☑|☒|✓|✔|🗹|\[\s?[xX/✓✔]\s?\]|\(\s?[xX/✓✔]\s?\))"
_TICK = re.compile(rf"{_TICKED}\s*(?:{_CHANNEL.pattern})")
_BOX = re.compile(rf"{_TICKED}|☐|□|\[\s*\]|\(\s*\)")


def read(text: str) -> Kind | None:
    """What the text, a sentence a line, asks for; None where it does not say, or says both."""
    found = {kind for match in _WISH.finditer(_SLIP.sub(" ", text)) if (kind := _kind(match))}
    return found.pop() if len(found) == 1 else None


def _kind(match: re.Match[str]) -> Kind | None:
    how = match.group("labelled") or match.group("how") or ""
    if _BOX.search(how):
        ticks = list(_TICK.finditer(how))
        return _of(ticks[0]) if len(ticks) == 1 else None
    if match.group("how") is not None:
        # The wish ends where the next sentence begins; two spaces or a full stop are a writer's only signs of it.
        how = re.split(r"\s(?=จึง|ทั้งนี้|พร้อม|และขอ|ซึ่ง|หาก)", how)[0]
    kinds = {_of(channel) for channel in _CHANNEL.finditer(_DENIED.sub(" ", how))}
    return kinds.pop() if len(kinds) == 1 else None


def _of(match: re.Match[str]) -> Kind:
    return "electronic" if match.group("electronic") else "paper"
