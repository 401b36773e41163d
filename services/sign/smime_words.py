"""The plain Thai sentence an officer reads beside the verdict on an S/MIME signature. Technical, never about law."""

from collections.abc import Sequence
from typing import Final

from services.sign.verdict_words import Coverage, Sought, in_vain

_PASSED: Final = "ตรวจทางเทคนิคแล้ว ข้อความตรงกับที่ลงลายมือชื่อ และใบรับรองสืบถึงผู้ออกที่ระบบเชื่อถือได้"
_FAILED: Final = {
    "HASH_FAILURE": "ข้อความไม่ตรงกับที่ลงลายมือชื่อไว้ ถูกเปลี่ยนแปลงหรือเสียหายระหว่างทาง",
    "SIG_CRYPTO_FAILURE": "ค่าลายมือชื่อไม่ตรงกับข้อความหรือใบรับรองของผู้ลงลายมือชื่อ",
    "FORMAT_FAILURE": "โครงสร้างของลายมือชื่อไม่เป็นไปตามมาตรฐาน จึงถือว่าไม่ผ่าน",
    "REVOKED": "ใบรับรองถูกเพิกถอนก่อนเวลาลงลายมือชื่อ",
    "NOT_YET_VALID": "ลงลายมือชื่อก่อนที่ใบรับรองจะเริ่มใช้ได้",
}
_OPEN: Final = {
    "NO_CERTIFICATE_CHAIN_FOUND": "ใบรับรองของผู้ลงลายมือชื่อสืบไม่ถึงผู้ออกรายใดในบัญชีที่ระบบเชื่อถือ",
    "NO_SIGNING_CERTIFICATE_FOUND": "ไม่พบใบรับรองของผู้ลงลายมือชื่อในข้อความ จึงบอกไม่ได้ว่าใครลงลายมือชื่อ",
    "OUT_OF_BOUNDS_NO_POE": "ใบรับรองหมดอายุหรือยังไม่เริ่มใช้ในเวลาที่ตรวจ และไม่มีหลักฐานว่าลงลายมือชื่อในขณะที่ใบรับรองยังใช้ได้",
    "OUT_OF_BOUNDS_NOT_REVOKED": "ใบรับรองหมดอายุแล้วในเวลาที่ตรวจ แต่ไม่พบว่าถูกเพิกถอน",
    "EXPIRED": "ลงลายมือชื่อหลังจากใบรับรองหมดอายุ",
    "REVOKED_NO_POE": "ใบรับรองถูกเพิกถอนแล้ว และไม่มีหลักฐานว่าลงลายมือชื่อก่อนการเพิกถอน",
    "REVOKED_CA_NO_POE": "ใบรับรองของผู้ออกถูกเพิกถอนแล้ว",
    "TRY_LATER": "ไม่มีข้อมูลการเพิกถอนใบรับรองที่ใช้ได้ในเวลาที่ตรวจ",
    "REVOCATION_OUT_OF_BOUNDS_NO_POE": "ข้อมูลการเพิกถอนใบรับรองที่มีพ้นกำหนดแล้ว",
    "CRYPTO_CONSTRAINTS_FAILURE": "ใช้วิธีเข้ารหัสที่ไม่ปลอดภัยพอแล้ว จึงเชื่อไม่ได้ว่าข้อความไม่ถูกเปลี่ยน",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE": "ใช้วิธีเข้ารหัสที่ไม่ปลอดภัยพอแล้ว จึงเชื่อไม่ได้ว่าข้อความไม่ถูกเปลี่ยน",
    "CHAIN_CONSTRAINTS_FAILURE": "ใบรับรองไม่ได้ออกมาสำหรับการลงลายมือชื่ออีเมล",
    "SIG_CONSTRAINTS_FAILURE": "ลายมือชื่อไม่มีส่วนประกอบตามที่กำหนด",
    "SIGNED_DATA_NOT_FOUND": "พบลายมือชื่อ แต่ไม่พบข้อความที่ลายมือชื่อนั้นลงไว้",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE": "ยืนยันสายใบรับรองได้ไม่ครบ ไม่มีข้อมูลการเพิกถอนที่ใช้ได้ หรือสายใบรับรองผิดพลาด",
    "NO_POE": "ไม่มีหลักฐานเพียงพอว่าลายมือชื่อมีอยู่ในขณะที่ใบรับรองยังใช้ได้",
    "TIMESTAMP_ORDER_FAILURE": "ลำดับเวลาของตราประทับเวลาขัดกัน",
}
_ENDED_SINCE: Final = (
    "ใบรับรองหมดอายุแล้วในเวลาที่ตรวจ ตราประทับเวลาแสดงว่าลงลายมือชื่อก่อนหมดอายุ แต่ไม่มีหลักฐานว่าใบรับรองไม่ถูกเพิกถอนก่อนนั้น"
)
_OTHER: Final = "ตรวจไม่ได้ข้อสรุป"
_COVERAGE: Final[dict[Coverage, str]] = {
    "whole": "ครอบคลุมเนื้อหาทั้งหมดของข้อความ",
    "earlier revision": "ครอบคลุมข้อความของผู้ส่ง ส่วนท้ายที่เพิ่มเข้ามาภายหลังไม่มีใครลงลายมือชื่อ",
    "changed afterwards": "ระวัง ครอบคลุมเพียงบางส่วน สิ่งที่แสดงอาจไม่ใช่สิ่งที่ลงลายมือชื่อไว้",
    "unknown": "ไม่ทราบว่าครอบคลุมส่วนใดของข้อความ",
}
MAIL: Final = "ลายมือชื่อของอีเมล (S/MIME):"
NOT_FINISHED: Final = "ตรวจลายมือชื่อของอีเมลไม่เสร็จภายในทรัพยากรที่กำหนด"
_NO_STORE: Final = "ยังไม่ได้กำหนดบัญชีใบรับรองที่เชื่อถือ จึงไม่มีผลการตรวจ"


def explain(
    indication: str,
    sub_indication: str | None,
    coverage: Coverage,
    sought: Sequence[Sought] = (),
    *,
    in_time: bool = False,
) -> str:
    """What the verdict says, and what of the mail it speaks of.

    `sought`: what was asked for outside in vain; `in_time`: a time-stamp proves that the certificate had not ended.
    """
    if indication == "TOTAL-PASSED":
        said = _PASSED
    elif indication == "TOTAL-FAILED":
        return f"{MAIL} {_FAILED.get(sub_indication or '', _OTHER)}"  # what it would cover says nothing any more
    else:
        said = _OPEN.get(sub_indication or "", _OTHER)
        if in_time and sub_indication == "OUT_OF_BOUNDS_NO_POE":
            said = _ENDED_SINCE
        if sought:
            said += f" ({in_vain(sought)})"
    return f"{MAIL} {said} {_COVERAGE[coverage]}"


def without_store(*, intact: bool | None, coverage: Coverage) -> str:
    """No verdict can be asked for; whether the content is what was signed can still be said."""
    state = {
        True: "ข้อความตรงกับที่ลงลายมือชื่อ",
        False: "แต่ข้อความไม่ตรงกับที่ลงลายมือชื่อไว้",
        None: "และอ่านลายมือชื่อไม่ได้",
    }[intact]
    return f"{MAIL} {_NO_STORE} {state} {_COVERAGE[coverage]}"
