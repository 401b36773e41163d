"""The receipt mail: Thai text for a person, the receipt itself attached.

Pure: the same receipt makes the same octets.
"""

import re
from collections.abc import Sequence
from datetime import date
from email.utils import format_datetime
from typing import Final

import msgspec

from contracts.mail import MailReceived
from contracts.receipt import Receipt, Stated, Unknown
from contracts.values import BANGKOK, from_instant
from services.notify import address, wire
from services.notify.display import clean
from services.notify.entry import Entry
from services.notify.wire import Mail, Part
from services.words import thai_style, wording

_MESSAGE_ID = re.compile(r"<[^<>\s\x00-\x1f\x7f]{1,500}>")

TEXT: Final = 'text/plain; charset="utf-8"'


def compose(
    entry: Entry, event: MailReceived, receipt: Receipt, pdf: bytes | None, report: Sequence[Part] = ()
) -> Mail:
    """The mail for a receipt; `pdf` is its sealed paper, None for a provisional one, which goes as JSON.

    `report` is what makes it a delivery report as well, where the sender asked for one.
    """
    recipient = address.written(event.sender)
    central = entry.central_address(event)
    message_id = entry.message_id(receipt.kind)
    if pdf is None:
        attached = Part(
            media_type="application/json",
            content=msgspec.json.format(msgspec.json.encode(receipt), indent=2),
            filename="receipt.json",
        )
    else:
        attached = Part(media_type="application/pdf", content=pdf, filename=f"receipt-{entry.name}.pdf")
    fields = [
        wire.mailbox_field("From", clean(entry.agency.name), central),
        wire.mailbox_field("To", "", recipient),
        wire.field("Subject", _subject(receipt)),
        wire.field("Date", format_datetime(from_instant(receipt.issued_at).astimezone(BANGKOK))),
        wire.token_field("Message-ID", [message_id]),
        *in_reply_to(event),
        wire.field("Auto-Submitted", "auto-replied"),
        wire.field("X-Auto-Response-Suppress", "All"),
        wire.field("Content-Language", "th"),
    ]
    text = Part(media_type=TEXT, content=_text(entry, receipt, attached.filename, central).encode())
    return Mail(
        sender=entry.return_path,
        recipient=recipient,
        message_id=message_id,
        octets=wire.compose(fields, [text, attached], message_id, report),
        utf8=address.needs_utf8(central, recipient),
    )


def in_reply_to(event: MailReceived) -> list[bytes]:
    """In-Reply-To and References that tie our mail to the letter; none if it has no proper Message-ID."""
    found = _MESSAGE_ID.search(event.lines.message_id)
    if found is None or not found.group().isascii():
        return []
    return [wire.token_field("In-Reply-To", [found.group()]), wire.token_field("References", [found.group()])]


def _subject(receipt: Receipt) -> str:
    marks = ""
    if receipt.seal.kind == "test":
        marks += f"[{wording.TEST}] "
    if receipt.kind == "provisional":
        marks += "[ฉบับชั่วคราว] "
    return f"{marks}แจ้งเลขทะเบียนรับหนังสือ {clean(receipt.register_number)} – {clean(receipt.agency_name)}"


def _text(entry: Entry, receipt: Receipt, filename: str, central: str) -> str:
    lines: list[str] = []
    if receipt.seal.kind == "test":
        lines += [f"*** {wording.TEST} ***", ""]
    lines += [
        "เรียน ผู้ส่งหนังสือ",
        "",
        f"{clean(receipt.agency_name)} ได้รับหนังสือของท่านทางไปรษณีย์อิเล็กทรอนิกส์ และระบบลงทะเบียนรับโดยอัตโนมัติแล้ว ดังนี้",
        "",
        *particulars(entry),
        f"หน่วยงานผู้รับ: {clean(receipt.agency_name)}",
        f"{receipt.receiver.label}: {_officer(receipt)}",
        "",
        f"หนังสือที่: {_stated(receipt.letter_number)}",
        f"ลงวันที่: {_date(receipt.letter_date)}",
        f"เรื่อง: {_stated(receipt.subject)}",
        "",
        _about_attachment(receipt, filename),
        "",
        "ข้อความในใบรับ",
        *(f"- {clean(statement, 1000)}" for statement in receipt.statements if statement != wording.TEST),
        *(f"- {clean(sentence, 1000)}" for sentence in _signatures(receipt)),
        *(f"- หมายเหตุ: {wording.REMARKS.get(remark, remark)}" for remark in receipt.remarks),
        "",
        "อีเมลฉบับนี้ส่งโดยระบบอัตโนมัติ",
        f"หากตอบกลับมาที่ {central} ระบบจะลงทะเบียนรับเป็นหนังสือฉบับใหม่ถึงหน่วยงาน",
        "",
    ]
    return "\r\n".join(lines)


def particulars(entry: Entry) -> list[str]:
    """The number and both times, as every mail about a letter shows them."""
    book = f"{wording.SERIES[entry.series]} ปี {thai_style.digits(entry.year)}"
    return [
        f"เลขทะเบียนรับ: {clean(entry.number_text)}",
        f"ทะเบียน: {book} ลำดับที่ {thai_style.digits(entry.number)}",
        f"วันเวลาที่เข้าสู่ระบบ: {thai_style.exact_time(from_instant(entry.received_at))}",
        f"วันเวลารับตามเวลาทำการ: {thai_style.date_and_time(from_instant(entry.deemed_at))}",
    ]


def _officer(receipt: Receipt) -> str:
    receiver = receipt.receiver
    if isinstance(receiver.name, Unknown):
        return f"{wording.reason(receiver.name)} ({receiver.issued})"
    said = [clean(receiver.name.value)]
    if not isinstance(receiver.position, Unknown):
        said.append(f"ตำแหน่ง {clean(receiver.position.value)}")
    if not isinstance(receiver.telephone, Unknown):
        said.append(f"โทรศัพท์ {clean(receiver.telephone.value)}")
    return " ".join(said) + f" ({receiver.issued})"


def _stated(value: Stated) -> str:
    return wording.reason(value) if isinstance(value, Unknown) else clean(value.value)


def _date(value: Stated) -> str:
    if isinstance(value, Unknown):
        return wording.reason(value)
    try:
        return thai_style.calendar_date(date.fromisoformat(value.value))
    except ValueError:
        return clean(value.value)


def _signatures(receipt: Receipt) -> tuple[str, ...]:
    return () if isinstance(receipt.signatures, Unknown) else receipt.signatures


def _about_attachment(receipt: Receipt, filename: str) -> str:
    if receipt.kind == "provisional":
        return (
            "อีเมลฉบับนี้เป็นใบรับฉบับชั่วคราว แจ้งเพียงว่าหนังสือเข้าสู่ระบบและได้เลขทะเบียนรับแล้ว "
            f"ยังไม่มีการประทับตราอิเล็กทรอนิกส์ ข้อมูลอยู่ในไฟล์แนบ {filename} "
            "ใบรับฉบับสมบูรณ์จะส่งตามมาภายหลังเพียงฉบับเดียว"
        )
    return f"ใบรับอิเล็กทรอนิกส์ฉบับสมบูรณ์อยู่ในไฟล์แนบ {filename} ({wording.sealed(receipt.seal)}) โปรดเก็บไฟล์นี้ไว้"
