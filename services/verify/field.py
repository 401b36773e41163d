"""What the fields of a receipt are called in a sentence."""

from collections.abc import Mapping
from typing import Final

from services.verify.report import Said

FIELDS: Final[Mapping[str, Said]] = {
    "agency": Said("หน่วยงาน", "agency"),
    "series": Said("ทะเบียน", "book"),
    "year": Said("ปีของทะเบียน", "year of the book"),
    "number": Said("เลขลำดับ", "number"),
    "register_number": Said("เลขทะเบียนรับ", "register number"),
    "received_at": Said("เวลาที่เข้าสู่ระบบ", "time of receipt"),
    "bound_ms": Said("ความคลาดเคลื่อนของนาฬิกา", "bound of the clock"),
    "within_bound": Said("นาฬิกาอยู่ในเกณฑ์", "clock within its bound"),
    "deemed_at": Said("วันเวลาที่ถือว่ารับ", "time at which it counts as received"),
    "calendar": Said("ปฏิทิน", "calendar"),
    "mail": Said("รหัสหนังสือ", "id of the letter"),
    "position": Said("ตำแหน่งที่เก็บหนังสือ", "place of the letter"),
    "sha256": Said("ค่าแฮชของหนังสือ", "SHA-256 of the letter"),
    "size": Said("ขนาดของหนังสือ", "size of the letter"),
    "body_sha256": Said("ค่าแฮชของเนื้อความ", "SHA-256 of the body"),
    "text_sha256": Said("ค่าแฮชของข้อความ", "SHA-256 of the text"),
    "files": Said("ไฟล์แนบ", "attachments"),
    "message_id": Said("Message-ID", "Message-ID"),
    "subject": Said("เรื่อง", "subject"),
    "letter_number": Said("เลขที่หนังสือ", "letter number"),
    "letter_date": Said("ลงวันที่", "letter date"),
    "remarks": Said("หมายเหตุ", "remarks"),
    "rules": Said("กฎที่ใช้", "rules"),
    "link": Said("ค่าเชื่อมโยงของรายการ", "link of the row"),
    "issued_at": Said("เวลาที่ออกใบรับฉบับสมบูรณ์", "time the final receipt was issued"),
}
