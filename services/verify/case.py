"""How a check can come out: its sentence in both languages, what follows, and by what it is known."""

from typing import Final

from msgspec import Struct

from services.verify.report import Said, Status

SEAL: Final = Said("ลายเซ็นของตราประทับ", "the seal's signature")
TRUST: Final = Said("ใบรับรองที่ท่านระบุด้วย --trust", "the certificates given with --trust")
CERTIFICATE: Final = Said("ใบรับรองของตราประทับ", "the seal's certificate")
TEXT: Final = Said("ข้อความบนหน้ากระดาษ", "the text on the page")
ROW: Final = Said("รายการในทะเบียนที่อยู่ในใบรับ", "the register's row in the receipt")
LINK: Final = Said("ค่าเชื่อมโยง SHA-256 ของทะเบียน", "the book's SHA-256 link")
CALENDAR: Final = Said("การคำนวณซ้ำด้วยปฏิทินรุ่นเดียวกัน", "computing it again with the same calendar")
HEAD: Final = Said("ลายเซ็นบนหัวทะเบียน", "the signature on the book's head")
TOKEN: Final = Said("ตราประทับเวลา RFC 3161", "the RFC 3161 time-stamp")
OCTETS: Final = Said("ค่าแฮช SHA-256 ของหนังสือทั้งฉบับ", "the SHA-256 of the whole letter")
IDENTITY: Final = Said("รหัสหนังสือในรายการทะเบียน", "the letter's id in the row")
MESSAGE_ID: Final = Said("Message-ID ในใบรับ", "the Message-ID in the receipt")
BODY: Final = Said("ค่าแฮช SHA-256 ของเนื้อความ (DKIM relaxed)", "the SHA-256 of the body (DKIM relaxed)")
DECODED: Final = Said("ค่าแฮช SHA-256 ของข้อความที่ถอดรหัสแล้ว", "the SHA-256 of the decoded text")
FILES: Final = Said("ค่าแฮช SHA-256 ของไฟล์แนบที่ถอดรหัสแล้ว", "the SHA-256 of each decoded attachment")
BOTH: Final = Said("ใบรับทั้งสองฉบับ", "both receipts")


class Case(Struct, frozen=True):
    """How a check can come out."""

    status: Status
    thai: str
    english: str
    by: Said | None = None
    needed: bool = True


def proven(thai: str, english: str, by: Said) -> Case:
    """It is so, by what is named."""
    return Case("proven", thai, english, by)


def contradicted(thai: str, english: str, by: Said) -> Case:
    """It is not so, by what is named."""
    return Case("contradicted", thai, english, by)


def missing(thai: str, english: str) -> Case:
    """Without it nothing is proven."""
    return Case("not known", thai, english)


def left_open(thai: str, english: str) -> Case:
    """The receipt is proven without it."""
    return Case("not known", thai, english, needed=False)
