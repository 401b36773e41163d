"""The plain Thai sentence an officer reads beside each verdict. Technical, never about validity in law."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from services.sign.fetch_questions import Cause

Coverage = Literal["whole", "earlier revision", "changed afterwards", "unknown"]

_PASSED: Final = "ตรวจทางเทคนิคแล้ว ข้อมูลตรงกับที่ลงลายมือชื่อ และใบรับรองสืบถึงผู้ออกที่ระบบเชื่อถือได้"
_PASSED_BUT: Final = "ระวัง สิ่งที่แสดงอาจไม่ใช่สิ่งที่ลงลายมือชื่อไว้ แม้ลายมือชื่อของไฟล์รุ่นที่ลงนามจะตรวจได้"
_FORBIDDEN: Final = "ระวัง มีการเปลี่ยนแปลงไฟล์ในแบบที่ผู้ลงลายมือชื่อไม่อนุญาต"
_INTACT: Final = "ไม่ถูกเปลี่ยนแปลง"
_CHANGED: Final = "ถูกเปลี่ยนแปลง"
_BROKEN: Final = "ใช้ไม่ได้"
_OPEN_HEAD: Final = "สรุปไม่ได้"
_FAILED: Final = {
    "HASH_FAILURE": "ข้อมูลไม่ตรงกับที่ลงลายมือชื่อไว้ ไฟล์ถูกเปลี่ยนแปลงหรือเสียหาย",
    "SIG_CRYPTO_FAILURE": "ค่าลายมือชื่อไม่ถูกต้องตามใบรับรองของผู้ลงลายมือชื่อ",
    "FORMAT_FAILURE": "โครงสร้างของลายมือชื่อไม่เป็นไปตามมาตรฐาน จึงตรวจไม่ได้",
    "REVOKED": "ใบรับรองถูกเพิกถอนก่อนเวลาลงลายมือชื่อ",
    "NOT_YET_VALID": "ลงลายมือชื่อก่อนที่ใบรับรองจะเริ่มใช้ได้",
    "EXPIRED": "มีหลักฐานว่าลงลายมือชื่อหลังจากใบรับรองหมดอายุ",
}
_OPEN: Final = {
    "NO_CERTIFICATE_CHAIN_FOUND": "ใบรับรองของผู้ลงลายมือชื่อสืบไม่ถึงผู้ออกรายใดในบัญชีที่ระบบเชื่อถือ",
    "OUT_OF_BOUNDS_NO_POE": "ใบรับรองหมดอายุหรือยังไม่เริ่มใช้ในเวลาที่ตรวจ และไม่มีหลักฐานว่าลงลายมือชื่อในขณะที่ใบรับรองยังใช้ได้",
    "OUT_OF_BOUNDS_NOT_REVOKED": "ใบรับรองหมดอายุแล้วในเวลาที่ตรวจ แต่ไม่พบว่าถูกเพิกถอน",
    "REVOKED_NO_POE": "ใบรับรองถูกเพิกถอนแล้ว และไม่มีหลักฐานว่าลงลายมือชื่อก่อนการเพิกถอน",
    "REVOKED_CA_NO_POE": "ใบรับรองของผู้ออกถูกเพิกถอนแล้ว",
    "TRY_LATER": "ใบรับรองถูกระงับชั่วคราว หรือข้อมูลการเพิกถอนในไฟล์เก่าเกินไป ควรตรวจใหม่ภายหลัง",
    "REVOCATION_OUT_OF_BOUNDS_NO_POE": "ข้อมูลการเพิกถอนใบรับรองในไฟล์พ้นกำหนดแล้ว",
    "CRYPTO_CONSTRAINTS_FAILURE": "ใช้วิธีเข้ารหัสที่ไม่ปลอดภัยพอแล้ว",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE": "ใช้วิธีเข้ารหัสที่ไม่ปลอดภัยพอแล้ว",
    "CHAIN_CONSTRAINTS_FAILURE": "ใบรับรองไม่ได้ออกมาสำหรับการลงลายมือชื่อเช่นนี้",
    "SIG_CONSTRAINTS_FAILURE": "ลายมือชื่อไม่มีส่วนประกอบตามที่กำหนด",
    "NO_SIGNING_CERTIFICATE_FOUND": "ไม่พบใบรับรองของผู้ลงลายมือชื่อในไฟล์",
    "SIGNED_DATA_NOT_FOUND": "ไม่แน่ชัดว่าลายมือชื่อครอบคลุมส่วนใดของไฟล์",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE": (
        "ยืนยันสายใบรับรองไม่ครบ ไฟล์ไม่มีข้อมูลการเพิกถอนที่ใช้ได้ หรือสายใบรับรองผิดพลาด (ระบบไม่ดึงจากภายนอก)"
    ),
    "NO_POE": "ไม่มีหลักฐานเพียงพอว่าลายมือชื่อมีอยู่ในขณะที่ใบรับรองยังใช้ได้",
    "TIMESTAMP_ORDER_FAILURE": "ลำดับเวลาของตราประทับเวลาขัดกัน",
}
_OTHER: Final = "ตรวจไม่ได้ข้อสรุป"
_COVERAGE: Final[dict[Coverage, str]] = {
    "whole": "ครอบคลุมทั้งไฟล์",
    "earlier revision": "ครอบคลุมเฉพาะไฟล์รุ่นก่อน มีการเพิ่มเติมในภายหลังตามที่ลายมือชื่ออนุญาต",
    "changed afterwards": "มีการเปลี่ยนแปลงไฟล์หลังลงลายมือชื่อ",
    "unknown": "ไม่ทราบว่าครอบคลุมส่วนใดของไฟล์",
}
TIMESTAMP: Final = "ตราประทับเวลาของเอกสาร:"
NOT_FINISHED: Final = "ตรวจลายมือชื่อไม่เสร็จภายในทรัพยากรที่กำหนด"
UNREADABLE: Final = "ไฟล์น่าจะมีลายมือชื่อดิจิทัล แต่อ่านไม่ได้"
UNSUPPORTED: Final = "ลายมือชื่อในรูปแบบที่ระบบไม่รองรับ จึงไม่มีผลการตรวจ"
ENCRYPTED: Final = "ไฟล์เข้ารหัสหรือมีรหัสผ่าน จึงตรวจลายมือชื่อไม่ได้"
REMOVED: Final = "ระวัง ไฟล์รุ่นก่อนมีลายมือชื่อนี้ แต่ถูกนำออกไปในภายหลัง จึงไม่มีผลการตรวจ"
_NO_STORE: Final = "ยังไม่ได้กำหนดบัญชีใบรับรองที่เชื่อถือ จึงไม่มีผลการตรวจ"


_UNOBTAINED: Final = {
    "TRY_LATER": "ไม่มีข้อมูลการเพิกถอนใบรับรองที่ใช้ได้ในไฟล์ และขอจากผู้ออกใบรับรองไม่ได้ในขณะตรวจ",
    "REVOCATION_OUT_OF_BOUNDS_NO_POE": "ข้อมูลการเพิกถอนใบรับรองในไฟล์พ้นกำหนดแล้ว และขอใหม่จากผู้ออกใบรับรองไม่ได้ในขณะตรวจ",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE": "ยืนยันสายใบรับรองไม่ครบ และขอข้อมูลที่ขาดจากผู้ออกใบรับรองไม่ได้ในขณะตรวจ",
    "NO_CERTIFICATE_CHAIN_FOUND": ("ใบรับรองของผู้ลงลายมือชื่อสืบไม่ถึงผู้ออกรายใดในบัญชีที่ระบบเชื่อถือ และขอใบรับรองที่ขาดไม่ได้ในขณะตรวจ"),
}
_NOTHING_THERE: Final = "ไม่มีข้อมูลการเพิกถอนใบรับรองที่ใช้ได้ในไฟล์ และไม่ได้ข้อมูลที่ใช้ยืนยันได้จากผู้ออกใบรับรอง"
_CAUSES: Final[dict[Cause, str]] = {
    "address": "ที่อยู่ที่ใบรับรองระบุไม่ใช่ที่อยู่สาธารณะซึ่งระบบยอมติดต่อ",
    "name": "หาที่อยู่ของชื่อนี้ไม่พบ",
    "silent": "ไม่ตอบภายในเวลาที่กำหนด",
    "failed": "ติดต่อไม่ได้หรือตอบผิดปกติ",
    "redirect": "ให้ไปถามที่อื่น ซึ่งระบบไม่ตามไป",
    "size": "คำตอบยาวเกินกำหนด",
    "number": "ต้องถามมากกว่าที่กำหนดต่อหนังสือหนึ่งฉบับ",
    "unusable": "คำตอบใช้ไม่ได้",
}


class Sought(NamedTuple):
    """Something that was asked for outside and did not come, and why."""

    host: str
    cause: Cause


def explain(
    indication: str, sub_indication: str | None, coverage: Coverage, sought: Sequence[Sought] | None = None
) -> str:
    """Intact, changed, or neither can be said; why; and what of the file it speaks of.

    `sought`: what was asked for outside in vain.
    """
    changed = coverage == "changed afterwards"
    if indication == "TOTAL-PASSED":
        head, said = (_CHANGED, _PASSED_BUT) if changed else (_INTACT, _PASSED)
    elif indication == "TOTAL-FAILED":
        head = _CHANGED if sub_indication == "HASH_FAILURE" else _BROKEN
        said = _FAILED.get(sub_indication or "", _OTHER)
    elif changed and sub_indication == "SIG_CONSTRAINTS_FAILURE":
        head, said = _CHANGED, _FORBIDDEN
    else:
        head, said = _OPEN_HEAD, _OPEN.get(sub_indication or "", _OTHER)
        if sought:
            said = f"{_UNOBTAINED.get(sub_indication or '', said)} ({in_vain(sought)})"
        elif sought is not None and sub_indication in ("TRY_LATER", "CERTIFICATE_CHAIN_GENERAL_FAILURE"):
            said = _NOTHING_THERE
    tail = "" if said in (_FORBIDDEN, _OPEN["SIGNED_DATA_NOT_FOUND"]) else f" {_COVERAGE[coverage]}"
    return f"{head}: {said}{tail}"


def in_vain(sought: Sequence[Sought]) -> str:
    """What was asked for outside and did not come, and why; each once."""
    return "; ".join(_one_sought(one) for one in dict.fromkeys(sought))


def _one_sought(one: Sought) -> str:
    return f"{one.host}: {_CAUSES[one.cause]}" if one.host else _CAUSES[one.cause]


def without_store(*, intact: bool | None, coverage: Coverage) -> str:
    """No verdict can be asked for; whether the file is what was signed can still be said."""
    state = {
        True: "ข้อมูลตรงกับที่ลงลายมือชื่อ",
        False: "แต่ข้อมูลไม่ตรงกับที่ลงลายมือชื่อไว้",
        None: "และอ่านลายมือชื่อไม่ได้",
    }[intact]
    return f"{_NO_STORE} {state} {_COVERAGE[coverage]}"
