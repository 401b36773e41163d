"""The Thai sentences of a receipt: what it may say, and nothing beyond it (DOMAIN: words of the receipt).

Not one of them says certified, that a person read or agreed, that a period begins, that a signature is valid in law
or that the sender is who he says.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from contracts.findings import Scan, SignatureVerdict
from contracts.receipt import Seal, Text, Unknown
from contracts.values import Series, from_instant
from services.words import thai_style

NOT_BUILT: Final = "not yet built"
"""In receipts of version 0.1 only."""
CLASSIFIED: Final = "classified"
ERASED: Final = "the letter was erased"
NOT_FOUND: Final = "not found in the letter"
UNSURE: Final = "read with too little confidence"
UNREADABLE: Final = "the letter could not be read"
INCOMPLETE: Final = "the letter could not be examined completely"
NOBODY: Final = "nobody is on duty by the roster"
NOT_IN_DIRECTORY: Final = "not in the directory"
CUT: Final = "longer than what is kept"
EXAMINING: Final = "the letter is still being examined"
NOT_SEALED: Final = "a provisional receipt is not sealed"
NO_HEAD: Final = "no head of the book was signed before this row"
FAR_HEAD: Final = "too many rows lie between the newest signed head and this row"
BOOK_CHANGED: Final = "the book does not go on from its newest signed head"

REASONS: Final[Mapping[str, str]] = {
    NOT_BUILT: "ยังไม่มีในระบบรุ่นนี้",
    CLASSIFIED: "ไม่แสดง เนื่องจากเป็นหนังสือชั้นความลับ",
    ERASED: "หนังสือถูกลบออกจากระบบแล้ว",
    NOT_FOUND: "ไม่พบในหนังสือ",
    UNSURE: "อ่านได้ไม่ชัดพอจะระบุ",
    UNREADABLE: "อ่านหนังสือไม่ได้",
    INCOMPLETE: "ตรวจหนังสือได้ไม่ครบถ้วน",
    NOBODY: "ไม่มีผู้ปฏิบัติหน้าที่ตามตารางเวร",
    NOT_IN_DIRECTORY: "ไม่ได้ระบุไว้ในทำเนียบ",
    CUT: "ยาวเกินกว่าที่ระบบเก็บไว้",
    EXAMINING: "อยู่ระหว่างการตรวจหนังสือ",
    NOT_SEALED: "ใบรับฉบับชั่วคราวไม่มีการประทับตรา",
    NO_HEAD: "ยังไม่มีหัวทะเบียนที่ลงนามก่อนรายการนี้",
    FAR_HEAD: "มีรายการคั่นระหว่างหัวทะเบียนที่ลงนามล่าสุดกับรายการนี้มากเกินไป",
    BOOK_CHANGED: "ทะเบียนไม่ต่อเนื่องจากหัวทะเบียนที่ลงนามล่าสุด",
}
"""Every reason of an `Unknown`, and how it reads on paper."""

SERIES: Final[Mapping[Series, str]] = {
    "received": "ทะเบียนหนังสือรับ",
    "general": "ทะเบียนรับทั่วไป",
    "classified": "ทะเบียนหนังสือรับชั้นความลับ",
}

REMARKS: Final[Mapping[str, str]] = {
    "unreadable": "อ่านเนื้อหาหนังสือไม่ได้",
    "cut_header": "ส่วนหัวของหนังสือยาวเกินกว่าที่ระบบอ่าน",
    "bare_newline": "รูปแบบการขึ้นบรรทัดของข้อมูลไม่เป็นไปตามมาตรฐาน (LF)",
    "bare_carriage_return": "รูปแบบการขึ้นบรรทัดของข้อมูลไม่เป็นไปตามมาตรฐาน (CR)",
    "nul_octet": "ข้อมูลมีอักขระว่าง (NUL)",
    "time_not_within_bound": "นาฬิกาของระบบไม่อยู่ในเกณฑ์ความคลาดเคลื่อนขณะรับ",
}

NO_ESTIMATE_MS: Final = 16_000.0
"""A bound from here on is the kernel's word for not knowing (services/runtime/clock.py)."""

