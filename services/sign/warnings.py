"""Everything the examination can warn of: code, Thai and English, each stated once.

`{…}` is filled in where the warning is given. A warning is a label for the officer; nothing is refused for one.
"""

from typing import Final, Literal, get_args

from contracts import findings
from services.sign.thai import scrub, tidy

Code = Literal[
    "archive_dangerous",
    "archive_not_listed",
    "archive_swells",
    "attachment_active",
    "attachment_disk_image",
    "attachment_encrypted",
    "attachment_executable",
    "attachment_macros",
    "attachment_shortcut",
    "attachment_smuggles",
    "authentication_unfinished",
    "dmarc_failed",
    "examination_failed",
    "issuer_not_of_sender",
    "letter_erased",
    "malware_found",
    "malware_not_scanned",
    "malware_scanner_noted",
    "message_unreadable",
    "name_double_ending",
    "name_misleads",
    "name_padded",
    "name_reordered",
    "names_differ",
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
    "smime_encrypted",
    "smime_footer",
    "smime_from_differs",
    "smime_headers_differ",
    "smime_irregular",
    "smime_not_checked",
    "smime_sent_for",
    "smime_unsigned_content",
    "smime_without_address",
    "text_from_scan",
    "text_left_out",
    "tnef_not_read",
    "trust_store_empty",
    "upstream_unknown",
    "without_text",
]

