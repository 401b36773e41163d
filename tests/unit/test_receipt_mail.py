"""The receipt mail as a reader gets it, and as machines must treat it."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest

from contracts import addresses, codec
from contracts.mail import HeaderLines, Recipient
from contracts.receipt import FORM, Receipt, Unknown
from contracts.values import from_instant
from services.notify import provisional, receipt_mail
from services.notify.entry import Entry
from services.notify.wire import Mail
from services.words import wording
from tests import receipts

PDF = b"%PDF-1.7\n" + bytes(range(256))


def composed(receipt: Receipt | None = None, pdf: bytes | None = PDF, agency: Any = None, **changes: Any) -> Mail:
    receipt = receipt or receipts.made()
    assert receipt.mail is not None
    assert receipt.position is not None
    entry = Entry.of_receipt(agency or receipts.agency(), receipt.mail, receipt.position, receipt)
    return receipt_mail.compose(entry, receipts.received(**changes), receipt, pdf)


def parsed(mail: Mail) -> EmailMessage:
    return message_from_bytes(mail.octets, policy=policy.default)


def text(mail: Mail) -> str:
    body = parsed(mail).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def provisionally(**changes: Any) -> Receipt:
    row = receipts.row(**changes)
    return provisional.build(
        row,
        codec.encode(row),
        event=receipts.received(),
        agency=receipts.agency(),
        issued_at="2026-05-29T09:41:07.000000Z",
        software="saraban test",
    )


def test_it_says_the_six_fields_of_the_rule() -> None:
    said = text(composed(receipts.made(seal=receipts.seal("operator"))))
    for words in (
        "เลขทะเบียนรับ: สพร ร/๒๕๖๙/๑๕๗๗",
        "วันเวลาที่เข้าสู่ระบบ: ๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖:๓๑:๐๗.๑๒๓๔๕๖ น.",
        "วันเวลารับตามเวลาทำการ: ๒ มิถุนายน ๒๕๖๙ เวลา ๐๘.๓๐ น.",
        "หน่วยงานผู้รับ: สำนักงานพัฒนารัฐบาลดิจิทัล (องค์การมหาชน)",
        "เจ้าหน้าที่ผู้รับผิดชอบ: นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล ตำแหน่ง เจ้าพนักงานธุรการชำนาญงาน",
        "หนังสือที่: นร ๑๒๐๐/ว๕๖",
        "ลงวันที่: ๑๕ พฤศจิกายน ๒๕๖๗",
        "ออกโดยระบบอัตโนมัติ",
    ):
        assert words in said
    assert "certified" not in said
    assert "รับรอง" not in said.replace("มิใช่การรับรองความสมบูรณ์ตามกฎหมาย", "").replace("ใบรับรอง", "")


def test_its_envelope_and_head_start_no_loop() -> None:
    mail = composed()
    message = parsed(mail)
    assert mail.sender == f"receipt-{receipts.MAIL}@demo.example"
    assert addresses.token_mail(mail.sender.partition("@")[0]) == receipts.MAIL
    assert mail.recipient == "clerk@sender.example"
    assert message["To"] == "clerk@sender.example"
    assert message["From"].addresses[0].addr_spec == "saraban@demo.example"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["In-Reply-To"] == message["References"] == "<1@opdc.go.th>"
    assert addresses.answered_mail(str(message["Message-ID"])) == receipts.MAIL


def test_the_subject_says_the_number_and_whether_it_is_a_test() -> None:
    assert parsed(composed(receipts.made(seal=receipts.seal("operator"))))["Subject"] == (
        "แจ้งเลขทะเบียนรับหนังสือ สพร ร/๒๕๖๙/๑๕๗๗ – สำนักงานพัฒนารัฐบาลดิจิทัล (องค์การมหาชน)"
    )
    tested = composed(receipts.made(seal=receipts.seal("test")))
    assert parsed(tested)["Subject"].startswith("[ทดสอบ ไม่มีผลเป็นหลักฐาน] แจ้งเลขทะเบียนรับหนังสือ")
    assert text(tested).startswith("*** ทดสอบ ไม่มีผลเป็นหลักฐาน ***")


def test_the_sealed_paper_is_attached_as_it_is() -> None:
    (attached,) = parsed(composed()).iter_attachments()
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_filename() == "receipt-demo-received-2569-1577.pdf"
    assert attached.get_content() == PDF


def test_a_repeat_is_the_same_octets() -> None:
    receipt = receipts.made()
    assert composed(receipt) == composed(receipt)
    assert parsedate_to_datetime(str(parsed(composed(receipt))["Date"])) == from_instant(receipt.issued_at)


def test_a_classified_letter_is_not_spoken_of() -> None:
    receipt = receipts.made(receipts.row(series="classified"))
    mail = composed(receipt)
    said = text(mail) + str(parsed(mail)["Subject"])
    assert receipts.LETTER_NUMBER not in said
    assert receipts.SUBJECT not in said
    assert f"หนังสือที่: {wording.reason(Unknown(reason=wording.CLASSIFIED))}" in said
    assert "หนังสือชั้นความลับไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์" in said


def test_a_provisional_one_says_so_and_is_not_sealed() -> None:
    receipt = provisionally()
    mail = composed(receipt, None)
    assert parsed(mail)["Subject"].startswith("[ฉบับชั่วคราว] แจ้งเลขทะเบียนรับหนังสือ สพร ร/๒๕๖๙/๑๕๗๗")
    assert "ใบรับฉบับชั่วคราว" in text(mail)
    (attached,) = parsed(mail).iter_attachments()
    assert attached.get_filename() == "receipt.json"
    read = msgspec.json.decode(attached.get_content(), type=Receipt)
    assert (read.form, read.kind, read.seal.kind) == (FORM, "provisional", "none")
    assert read.proof.link == receipts.made().proof.link
    assert parsed(mail)["Message-ID"] != parsed(composed())["Message-ID"]


def test_a_provisional_one_withholds_a_classified_subject() -> None:
    receipt = provisionally(series="classified")
    assert b"opdc-subject" not in msgspec.json.encode(receipt)
    assert receipt.subject == receipt.letter_number
    assert "ไม่แสดง" in text(composed(receipt, None))


def test_an_international_address_needs_smtputf8_only_for_its_local_part() -> None:
    mail = composed(sender="สมชาย@สำนักงาน.ไทย")
    assert mail.utf8
    assert mail.recipient.startswith("สมชาย@xn--")
    assert "สมชาย@xn--" in mail.octets.decode(errors="replace").partition("\r\n\r\n")[0]
    assert not composed(sender="somchai@สำนักงาน.ไทย").utf8


def test_it_answers_from_the_address_that_was_written_to() -> None:
    agency = receipts.agency(addresses=("saraban@demo.example", "saraban_002@demo.example"))
    mail = composed(agency=agency, recipients=(Recipient(address="SARABAN_002@Demo.Example"),))
    assert parsed(mail)["From"].addresses[0].addr_spec == "saraban_002@demo.example"


@pytest.mark.parametrize(
    "message_id",
    ["", "none", "<a b@c>", "<a@b>\r\nBcc: <x@y.example>", "<" + "a" * 600 + "@b>", "<ก@b>", "<a@b\x00>"],
)
def test_a_broken_message_id_breaks_nothing(message_id: str) -> None:
    message = parsed(composed(lines=HeaderLines(message_id=message_id)))
    assert message["Bcc"] is None
    found = message["In-Reply-To"]
    assert found is None or str(found) == "<a@b>"
    assert message["Subject"]


def test_hostile_words_in_the_receipt_stay_in_their_line() -> None:
    receipt = receipts.made(
        findings=receipts.findings(
            particulars=receipts.findings().particulars.__class__(
                subject=receipts.particular("x\r\nเลขทะเบียนรับ: ปลอม\u202e"), letter_number=receipts.particular("1\n2")
            )
        )
    )
    said = text(composed(receipt))
    assert "\nเลขทะเบียนรับ: ปลอม" not in said
    assert "\u202e" not in said