TEST: Final = "ทดสอบ ไม่มีผลเป็นหลักฐาน"
AUTOMATIC: Final = "ออกโดยระบบอัตโนมัติ"
RESPONSIBLE: Final = "เจ้าหน้าที่ผู้รับผิดชอบ"
NO_SIGNATURE: Final = "ไม่พบลายมือชื่อดิจิทัลในหนังสือ"
SEALED_AWAY: Final = "อ่านเนื้อหาที่เข้ารหัสไม่ได้ จึงไม่ทราบว่ามีลายมือชื่อดิจิทัลหรือไม่"
"""Instead of it where the mail itself is encrypted (warning `smime_encrypted`)."""
CLASSIFIED_LETTER: Final = "หนังสือชั้นความลับไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์ การออกใบรับนี้มิได้แสดงว่าการส่งทางช่องทางนี้ชอบด้วยระเบียบ"
PROVISIONAL: Final = "ใบรับฉบับชั่วคราว ยืนยันเพียงการเข้าสู่ระบบและการได้เลขทะเบียนรับ"
LETTER_ERASED: Final = "หนังสือฉบับนี้ถูกลบออกจากระบบก่อนออกใบรับ รายละเอียดที่อ่านจากหนังสือจึงไม่ปรากฏ"
INCOMPLETE_LETTER: Final = "ระบบตรวจหนังสือได้ไม่ครบถ้วน รายการไฟล์และผลตรวจลายมือชื่อดิจิทัลจึงอาจไม่ครบ"
NOT_LEGAL: Final = "มิใช่การรับรองความสมบูรณ์ตามกฎหมาย"

_INDICATIONS: Final[Mapping[str | None, str]] = {
    "TOTAL-PASSED": "ผ่านการตรวจทางเทคนิค (TOTAL-PASSED)",
    "INDETERMINATE": "ยังสรุปผลทางเทคนิคไม่ได้ (INDETERMINATE)",
    "TOTAL-FAILED": "ไม่ผ่านการตรวจทางเทคนิค (TOTAL-FAILED)",
    None: "ไม่มีผล เพราะระบบยังไม่ได้กำหนดบัญชีใบรับรองที่เชื่อถือ",
}
_COVERAGE: Final[Mapping[str, str]] = {
    "whole": "",
    "earlier revision": "ครอบคลุมเฉพาะเนื้อหารุ่นก่อนของไฟล์",
    "changed afterwards": "มีการเปลี่ยนแปลงไฟล์ภายหลังการลงลายมือชื่อ",
    "unknown": "ไม่ทราบว่าครอบคลุมเนื้อหาส่วนใด",
}
_MAIL_COVERAGE: Final[Mapping[str, str]] = {
    "whole": "ครอบคลุมเนื้อหาทั้งหมดของข้อความ",
    "earlier revision": "ครอบคลุมข้อความของผู้ส่ง ไม่รวมส่วนท้ายที่เพิ่มภายหลัง",
    "changed afterwards": "ครอบคลุมเพียงบางส่วน ข้อความมีเนื้อหาที่ไม่ได้ลงลายมือชื่อ",
    "unknown": "ไม่ทราบว่าครอบคลุมเนื้อหาส่วนใด",
}


def reason(unknown: Unknown) -> str:
    """What paper says in the place of the value; the reason of the JSON where it has no Thai words."""
    if unknown.reason == CLASSIFIED:
        return REASONS[CLASSIFIED]
    return f"ไม่ทราบ: {REASONS.get(unknown.reason, unknown.reason)}"


def milliseconds(bound: float) -> str:
    """A bound with two decimals, rounded up: `not more than` must stay true."""
    return thai_style.digits(f"{math.ceil(round(bound * 100, 6)) / 100:g}")


def clock(bound_ms: float | None, within_bound: bool, source: str) -> str:
    """How far the time of receipt can be trusted, and by which sources."""
    where = f"จากแหล่งเวลา {source}"
    if within_bound and bound_ms is not None:
        return f"คลาดเคลื่อนไม่เกิน {milliseconds(bound_ms)} มิลลิวินาที {where}"
    known = bound_ms is not None and bound_ms < NO_ESTIMATE_MS
    estimate = f"ค่าที่ประมาณได้ {milliseconds(bound_ms or 0)} มิลลิวินาที" if known else "ไม่ทราบว่าคลาดเคลื่อนเท่าใด"
    return f"ขณะนั้นนาฬิกาของระบบไม่อยู่ในเกณฑ์ความคลาดเคลื่อนที่กำหนด {estimate} {where}"


