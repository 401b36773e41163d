"""Everything the examination can warn of: code, Thai and English, each stated once.

`{…}` is filled in where the warning is given. A warning is a label for the officer; nothing is refused for one.
"""

from typing import Final, Literal, get_args

from contracts import findings
from services.sign.thai import scrub, tidy

Code = Literal[
    "attachment_encrypted",
    "attachment_executable",
    "authentication_unfinished",
    "dmarc_failed",
    "examination_failed",
    "issuer_not_of_sender",
    "letter_erased",
    "message_unreadable",
    "name_misleads",
    "number_differs",
    "number_from_scan",
    "number_not_of_sender",
    "number_not_of_signer",
    "part_damaged",
    "parts_left_out",
    "pdf_unreadable",
    "pgp_not_checked",
    "resource_limit",
    "signature_unreadable",
    "signer_not_named",
    "signer_not_of_sender",
    "smime_not_checked",
    "text_left_out",
    "trust_store_empty",
    "upstream_unknown",
    "without_text",
]

_TEXTS: Final[dict[Code, tuple[str, str]]] = {
    "attachment_encrypted": (
        "ไฟล์ {name} เข้ารหัสหรือมีรหัสผ่าน ระบบอ่านเนื้อหาไม่ได้",
        "{name} is encrypted or asks for a password; its content was not read.",
    ),
    "attachment_executable": (
        "ไฟล์ {name} เป็นโปรแกรมหรือสคริปต์ โปรดระวังการเปิด",
        "{name} is a program or a script; take care before opening it.",
    ),
    "authentication_unfinished": (
        "สอบถามข้อมูลของโดเมนผู้ส่ง (DNS) ไม่ได้ในขณะตรวจ ผลการตรวจผู้ส่งจึงยังไม่ครบ",
        "The sender's domain could not be asked (DNS) at the time; the sender check is not complete.",
    ),
    "dmarc_failed": (
        "ไม่ผ่านการตรวจโดเมนของผู้ส่ง (DMARC) ที่อยู่ผู้ส่งที่ปรากฏอาจไม่ใช่ผู้ส่งจริง",
        "The sender's domain check (DMARC) failed; the address shown as the sender may not be the real one.",
    ),
    "examination_failed": (
        "ตรวจ {name} ไม่สำเร็จเนื่องจากข้อผิดพลาดของระบบ ({detail})",
        "{name} could not be examined because of a fault of this system ({detail}).",
    ),
    "issuer_not_of_sender": (
        "หนังสือระบุว่าออกโดย{issuer} แต่ส่งจากโดเมน {domain} ซึ่งเป็นของ{sender} อาจเป็นการส่งแทนกัน หากสงสัยโปรดสอบถามผู้ส่ง",
        "The letter says that {issuer} issued it, but it came from the domain {domain}, which is that of {sender}. One "
        "may send for the other; ask the sender if in doubt.",
    ),
    "letter_erased": (
        "หนังสือถูกลบออกจากระบบก่อนการตรวจ",
        "The letter was erased before it was examined.",
    ),
    "message_unreadable": (
        "อ่านโครงสร้างข้อความไม่ได้ ({detail})",
        "The structure of the message could not be read ({detail}).",
    ),
    "name_misleads": (
        "ชื่อไฟล์ {name} ไม่ตรงกับเนื้อหา ซึ่งเป็น {detail}",
        "The name {name} does not fit the content, which is {detail}.",
    ),
    "number_differs": (
        "เลขที่หนังสือในหัวเรื่อง ({subject}) ไม่ตรงกับในไฟล์ ({letter}) ระบบใช้เลขจากหัวเรื่อง",
        "The subject line's letter number ({subject}) is not the file's ({letter}); the subject line's stands.",
    ),
    "number_from_scan": (
        "เลขที่หนังสืออ่านจากภาพสแกน อาจคลาดเคลื่อน",
        "The letter number was read from a scan and may be wrong.",
    ),
    "number_not_of_sender": (
        "เลขที่หนังสือขึ้นต้นด้วย {letters} ซึ่งเป็นของ{owner} แต่ส่งจากโดเมน {domain} ซึ่งเป็นของ{sender} (ตารางอักษรย่อ {table}) "
        "อาจเป็นการส่งต่อหรือส่งแทนกัน หากสงสัยโปรดสอบถามผู้ส่ง",
        "The letter's number begins with {letters}, the letters of {owner}, but it came from the domain {domain} of "
        "{sender} (table {table}). It may have been passed on; ask the sender if in doubt.",
    ),
    "number_not_of_signer": (
        "เลขที่หนังสือขึ้นต้นด้วย {letters} ซึ่งเป็นของ{owner} แต่ใบรับรองที่ใช้ลงลายมือชื่อออกให้แก่ {holder} (ตารางอักษรย่อ {table}) "
        "หากสงสัยโปรดสอบถามผู้ส่ง",
        "The letter's number begins with {letters}, the letters of {owner}, but the certificate of the signature was "
        "issued to {holder} (table {table}); ask the sender if in doubt.",
    ),
    "part_damaged": ("ไฟล์ {name} ถอดรหัสได้ไม่สมบูรณ์", "{name} could not be decoded completely."),
    "parts_left_out": (
        "ข้อความมีส่วนประกอบมากหรือซ้อนลึกเกินกำหนด ({detail}) ส่วนที่เกินไม่ได้ตรวจ",
        "The message has too many or too deep parts ({detail}); what is beyond was not examined.",
    ),
    "pdf_unreadable": ("เปิดไฟล์ PDF {name} ไม่ได้ ({detail})", "The PDF file {name} could not be opened ({detail})."),
    "pgp_not_checked": (
        "ข้อความลงลายมือชื่อหรือเข้ารหัสแบบ PGP ระบบรุ่นนี้ไม่ได้ตรวจ",
        "The message is signed or encrypted with PGP, which this version does not check.",
    ),
    "resource_limit": (
        "การตรวจถูกหยุดเพราะใช้ทรัพยากรเกินกำหนด ({detail}) ผลที่แสดงจึงไม่ครบ",
        "The examination was stopped at its resource limit ({detail}); the findings are incomplete.",
    ),
    "signature_unreadable": (
        "ไฟล์ {name} น่าจะมีลายมือชื่อดิจิทัลแต่อ่านไม่ได้ ({detail})",
        "{name} seems to carry a digital signature that could not be read ({detail}).",
    ),
    "signer_not_named": (
        "ชื่อผู้ลงนามในหนังสือ ({named}) ไม่ตรงกับชื่อในใบรับรองที่ใช้ลงลายมือชื่อ ({holder}) หากสงสัยโปรดสอบถามผู้ส่ง",
        "The signer named in the letter ({named}) is not whom the certificate of the signature names ({holder}); ask "
        "the sender if in doubt.",
    ),
    "signer_not_of_sender": (
        "ใบรับรองที่ใช้ลงลายมือชื่อออกให้แก่ {holder} แต่หนังสือส่งจากโดเมน {domain} ของหน่วยงานอื่น หากสงสัยโปรดสอบถามผู้ส่ง",
        "The certificate of the signature was issued to {holder}, but the letter came from the domain {domain} of "
        "another agency; ask the sender if in doubt.",
    ),
    "smime_not_checked": (
        "ข้อความลงลายมือชื่อหรือเข้ารหัสแบบ S/MIME ระบบรุ่นนี้ไม่ได้ตรวจ",
        "The message is signed or encrypted with S/MIME, which this version does not check.",
    ),
    "text_left_out": (
        "ไฟล์ {name} ยาวเกินกำหนด อ่านเฉพาะส่วนต้น",
        "{name} is longer than what is read; only its beginning was.",
    ),
    "trust_store_empty": (
        "ยังไม่ได้กำหนดบัญชีใบรับรองที่เชื่อถือ จึงไม่มีผลการตรวจลายมือชื่อ",
        "No trust store is configured, so there is no verdict on signatures.",
    ),
    "upstream_unknown": (
        "ไม่ทราบเครื่องที่ส่งถึงเซิร์ฟเวอร์ของหน่วยงาน จึงตรวจ SPF ไม่ได้",
        "The host before the agency's own server is not known, so SPF could not be judged.",
    ),
    "without_text": ("ไฟล์ {name} ไม่มีข้อความให้อ่าน (น่าจะเป็นภาพสแกน)", "{name} has no text to read (probably a scan)."),
}

CODES: Final = frozenset(get_args(Code))


def warning(code: Code, **details: str) -> findings.Warning:
    """The warning of this code; details are cut to a line, since they may come from a hostile letter."""
    thai, english = _TEXTS[code]
    clean = {name: tidy(scrub(value))[:200] for name, value in details.items()}
    return findings.Warning(code=code, thai=thai.format_map(clean), english=english.format_map(clean))
