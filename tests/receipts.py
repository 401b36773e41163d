"""A row, its letter's event, findings and the receipt of all three, each field of them changeable."""

from typing import Any

from contracts import chain, codec
from contracts.directory import Agency, Duty, Officer
from contracts.event import Position, Reached
from contracts.findings import Attachment, Findings, Particular, Particulars, SignatureVerdict
from contracts.mail import HeaderLines, MailReceived
from contracts.receipt import Receipt, Seal, Text, Unknown
from contracts.register import LetterEntered
from services.sign import receipt
from tests import books

MAIL = "a" * 52
BOOK = "register.v1.entered.demo.received.2569"
AGENCY_NAME = "สำนักงานพัฒนารัฐบาลดิจิทัล (องค์การมหาชน)"
NUMBER = "สพร ร/๒๕๖๙/๑๕๗๗"
LETTER_NUMBER = "นร ๑๒๐๐/ว๕๖"
SUBJECT = "แนวปฏิบัติที่ดีตามพระราชบัญญัติการปฏิบัติราชการทางอิเล็กทรอนิกส์ พ.ศ. ๒๕๖๕"
FILE = "หนังสือสำนักงาน ก.พ.ร.pdf"


def agency(**changes: Any) -> Agency:
    """An agency with an officer for working days and one for the weekend."""
    values: dict[str, Any] = {
        "name": AGENCY_NAME,
        "officers": (
            Officer(
                id="week",
                name="นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล",
                position="เจ้าพนักงานธุรการชำนาญงาน",
                telephone="0 2612 6000 ต่อ 4811",
            ),
            Officer(id="weekend", name="นายผู้อยู่เวร ปิ่นแก้ว", position="นิติกร"),
        ),
        "roster": (Duty(officer="week", weekdays=(0, 1, 2, 3, 4)), Duty(officer="weekend", weekdays=(5, 6))),
    }
    return books.agency("demo", **(values | changes))


def row(**changes: Any) -> LetterEntered:
    """The row of a letter that came on a Friday after hours."""
    values: dict[str, Any] = {
        "agency": "demo",
        "series": "received",
        "year": 2569,
        "previous": chain.first_link(BOOK),
        "reached": Reached(mail=Position(stream="MAIL_2569", sequence=7)),
        "number": 1577,
        "number_text": NUMBER,
        "mail": MAIL,
        "sha256": "ab" * 32,
        "size": 123_456,
        "received_at": "2026-05-29T09:31:07.123456Z",
        "bound_ms": 4.213,
        "within_bound": True,
        "deemed_at": "2026-06-02T08:30:00+07:00",
        "calendar": "c3" * 32,
        "rules": "series.1 deemed.1",
        "record": "0" * 64,
        "position": Position(stream="MAIL_2569", sequence=7),
    }
    return LetterEntered(**(values | changes))


def received(**changes: Any) -> MailReceived:
    """Its event in MAIL."""
    values: dict[str, Any] = {
        "mail": MAIL,
        "sha256": "ab" * 32,
        "size": 123_456,
        "received_at": "2026-05-29T09:31:07.123456Z",
        "bound_ms": 4.213,
        "source": "kernel, time1.nimt.or.th",
        "lines": HeaderLines(message_id="<1@opdc.go.th>", subject="=?utf-8?b?4LiX4LiU4Liq4Lit4Lia?="),
    }
    return books.received("demo", **(values | changes))


def particular(value: str, confidence: float = 1.0) -> Particular:
    """One that was read in the subject line."""
    return Particular(value=value, source="subject", confidence=confidence)


def verdict(**changes: Any) -> SignatureVerdict:
    """A PDF signature whose chain nobody knows."""
    values: dict[str, Any] = {
        "kind": "pdf",
        "part": FILE,
        "field": "Signature1",
        "indication": "INDETERMINATE",
        "sub_indication": "NO_CERTIFICATE_CHAIN_FOUND",
        "signer": "CN=นายณัฐฐา พาชัยยุทธ, C=TH",
        "issuer": "CN=CA",
        "signed_at": None,
        "time_source": "claimed",
        "coverage": "whole",
        "trust_store": "sha256:0123456789abcdef",
        "explanation": "-",
    }
    return SignatureVerdict(**(values | changes))


def attachment(name: str = FILE, number: int = 1) -> Attachment:
    """A file of the letter."""
    return Attachment(name=name, media_type="application/pdf", size=1_234_567, sha256=f"{number:064x}", encrypted=False)


def findings(**changes: Any) -> Findings:
    """What was found in it."""
    values: dict[str, Any] = {
        "particulars": Particulars(
            letter_number=particular(LETTER_NUMBER), letter_date=particular("2024-11-15"), subject=particular(SUBJECT)
        ),
        "attachments": (attachment(),),
        "signatures": (verdict(),),
        "body_sha256": "cd" * 32,
        "judged_at": "2026-05-29T09:31:09.000000Z",
        "software": "saraban test",
    }
    return Findings(**(values | changes))


def seal(kind: str = "test") -> Seal:
    """How a receipt names its seal."""
    by = "ผู้ให้บริการทดสอบ" if kind == "test" else "บริษัท ผู้ให้บริการ จำกัด"
    return Seal(kind=kind, by=Text(value=by), on_behalf_of=Text(value=AGENCY_NAME))  # type: ignore[arg-type]  # as given


def made(entered: LetterEntered | None = None, **changes: Any) -> Receipt:
    """The receipt; `changes` are the keyword arguments of `receipt.build`."""
    entered = entered or row()
    values: dict[str, Any] = {
        "received": received(),
        "findings": findings(),
        "agency": agency(),
        "seal": seal(),
        "software": "saraban test",
        "issued_at": "2026-05-29T09:31:10.000000Z",
        "head": Unknown(reason="no head of the book was signed before this row"),
    }
    return receipt.build(entered, codec.encode(entered), **(values | changes))
