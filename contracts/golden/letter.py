"""The letter of the examples: its octets, its arrival, and what the other examples need to know of it."""

import base64
import hashlib
from typing import Any, TypeVar

import msgspec

from contracts.event import Event
from contracts.mail import MailAttempted, MailReceived
from contracts.values import mail_id, sha256_hex

E = TypeVar("E", bound=Event)

AGENCY = "demo"
AGENCY_NAME = "เทศบาลตำบลตัวอย่าง"
SUBJECT = "ที่ นร ๑๒๐๐/ว๕๖ แนวปฏิบัติที่ดีตามพระราชบัญญัติการปฏิบัติราชการทางอิเล็กทรอนิกส์ พ.ศ. ๒๕๖๕"
AUTHOR = "สำนักงาน ก.พ.ร. <saraban@opdc.go.th>"
MESSAGE_ID = "<20260513030405.56@opdc.go.th>"
RECEIVED_AT = "2026-05-13T03:04:07.250113Z"
PLACE = {"stream": "MAIL_2569", "sequence": 41207, "parts": 0}


def made(kind: type[E], /, **fields: Any) -> E:
    """An event out of plain values, as strictly as from the wire."""
    return msgspec.convert({"type": str(kind.__struct_config__.tag), "agency": AGENCY, **fields}, kind, strict=True)


def identity(name: str) -> str:
    """What is random in life (an order's id, a salt): hex digits that stay the same."""
    return hashlib.sha256(name.encode()).hexdigest()


def _word(text: str) -> str:
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


TEXT = (
    "เรียน หัวหน้าส่วนราชการ\r\n\r\nสำนักงาน ก.พ.ร. ขอแจ้งแนวปฏิบัติที่ดีในการใช้ไปรษณีย์อิเล็กทรอนิกส์ "
    "รายละเอียดตามสิ่งที่ส่งมาด้วย\r\n\r\nจึงเรียนมาเพื่อโปรดพิจารณา\r\n"
)
ENCLOSURE_NAME = "สิ่งที่ส่งมาด้วย.txt"
ENCLOSURE = "ตรวจสอบหนังสือที่ได้รับ ไม่น้อยกว่าวันละสองครั้งในเวลาราชการ\r\n".encode()

_BODY = "\r\n".join(
    [
        "--=_56",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(TEXT.encode()).decode().strip().replace("\n", "\r\n"),
        "--=_56",
        'Content-Type: text/plain; charset="utf-8"',
        f"Content-Disposition: attachment; filename*=utf-8''{''.join(f'%{o:02X}' for o in ENCLOSURE_NAME.encode())}",
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(ENCLOSURE).decode().strip().replace("\n", "\r\n"),
        "--=_56--",
        "",
    ]
).encode()
_HEAD = "\r\n".join(
    [
        "Received: from mail.opdc.go.th by mx.example.go.th with ESMTPS; Wed, 13 May 2026 10:04:07 +0700",
        f"From: {_word('สำนักงาน ก.พ.ร.')} <saraban@opdc.go.th>",
        "To: saraban@demo.localhost",
        f"Subject: {_word(SUBJECT)}",
        "Date: Wed, 13 May 2026 10:04:05 +0700",
        f"Message-ID: {MESSAGE_ID}",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="=_56"',
        "",
        "",
    ]
).encode()

LETTER = _HEAD + _BODY
"""The octets as stored."""
# Every line of this body ends without blanks and the body without empty lines: DKIM's relaxed form is the body itself.
BODY_SHA256 = sha256_hex(_BODY)

MAIL = mail_id(hashlib.sha256(b"the letter of the examples").digest())
OTHER_MAILS = tuple(mail_id(hashlib.sha256(b"letter %d of the examples" % n).digest()) for n in (2, 3))

RECEIVED = made(
    MailReceived,
    mail=MAIL,
    sha256=sha256_hex(LETTER),
    size=len(LETTER),
    received_at=RECEIVED_AT,
    bound_ms=4.125,
    within_bound=True,
    source="ntp 203.185.69.60 203.185.69.59 122.154.1.18",
    stratum=1,
    peer={"address": "203.154.91.10", "helo": "mail.opdc.go.th", "tls": "TLSv1.3", "trusted": False},
    protocol="ESMTPS",
    sender="saraban@opdc.go.th",
    recipients=[{"address": "saraban@demo.localhost", "notify": "FAILURE,DELAY"}],
    ret="HDRS",
    envid="QQ314159",
    eight_bit=True,
    lines={
        "message_id": MESSAGE_ID,
        "from_": f"{_word('สำนักงาน ก.พ.ร.')} <saraban@opdc.go.th>",
        "date": "Wed, 13 May 2026 10:04:05 +0700",
        "subject": _word(SUBJECT),
        "content_type": 'multipart/mixed; boundary="=_56"',
    },
    labels=[],
    cut=[],
)
ATTEMPTED = made(
    MailAttempted,
    id=identity("attempt")[:32],
    attempted_at="2026-05-12T09:29:58.004211Z",
    bound_ms=4.101,
    within_bound=True,
    peer={"address": "203.154.91.10", "helo": "mail.opdc.go.th", "tls": "TLSv1.3"},
    sender="saraban@opdc.go.th",
    recipients=["saraban@demo.localhost"],
    stage="data",
    code=451,
    reply="451 4.3.0 Try again later",
    size=18204,
)
ARRIVAL: tuple[Event, ...] = (RECEIVED, ATTEMPTED)