def received(moment: datetime, clock_words: str) -> str:
    """These octets reached this system at T ± e."""
    return f"ระบบได้รับข้อมูลซึ่งมีค่าแฮชตามที่ระบุ เมื่อ {thai_style.exact_time(moment)} ({clock_words})"


def entry(number_text: str, number: int, series: Series, year: int) -> str:
    """It is entry n of the book, which is no acceptance."""
    return (
        f"ลงทะเบียนรับโดยอัตโนมัติ เลขที่ {number_text} เป็นเลขลำดับที่ {thai_style.digits(number)} "
        f"ของ{SERIES[series]} ปี {thai_style.digits(year)} มิใช่การรับพิจารณาหรือเห็นชอบ"
    )


def deemed(moment: datetime, calendar: str) -> str:
    """By this version of hours and calendar it counts as received at …."""
    return f"ตามเวลาทำการและปฏิทินรุ่น {calendar[:12]} คำนวณเป็นวันเวลารับ {thai_style.date_and_time(moment)}"


def receiver(name: Text | Unknown, position: Text | Unknown) -> str:
    """The officer responsible by the roster; issued by a machine."""
    if isinstance(name, Unknown):
        return f"{RESPONSIBLE} {reason(name)} ({AUTOMATIC})"
    office = f" {position.value}" if isinstance(position, Text) else ""
    return f"{RESPONSIBLE} {name.value}{office} ({AUTOMATIC})"


def sealed(seal: Seal) -> str:
    """Sealed by … on behalf of …, where these are two."""
    by = seal.by.value if isinstance(seal.by, Text) else reason(seal.by)
    behalf = f" แทน {seal.on_behalf_of.value}" if isinstance(seal.on_behalf_of, Text) else ""
    behalf = "" if seal.by == seal.on_behalf_of else behalf
    return f"ประทับตราอิเล็กทรอนิกส์โดย {by}{behalf}"


def infected(scan: Scan) -> str:
    """What the scanner found, as of when, by which program, and what follows from it."""
    return (
        f"ผลตรวจทางเทคนิค ณ {thai_style.date_and_time(from_instant(scan.scanned_at))}: "
        f"พบโปรแกรมประสงค์ร้าย {scan.malware} ในหนังสือ ตามโปรแกรมตรวจ {scan.scanner} "
        "ระบบลงทะเบียนรับและเก็บหนังสือไว้ แต่ไม่ส่งต่อให้เจ้าหน้าที่ของหน่วยงาน โปรดส่งหนังสือใหม่ที่ไม่มีโปรแกรมดังกล่าว"
    )


def no_signature(judged_at: datetime) -> str:
    """There was nothing to check."""
    return f"ผลตรวจทางเทคนิค ณ {thai_style.date_and_time(judged_at)}: {NO_SIGNATURE}"


def signature(verdict: SignatureVerdict, judged_at: datetime, *, withheld: bool) -> str:
    """The technical result of one signature, as of when, by which trust store; `withheld` leaves the names out."""
    said = [f"ผลตรวจทางเทคนิค ณ {thai_style.date_and_time(judged_at)}: ลายมือชื่อดิจิทัล"]
    if verdict.kind == "smime":
        said.append("ของข้อความไปรษณีย์อิเล็กทรอนิกส์ (S/MIME)")
        if verdict.part and not withheld:
            said.append(f"ที่แนบมา {verdict.part}")
    elif withheld or not verdict.part:
        said.append("ในไฟล์ PDF")
    else:
        said.append(f"ในไฟล์ {verdict.part}")
    if verdict.signer and not withheld:
        said.append(f"ผู้ลงลายมือชื่อตามที่ใบรับรองระบุ {verdict.signer}")
    said.append(_INDICATIONS[verdict.indication])
    if verdict.sub_indication:
        said.append(verdict.sub_indication)
    covered = (_MAIL_COVERAGE if verdict.kind == "smime" else _COVERAGE)[verdict.coverage]
    if covered:
        said.append(covered)
    if verdict.indication is not None:
        said.append(f"ตามบัญชีใบรับรองที่เชื่อถือรุ่น {verdict.trust_store}")
    return " ".join(said) + f" {NOT_LEGAL}"
