"""The mail to the registrar: a classified letter came, or a letter did not reach the agency's mailbox. Pure.

Nothing of the letter is in it.
"""

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Final, Literal

from contracts.values import BANGKOK, Instant, from_instant
from services.notify import address, wire
from services.notify.display import clean
from services.notify.entry import Entry
from services.notify.receipt_mail import TEXT, particulars
from services.notify.wire import Mail, Part
from services.words import wording

Why = Literal["classified", "undeliverable", "infected"]

_SUBJECTS: Final[Mapping[Why, str]] = {
    "classified": "มีหนังสือชั้นความลับเข้าสู่ระบบ",
    "infected": "พบโปรแกรมประสงค์ร้ายในหนังสือ",
    "undeliverable": "ส่งหนังสือเข้ากล่องจดหมายของหน่วยงานไม่สำเร็จ",
}


_MOVES: Final = "พบเครื่องหมายในตัวหนังสือหลังลงทะเบียน ระบบสั่งย้ายรายการนี้เข้าทะเบียนหนังสือชั้นความลับแล้ว เลขทะเบียนเดิมคงไว้"
_DECIDE: Final = (
    "เครื่องหมายอ่านได้ไม่ชัดหรืออ่านจากภาพสแกน รายการจึงยังอยู่ในทะเบียนเดิม "
    "โปรดตรวจสอบ และสั่งย้ายหากเป็นหนังสือชั้นความลับ (saraban order move)"
)


def compose(
    entry: Entry,
    why: Why,
    *,
    to: str,
    dated: Instant,
    reason: str = "",
    moves: bool = False,
    malware: str = "",
    passed: bool = False,
) -> Mail:
    """The alert for one letter; `reason` is what the relay said, for an undeliverable one, `malware` what was found in
    an infected one. `passed`: it had gone to a mailbox before that was known. `moves`: a secrecy mark was found in the
    letter itself, and its move into the classified series is ordered.
    """
    recipient = address.written(to)
    central = entry.central_address(None)
    message_id = entry.message_id("alert")
    fields = [
        wire.mailbox_field("From", f"สารบรรณ {clean(entry.agency.name)}", central),
        wire.mailbox_field("To", "", recipient),
        wire.field("Subject", f"{_SUBJECTS[why]} เลขทะเบียนรับ {clean(entry.number_text)}"),
        wire.field("Date", format_datetime(from_instant(dated).astimezone(BANGKOK))),
        wire.token_field("Message-ID", [message_id]),
        wire.field("Auto-Submitted", "auto-generated"),
        wire.field("X-Auto-Response-Suppress", "All"),
        wire.field("Content-Language", "th"),
    ]
    words = _words(entry, why, reason, malware, moves=moves, passed=passed)
    text = "\r\n".join(["เรียน นายทะเบียน", "", *words, "", *particulars(entry), ""])
    return Mail(
        sender=entry.return_path,
        recipient=recipient,
        message_id=message_id,
        octets=wire.compose(fields, [Part(media_type=TEXT, content=text.encode())], message_id),
        utf8=address.needs_utf8(central, recipient),
    )


def _words(entry: Entry, why: Why, reason: str, malware: str, *, moves: bool, passed: bool) -> list[str]:
    if why == "classified":
        place = []
        if entry.series != "classified":
            place = [_MOVES if moves else _DECIDE]
        return [
            f"{clean(entry.agency.name)} ได้รับหนังสือที่มีเครื่องหมายชั้นความลับทางไปรษณีย์อิเล็กทรอนิกส์ "
            "ระบบลงทะเบียนรับแล้ว และไม่ส่งต่อเนื้อหาทางอีเมล",
            *place,
            wording.CLASSIFIED_LETTER,
            "โปรดเปิดหนังสือจากระบบตามระเบียบว่าด้วยการรักษาความลับของทางราชการ",
        ]
    if why == "infected":
        kept = "ระบบลงทะเบียนรับแล้ว และไม่ส่งต่อหนังสือ ต้นฉบับเก็บไว้ในระบบโดยไม่มีการแก้ไข"
        gone = "คำเตือน: หนังสือถูกส่งเข้ากล่องจดหมายของหน่วยงานก่อนทราบผลตรวจ โปรดแจ้งผู้รับมิให้เปิดไฟล์แนบ"
        failed = f"ระบบแจ้งไปยังกล่องจดหมายของหน่วยงานไม่สำเร็จ สาเหตุ: {clean(reason)}"
        return [
            f"{clean(entry.agency.name)} ได้รับหนังสือที่มีโปรแกรมประสงค์ร้าย {clean(malware)}",
            gone if passed else kept,
            *([failed] if reason else []),
            f"ตำแหน่งของหนังสือในระบบ: {entry.position}",
        ]
    return [
        "หนังสือฉบับนี้ลงทะเบียนรับแล้ว แต่ระบบส่งเข้ากล่องจดหมายของหน่วยงานไม่สำเร็จ โปรดแจ้งผู้ดูแลระบบ",
        f"สาเหตุ: {clean(reason)}",
        f"ตำแหน่งของหนังสือในระบบ: {entry.position}",
    ]
