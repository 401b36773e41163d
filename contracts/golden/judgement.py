"""What `sign` made of the letter of the examples: findings, receipt, the book's signed head."""

import base64

from contracts import codec
from contracts.event import Event
from contracts.findings import CheckpointSealed, LetterExamined, ReceiptSealed
from contracts.golden.book import BOOK_ROWS, CALENDAR, DEEMED_AT, LINK, RULES, WHICH
from contracts.golden.letter import (
    AGENCY,
    AGENCY_NAME,
    BODY_SHA256,
    ENCLOSURE,
    ENCLOSURE_NAME,
    LETTER,
    MAIL,
    MESSAGE_ID,
    PLACE,
    RECEIVED,
    RECEIVED_AT,
    SUBJECT,
    made,
)
from contracts.values import sha256_hex

SOFTWARE = "saraban 0.1.0"
ISSUED_AT = "2026-05-13T03:04:08.902417Z"


def _blob(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _read(value: str, source: str = "subject", confidence: float = 1.0) -> dict[str, object]:
    return {"value": value, "source": source, "confidence": confidence}


EXAMINED = made(
    LetterExamined,
    **WHICH,
    mail=MAIL,
    position=PLACE,
    number=8432,
    findings={
        "particulars": {
            "letter_number": _read("นร ๑๒๐๐/ว๕๖"),
            "letter_number_ascii": _read("นร 1200/ว 56"),
            "letter_date": _read("2024-11-15", "pdf", 0.95),
            "issuer": _read("สำนักงาน ก.พ.ร.", "pdf", 0.9),
            "subject": _read("แนวปฏิบัติที่ดีตามพระราชบัญญัติการปฏิบัติราชการทางอิเล็กทรอนิกส์ พ.ศ. ๒๕๖๕"),
            "addressee": _read("หัวหน้าส่วนราชการ", "body", 0.9),
            "references": [
                {
                    "number": "นร ๑๒๐๐/ว ๒๐",
                    "date": "2023-05-09",
                    "text": "หนังสือสำนักงาน ก.พ.ร. ที่ นร ๑๒๐๐/ว ๒๐ ลงวันที่ ๙ พฤษภาคม ๒๕๖๖",
                    "source": "pdf",
                    "confidence": 0.9,
                }
            ],
            "enclosures": [_read("แนวปฏิบัติที่ดีในการใช้ไปรษณีย์อิเล็กทรอนิกส์", "pdf", 0.9)],
            "signer": _read("นายสมชาย ใจดี", "pdf", 0.95),
            "signer_position": _read("ที่ปรึกษาการพัฒนาระบบราชการ ปฏิบัติราชการแทน เลขาธิการ ก.พ.ร.", "pdf", 0.9),
            "telephones": [_read("๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐", "pdf", 0.9)],
            "emails": [_read("saraban@opdc.go.th", "pdf")],
            "acknowledgement": _read("electronic", "pdf", 0.9),
        },
        "signatures": [
            {
                "kind": "pdf",
                "part": "หนังสือ.pdf",
                "field": "Signature1",
                "indication": "INDETERMINATE",
                "sub_indication": "NO_CERTIFICATE_CHAIN_FOUND",
                "signer": "CN=Somchai Jaidee,O=OPDC,C=TH",
                "issuer": "CN=Some Certification Authority,C=TH",
                "signed_at": "2026-05-13T02:55:00.000000Z",
                "time_source": "claimed",
                "coverage": "whole",
                "trust_store": "empty",
                "explanation": "ยังตรวจไม่ได้ว่าผู้ลงนามเป็นผู้ใด เพราะยังไม่ได้กำหนดรายชื่อผู้ให้บริการออกใบรับรองที่เชื่อถือ",
            }
        ],
        "authentication": {
            "spf": "pass",
            "spf_domain": "opdc.go.th",
            "dkim": "pass",
            "dkim_domains": ["opdc.go.th"],
            "dmarc": "pass",
            "arc": "none",
        },
        "attachments": [
            {
                "name": ENCLOSURE_NAME,
                "media_type": "text/plain",
                "size": len(ENCLOSURE),
                "sha256": sha256_hex(ENCLOSURE),
                "encrypted": False,
            }
        ],
        "body_sha256": BODY_SHA256,
        "warnings": [
            {
                "code": "trust_store_empty",
                "thai": "ยังไม่ได้กำหนดรายชื่อผู้ให้บริการออกใบรับรองที่เชื่อถือ",
                "english": "No trust anchors are configured.",
            }
        ],
        "judged_at": ISSUED_AT,
        "software": SOFTWARE,
    },
)

_STATED = {"known": "text"}
SEALED = made(
    ReceiptSealed,
    mail=MAIL,
    position=PLACE,
    receipt={
        "form": "saraban.receipt.v1",
        "kind": "final",
        "letter_number": {**_STATED, "value": "นร ๑๒๐๐/ว๕๖"},
        "letter_date": {**_STATED, "value": "2024-11-15"},
        **WHICH,
        "number": 8432,
        "register_number": "ทต ร/๒๕๖๙/๘๔๓๒",
        "clock": {
            "received_at": RECEIVED_AT,
            "bound_ms": RECEIVED.bound_ms,
            "within_bound": True,
            "source": RECEIVED.source,
            "stratum": RECEIVED.stratum,
            "words": "คลาดเคลื่อนไม่เกิน ๔.๑๒๕ มิลลิวินาที จากแหล่งเวลา ntp 203.185.69.60 203.185.69.59 122.154.1.18",
        },
        "deemed": {
            "at": DEEMED_AT,
            "calendar": CALENDAR,
            "words": "ตามเวลาทำการและปฏิทินรุ่นที่ระบุ คำนวณเป็นวันเวลารับ ๑๔ พฤษภาคม ๒๕๖๙ เวลา ๐๘.๓๐ น.",
        },
        "receiver": {
            "name": {**_STATED, "value": "นางสาวสมหญิง ใจดี"},
            "position": {**_STATED, "value": "เจ้าพนักงานธุรการชำนาญงาน"},
            "telephone": {"known": "unknown", "reason": "ทะเบียนเจ้าหน้าที่ไม่มีหมายเลขโทรศัพท์"},
            "label": "เจ้าหน้าที่ผู้รับผิดชอบ",
            "issued": "ออกโดยระบบอัตโนมัติ",
        },
        "agency": AGENCY,
        "agency_name": AGENCY_NAME,
        "mail": MAIL,
        "position": PLACE,
        "message_id": {**_STATED, "value": MESSAGE_ID},
        "subject": {**_STATED, "value": SUBJECT},
        "sha256": RECEIVED.sha256,
        "size": len(LETTER),
        "body_sha256": {**_STATED, "value": BODY_SHA256},
        "files": [{"name": ENCLOSURE_NAME, "size": len(ENCLOSURE), "sha256": sha256_hex(ENCLOSURE)}],
        "signatures": {"known": "unknown", "reason": "ยังไม่ได้กำหนดรายชื่อผู้ให้บริการออกใบรับรองที่เชื่อถือ"},
        "remarks": [],
        "statements": [
            "ระบบได้รับข้อมูลซึ่งมีค่าแฮชตามที่ระบุ และลงทะเบียนรับโดยอัตโนมัติ",
            "มิใช่การรับพิจารณาหรือเห็นชอบ",
        ],
        "proof": {
            "row": base64.b64encode(codec.encode(BOOK_ROWS[1])).decode(),
            "link": LINK,
            "head": {"known": "unknown", "reason": "no head of the book was signed before this row"},
            "between": [],
        },
        "seal": {
            "kind": "test",
            "by": {**_STATED, "value": "saraban test authority"},
            "on_behalf_of": {**_STATED, "value": AGENCY_NAME},
        },
        "rules": RULES,
        "software": SOFTWARE,
        "issued_at": ISSUED_AT,
    },
    pdf=_blob("%PDF-1.7\n% the sealed receipt: PDF/A-3 with the JSON above embedded\n"),
)
CHECKPOINT = made(
    CheckpointSealed,
    **WHICH,
    sequence=90213,
    length=2,
    link=LINK,
    signed_at="2026-05-13T03:05:00.000000Z",
    signature=_blob("CMS SignedData"),
    token=_blob("RFC 3161 TimeStampToken"),
)
JUDGEMENT: tuple[Event, ...] = (EXAMINED, SEALED, CHECKPOINT)
