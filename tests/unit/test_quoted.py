"""Mails inside mails: what is sent on is the letter, what is answered is not."""

import pytest

from contracts.findings import Particulars
from services.sign import particulars, sent_on
from services.sign.examine import examine_mail
from services.sign.quoted import split
from services.sign.trust import TrustStore
from tests.letters import letter_mail, letter_pdf, letter_text

LETTER = letter_text("opdc-w56")
BLOCKS = {
    "gmail": "---------- Forwarded message ---------\nFrom: A <a@b.th>\nDate: Mon, 1 Dec 2025\n"
    "Subject: {subject}\nTo: <c@d.th>\n\n{text}",
    "outlook": "\nFrom: A <a@b.th>\nSent: Monday, December 1, 2025 9:00 AM\nTo: C\nSubject: {subject}\n\n{text}",
    "thai": "-----ข้อความเดิม-----\nจาก: ก <a@b.th>\nวันที่: จ. 1 ธ.ค. 2568\nเรื่อง: {subject}\nถึง: ข\n\n{text}",
}


@pytest.mark.parametrize("style", BLOCKS)
def test_a_letter_that_is_sent_on_in_a_text_is_read(style: str) -> None:
    body = "เรียน เจ้าหน้าที่\nเพื่อโปรดทราบ\nโทร. ๐ ๒๑๑๑ ๒๒๒๒\n\n" + BLOCKS[style].format(subject="หนังสือ", text=LETTER)
    found, _ = particulars.read("Fwd: หนังสือ", body, [])
    assert found.letter_number
    assert found.addressee
    assert (found.letter_number.value, found.letter_number.source) == ("นร ๑๒๐๐/ว๕๖", "body")
    assert found.addressee.value.startswith("หัวหน้าส่วนราชการ")


@pytest.mark.parametrize("style", BLOCKS)
def test_the_letter_that_is_answered_is_no_source(style: str) -> None:
    body = "เรียน สำนักงาน\nได้รับแล้ว\n\n" + BLOCKS[style].format(subject="ที่ นร 1200/ว56", text=LETTER)
    found, _ = particulars.read("RE: ที่ นร 1200/ว56 แนวปฏิบัติ", body, [])
    assert found.letter_number is found.letter_date is found.issuer is found.addressee is found.signer is None
    assert [item.number for item in found.references] == ["นร 1200/ว56"]
    assert found.emails == ()


def test_the_subject_line_of_the_mail_that_was_sent_on_is_the_last_word() -> None:
    body = BLOCKS["gmail"].format(subject="ด่วนที่สุด ที่ นร 1200/ว75 ลว. 23 ธ.ค. 68 เรื่อง ก", text="ตามแนบ")
    found, _ = particulars.read("ส่งต่อหนังสือ", body, [])
    assert found.letter_number
    assert found.letter_date
    assert (found.letter_number.value, found.letter_number.source) == ("นร 1200/ว75", "body")
    assert found.letter_date.value == "2025-12-23"
    typed, _ = particulars.read("ที่ มท 0808/ว 1 เรื่อง ข", body, [])
    assert typed.letter_number
    assert typed.letter_number.value == "มท 0808/ว 1"


def test_a_text_without_others_is_the_senders_own() -> None:
    text = "เรียน ผู้อำนวยการ\nFrom: here on nothing is quoted\nเรื่อง: นี้"
    assert split(text) == (text, [])


def examined(mail: bytes) -> Particulars:
    return examine_mail(mail, trust=TrustStore(), now_ns=1_780_000_000_000_000_000, software="test").particulars


def attached(inner: bytes, subject: str) -> bytes:
    mark = f"x{len(inner)}"
    return (
        f"From: a@b.th\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/mixed; boundary={mark}\r\n\r\n"
        f"--{mark}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nโปรดทราบ\r\n"
        f"--{mark}\r\nContent-Type: message/rfc822\r\n\r\n"
    ).encode() + (inner + f"\r\n--{mark}--\r\n".encode())


def test_a_mail_attached_to_a_mail_is_the_letter_with_its_file() -> None:
    inner = letter_mail(letter_pdf(LETTER), "a@opdc.go.th", "c@d.th", "หนังสือ")
    for mail in (attached(inner, "FW: letter"), attached(attached(inner, "FW: letter"), "FW: FW: letter")):
        found = examined(mail)
        assert found.letter_number
        assert found.signer
        assert (found.letter_number.value, found.letter_number.source) == ("นร ๑๒๐๐/ว๕๖", "pdf")
        assert found.signer.value == "นายณัฐฐา พาชัยยุทธ"
    assert examined(attached(inner, "RE: letter")).letter_number is None


def test_mails_in_mails_are_bounded() -> None:
    mail = letter_mail(None, "a@b.th", "c@d.th", "x")
    for _ in range(20):
        mail = attached(mail, "y")
    from services.sign import message

    taken = sent_on.read(message.read(mail).parts)
    assert len(taken.mails) == sent_on.DEPTH