_TEXTS: Final[dict[Code, tuple[str, str]]] = {
    "archive_dangerous": (
        "ไฟล์ {name} มีโปรแกรมหรือไฟล์อันตรายอยู่ภายใน ({detail}) โปรดระวังการเปิด",
        "{name} holds a program or another dangerous file ({detail}); take care before opening it.",
    ),
    "archive_not_listed": (
        "ดูรายชื่อไฟล์ภายใน {name} ได้ไม่ครบ",
        "What lies in {name} could not be listed completely.",
    ),
    "archive_swells": (
        "ไฟล์ {name} เมื่อคลายออกจะใหญ่ผิดปกติ ({detail} ไบต์) โปรดอย่าคลายไฟล์",
        "{name} would become unusually large ({detail} octets); do not unpack it.",
    ),
    "attachment_active": (
        "ไฟล์ {name} เป็นหน้าเว็บหรือภาพที่มีสคริปต์ โปรดระวังการเปิด",
        "{name} is a page or a picture with a script in it; take care before opening it.",
    ),
    "attachment_disk_image": (
        "ไฟล์ {name} เป็นแผ่นดิสก์จำลอง ซึ่งมักใช้ซ่อนโปรแกรม โปรดระวังการเปิด",
        "{name} is a disk image, which often hides programs; take care before opening it.",
    ),
    "attachment_encrypted": (
        "ไฟล์ {name} เข้ารหัสหรือมีรหัสผ่าน ระบบอ่านเนื้อหาไม่ได้",
        "{name} is encrypted or asks for a password; its content was not read.",
    ),
    "attachment_executable": (
        "ไฟล์ {name} เป็นโปรแกรมหรือสคริปต์ โปรดระวังการเปิด",
        "{name} is a program or a script; take care before opening it.",
    ),
    "attachment_macros": (
        "ไฟล์ {name} มีมาโคร (ชุดคำสั่งในเอกสาร) โปรดอย่าเปิดใช้มาโครหากไม่แน่ใจ",
        "{name} has macros; do not enable them unless you are sure.",
    ),
    "attachment_shortcut": (
        "ไฟล์ {name} เป็นทางลัดที่เปิดโปรแกรมหรือเว็บไซต์อื่น โปรดระวังการเปิด",
        "{name} is a shortcut that opens a program or a web site; take care before opening it.",
    ),
    "attachment_smuggles": (
        "ไฟล์ {name} เป็นหน้าเว็บที่สร้างไฟล์อื่นขึ้นเมื่อเปิด โปรดอย่าเปิด",
        "{name} is a page that makes another file when it is opened; do not open it.",
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
    "malware_found": (
        "พบโปรแกรมประสงค์ร้าย {name} ในหนังสือ ระบบเก็บต้นฉบับไว้โดยไม่ส่งต่อ",
        "Malware {name} was found in the letter; the original is kept and goes to nobody.",
    ),
    "malware_not_scanned": (
        "หนังสือยังไม่ได้ตรวจหาโปรแกรมประสงค์ร้าย ({thai}) โปรดระวังการเปิดไฟล์แนบ",
        "The letter was not scanned for malware ({english}); take care before opening its files.",
    ),
    "malware_scanner_noted": (
        "โปรแกรมตรวจหาโปรแกรมประสงค์ร้ายแจ้งข้อสังเกต {name} ซึ่งมิใช่ชื่อของโปรแกรมประสงค์ร้าย",
        "The malware scanner remarked {name}, which is a property and no malware.",
    ),
    "message_unreadable": (
        "อ่านโครงสร้างข้อความไม่ได้ ({detail})",
        "The structure of the message could not be read ({detail}).",
    ),
    "name_double_ending": (
        "ชื่อไฟล์ {name} มีนามสกุลซ้อน แท้จริงเป็น {detail}",
        "The name {name} has two endings; the file is a {detail}.",
    ),
    "name_misleads": (
        "ชื่อไฟล์ {name} ไม่ตรงกับเนื้อหา ซึ่งเป็น {detail}",
        "The name {name} does not fit the content, which is {detail}.",
    ),
    "name_padded": (
        "ชื่อไฟล์ {name} มีช่องว่างยาวเพื่อซ่อนส่วนท้าย",
        "The name {name} had a long gap in it, which hides its end.",
    ),
    "name_reordered": (
        "ชื่อไฟล์ {name} มีอักขระที่สลับลำดับการแสดงผล เพื่อให้ดูเป็นไฟล์ชนิดอื่น",
        "The name {name} had characters in it that turn the order in which it is shown, to look like another type.",
    ),
    "names_differ": (
        "ผู้ส่งระบุชื่อไฟล์ {name} ไว้สองชื่อซึ่งเป็นไฟล์คนละชนิด",
        "The sender gave two names for {name}, which are of different types.",
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
    "smime_encrypted": (
        "{name} เป็นข้อความที่เข้ารหัส (S/MIME) ระบบไม่มีกุญแจ จึงอ่านเนื้อหาและไฟล์แนบข้างในไม่ได้ ผู้รับที่มีกุญแจต้องเปิดอ่านเอง",
        "{name} is encrypted (S/MIME): what is in it was not read; only a recipient with the key can open it.",
    ),
    "smime_footer": (
        "ลายมือชื่อของอีเมล (S/MIME) ไม่ครอบคลุมส่วนท้ายที่เพิ่มเข้ามาภายหลัง ({detail})",
        "The S/MIME signature does not cover what was added below the signed part ({detail}).",
    ),
    "smime_from_differs": (
        "ที่อยู่ผู้ส่ง ({sender}) ไม่ใช่ที่อยู่ในใบรับรองของผู้ลงลายมือชื่อ ({signer}) ผู้ลงลายมือชื่ออาจไม่ใช่ผู้ส่ง",
        "From ({sender}) is not in the signing certificate ({signer}); the signer may not be the sender.",
    ),
    "smime_headers_differ": (
        "ส่วนหัวของอีเมลที่แสดง ({detail}) ไม่ตรงกับส่วนหัวที่ลงลายมือชื่อไว้",
        "Header fields that are shown ({detail}) are not those that were signed.",
    ),
    "smime_irregular": (
        "โครงสร้างของอีเมลที่ลงลายมือชื่อ (S/MIME) ไม่เป็นไปตามมาตรฐาน ({detail})",
        "The structure of the S/MIME signed mail is not the standard's ({detail}).",
    ),
    "smime_not_checked": (
        "ไฟล์ {name} เป็น S/MIME ในรูปแบบที่ระบบไม่รองรับ หรืออ่านไม่ได้ จึงไม่ได้ตรวจ",
        "{name} is S/MIME of a kind that is not supported, or cannot be read; it was not checked.",
    ),
    "smime_sent_for": (
        "ผู้ลงลายมือชื่อ ({signer}) คือผู้ส่งแทนตามช่อง Sender ไม่ใช่ผู้ส่งในช่อง From ({sender})",
        "The signer ({signer}) is the one named in Sender, not the one in From ({sender}).",
    ),
    "smime_unsigned_content": (
        "ระวัง อีเมลมีเนื้อหาที่ไม่มีใครลงลายมือชื่อ และอาจแสดงก่อนหรือแทนส่วนที่ลงลายมือชื่อ ({detail})",
        "Beware: the mail has content that nobody signed, which may be shown before or instead of the signed part "
        "({detail}).",
    ),
    "smime_without_address": (
        "ใบรับรองของผู้ลงลายมือชื่อไม่ระบุที่อยู่อีเมล จึงเทียบกับที่อยู่ผู้ส่ง ({sender}) ไม่ได้",
        "The signing certificate names no e-mail address, so the one in From ({sender}) could not be compared.",
    ),
    "text_from_scan": (
        "ไฟล์ {name} เป็นภาพสแกน ระบบอ่านด้วยการรู้จำตัวอักษร ข้อความที่อ่านได้อาจผิด และไม่ได้อ่านตัวเลขไทย",
        "{name} is a scan; its text was recognised, may be wrong, and has no Thai figures.",
    ),
    "text_left_out": (
        "ไฟล์ {name} ยาวเกินกำหนด อ่านเฉพาะส่วนต้น",
        "{name} is longer than what is read; only its beginning was.",
    ),
    "tnef_not_read": (
        "ไฟล์ {name} ของโปรแกรม Outlook อ่านได้ไม่ครบ ({detail}) ไฟล์ที่อยู่ภายในอาจไม่ครบ",
        "{name}, of Outlook, could not be read completely ({detail}); files inside it may be missing.",
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
