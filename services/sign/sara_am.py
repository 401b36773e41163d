"""SARA AM where SARA AA was meant: files whose fonts draw both from one glyph read so throughout.

Both stand in good Thai, so a text is only repaired where nearly every SARA AA has become the other, and words of
correspondence that are spelled with SARA AM keep it.
"""

import re

_LEAST = 8
"""So many of the one say something about the text."""
_TIMES = 3
"""In Thai text SARA AA is several times as frequent; here SARA AM is so many times as frequent as it."""

_KEPT = re.compile(
    r"สำ(?=นัก|เนา|คัญ|หรับ|เร็จ|รวจ|รอง|ราญ|นึก|ลี|รับ|เหร็จ|ร[ำา]ญ)|อำ(?=เภอ|นวย|น[ำา]จ|นรรฆ|ลา|มาตย์)|จำ(?=นวน|เป็น|กัด|หน่[ำา]ย|ลอง|แนก|เลย|คุก|นอง|นำ|ได้|พวก|ศีล)"
    r"|(?<=ประ)จำ|ดำ(?=เนิน|รง|ริ|เกิง)|ตำ(?=บล|รวจ|แหน่ง|ร[ำา]|หนิ|หนัก)|กำ(?=หนด|ลัง|กับ|ไร|จัด|เนิด|แพง|พล|ชับ|นัน|พร้[ำา])|ชำ(?=ระ|น[ำา]ญ|รุด|แหละ|นิ)"
    r"|ลำ(?=ดับ|ป[ำา]ง|พูน|บ[ำา]ก|เลียง|ลูกก[ำา])|บำ(?=รุง|น[ำา]ญ|เหน็จ|บัด|เพ็ญ|นาญ)|ทำ(?=ง[ำา]น|ก[ำา]ร|ให้|ต[ำา]ม|หน้[ำา]|ที่|โดย|ได้|แผน|เนียบ|ร[ำา]ย|ขึ้น|สัญ|บัญ|ประ|เอก|หนังสือ)"
    r"|(?<=กระ)ทำ|(?<=จัด)ทำ|นำ(?=ส่ง|เสนอ|ม[ำา]|เข้[ำา]|ไป|ออก|เรียน|ร่อง|เงิน|ข้อ|ผล|เรื่อง|กลับ|หนังสือ)|(?<![ก-๙])นำ(?=[ก-ฮเแโใไ])(?![ยงมนฬวคร]|ที)|(?<=แนะ)นำ|(?<=ผู้)นำ"
    r"|คำ(?=สั่ง|ขอ|ร้อง|แนะ|นวณ|ปรึกษ|พิพ[ำา]ก|ว่[ำา]|ถ[ำา]ม|ตอบ|นำ|รับ|ชี้แจง|ให้ก[ำา]ร|แถลง|นึง|เตือน|ว[ำา]ม)|ถลำ|ธำรง|รำ(?=ลึก|คำ)|ค่ำ|ต่ำ|(?<!ห)น้ำ|ซ้ำ|ย้ำ|ล้ำ|ค้ำ|ถ้ำ"
    r"|สม่ำเสมอ|ฉ่ำ|ยำ(?=เกรง)"
)
_SPACED = re.compile("(?<=[ก-ฮ่้๊๋]) +[ำา]")
_LEAST_SPACED = 2
_ONE = re.compile("ำ")


def is_confused(text: str) -> bool:
    """Whether SARA AM took the place of SARA AA nearly everywhere in it."""
    am = text.count("ำ")
    return am >= _LEAST and am >= _TIMES * text.count("า")


def is_spaced(text: str) -> bool:
    """Whether its own SARA AM were taken in two besides: a space stands before each, and tells it from the others."""
    return len(_SPACED.findall(text)) >= _LEAST_SPACED


def unspaced(text: str) -> str:
    """A line of a confused text whose SARA AM are spaced: exactly these are SARA AM."""
    return _SPACED.sub("ำ", text.replace("ำ", "า"))


def repair(text: str) -> str:
    """A line of a confused text with SARA AA back, but in the words that are spelled with SARA AM."""
    kept = {match.start() + match.group().index("ำ") for match in _KEPT.finditer(text)}
    return _ONE.sub(lambda match: "ำ" if match.start() in kept else "า", text)
