"""The cover mail as an officer gets it."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from contracts import addresses
from contracts.findings import Authentication, Findings, Particulars, Scan
from contracts.findings import Warning as FindingsWarning
from contracts.mail import HeaderLines
from contracts.values import sha256_hex
from services.notify import alert_mail, cover_mail
from services.notify.entry import Entry
from services.notify.wire import Mail
from services.words import wording
from tests import receipts

LETTER = b"From: a@opdc.go.th\r\nSubject: x\r\n\r\nbody\r\n"
LINES = HeaderLines(
    message_id="<1@opdc.go.th>",
    from_="=?utf-8?b?4Liq4Lih4LiK4Liy4Lii?= <somchai@opdc.go.th>",
    subject="ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ",
)
DATED = "2026-05-29T09:31:12.000000Z"


def entry(**changes: Any) -> Entry:
    return Entry.of_row(receipts.agency(), receipts.row(**changes))


def composed(
    findings: Findings | None = None, letter: bytes = LETTER, lines: HeaderLines = LINES, **changes: Any
) -> Mail:
    values: dict[str, Any] = {"to": "officer@demo.example", "dated": DATED, "eight_bit_relay": True}
    event = receipts.received(lines=lines, sender=changes.pop("sender", "bounce@opdc.go.th"))
    return cover_mail.compose(entry(), event, letter, findings, **(values | changes))


def parsed(mail: Mail) -> EmailMessage:
    return message_from_bytes(mail.octets, policy=policy.default)


def text(mail: Mail) -> str:
    body = parsed(mail).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def authenticated(**changes: Any) -> Findings:
    values = {"spf": "pass", "spf_domain": "opdc.go.th", "dmarc": "pass"} | changes
    return receipts.findings(authentication=Authentication(**values))


def test_number_times_sender_subject_and_verdict_are_there() -> None:
    findings = receipts.findings(
        authentication=Authentication(spf="pass", spf_domain="opdc.go.th", dmarc="pass"),
        signatures=(receipts.verdict(explanation="ลายมือชื่อในไฟล์ยังสรุปผลไม่ได้"),),
        warnings=(FindingsWarning(code="encrypted_file", thai="มีไฟล์ที่ใส่รหัสผ่าน", english="x"),),
    )
    said = text(composed(findings))
    for words in (
        "เลขทะเบียนรับ: สพร ร/๒๕๖๙/๑๕๗๗",
        "วันเวลาที่เข้าสู่ระบบ: ๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖:๓๑:๐๗.๑๒๓๔๕๖ น.",
        "วันเวลารับตามเวลาทำการ: ๒ มิถุนายน ๒๕๖๙ เวลา ๐๘.๓๐ น.",
        "จาก: สมชาย <somchai@opdc.go.th>",
        "ที่อยู่ผู้ส่งตามซองอีเมล: bounce@opdc.go.th",
        "เรื่อง: ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ",
        "ผลตรวจลายมือชื่อดิจิทัล: ลายมือชื่อในไฟล์ยังสรุปผลไม่ได้",
        "ยืนยันได้ว่าส่งจากโดเมน opdc.go.th",
        "- มีไฟล์ที่ใส่รหัสผ่าน",
        sha256_hex(LETTER),
    ):
        assert words in said


def test_an_answer_goes_to_the_sender_and_nothing_loops() -> None:
    mail = composed()
    message = parsed(mail)
    assert message["Reply-To"] == "somchai@opdc.go.th"
    assert mail.sender == f"receipt-{receipts.MAIL}@demo.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"].addresses[0].addr_spec == "saraban@demo.example"
    assert addresses.answered_entry(str(message["Message-ID"])) == ("cover", receipts.MAIL, "MAIL_2569", 7)
    without = parsed(composed(lines=HeaderLines(from_="nobody at all"), sender="bounce@opdc.go.th"))
    assert without["Reply-To"] == "bounce@opdc.go.th"
    assert parsed(composed(lines=HeaderLines(), sender=""))["Reply-To"] is None


def test_the_original_is_attached_octet_exact() -> None:
    mail = composed()
    assert LETTER in mail.octets
    (attached,) = parsed(mail).iter_attachments()
    assert attached.get_content_type() == "message/rfc822"
    assert attached.get_filename() == "letter-demo-received-2569-1577.eml"


def test_without_findings_it_says_that_there_is_no_verdict_yet() -> None:
    said = text(composed(None))
    assert "ผลตรวจลายมือชื่อดิจิทัล: ยังไม่มีผล" in said
    assert "ผลตรวจโดเมนผู้ส่ง: ยังไม่มีผล" in said


def test_no_signature_is_said_plainly() -> None:
    assert "ผลตรวจลายมือชื่อดิจิทัล: ไม่พบลายมือชื่อดิจิทัลในหนังสือ" in text(composed(receipts.findings(signatures=())))


def test_what_is_encrypted_is_not_said_to_be_unsigned() -> None:
    said = FindingsWarning(code="smime_encrypted", thai="เข้ารหัส", english="x")
    words = text(composed(receipts.findings(signatures=(), warnings=(said,))))
    assert f"ผลตรวจลายมือชื่อดิจิทัล: {wording.SEALED_AWAY}" in words
    assert wording.NO_SIGNATURE not in words


def test_several_signatures_are_counted_in_one_sentence() -> None:
    verdicts = tuple(
        receipts.verdict(indication=indication, explanation=f"ลำดับ {at}")
        for at, indication in enumerate(["TOTAL-PASSED", "TOTAL-PASSED", "TOTAL-FAILED"])
    )
    said = text(composed(receipts.findings(signatures=verdicts)))
    assert "ผลตรวจลายมือชื่อดิจิทัล: พบลายมือชื่อดิจิทัล ๓ รายการ ผ่าน ๒ ไม่ผ่าน ๑" in said
    assert "- ลำดับ 2" in said


@pytest.mark.parametrize(
    ("findings", "sure"),
    [
        (authenticated(), True),
        (authenticated(dmarc="none"), True),
        (authenticated(dmarc="fail"), False),
        (authenticated(spf="fail", dmarc="none"), False),
        (authenticated(spf_domain="bulk.example", dmarc="none"), False),
    ],
)
def test_who_is_not_proven_is_warned_of(findings: Findings, sure: bool) -> None:
    said = text(composed(findings, sender="somchai@opdc.go.th"))
    assert ("ยืนยันได้ว่าส่งจากโดเมน opdc.go.th" in said) is sure
    assert ("ยืนยันไม่ได้ว่าส่งจากโดเมน opdc.go.th จริง" in said) is not sure


def test_the_domain_of_the_envelope_does_not_vouch_for_another_author() -> None:
    findings = authenticated(spf_domain="evil.example", dmarc="none")
    assert "ยืนยันไม่ได้" in text(composed(findings, sender="x@evil.example"))


def test_who_signed_and_how_to_acknowledge_are_shown_in_words() -> None:
    said = text(
        composed(
            receipts.findings(
                particulars=Particulars(
                    signer=receipts.particular("นายสมชาย ใจดี"),
                    signer_position=receipts.particular("อธิบดี"),
                    acknowledgement=receipts.particular("paper"),
                )
            )
        )
    )
    assert "ผู้ลงนามในหนังสือ: นายสมชาย ใจดี\n" in said.replace("\r\n", "\n")
    assert "ตำแหน่ง: อธิบดี\n" in said.replace("\r\n", "\n")
    assert "ผู้ส่งขอให้ตอบรับ: เป็นกระดาษ" in said
    guessed = receipts.findings(particulars=Particulars(signer=receipts.particular("นายสมชาย ใจดี", 0.45)))
    assert "สมชาย ใจดี" not in text(composed(guessed))


def test_urgency_stands_in_the_subject_once() -> None:
    urgent = receipts.findings(particulars=Particulars(urgency=receipts.particular("ด่วนที่สุด")))
    assert parsed(composed(urgent))["Subject"] == "[สพร ร/๒๕๖๙/๑๕๗๗] ด่วนที่สุด ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ"
    lines = HeaderLines(subject="ด่วนที่สุด ที่ นร ๑/๒")
    assert parsed(composed(urgent, lines=lines))["Subject"] == "[สพร ร/๒๕๖๙/๑๕๗๗] ด่วนที่สุด ที่ นร ๑/๒"
    assert parsed(composed(lines=HeaderLines()))["Subject"] == "[สพร ร/๒๕๖๙/๑๕๗๗] (ไม่ระบุเรื่อง)"


def test_hostile_header_lines_stay_in_their_line() -> None:
    lines = HeaderLines(
        subject="=?utf-8?q?x=0D=0AReply-To:_evil@evil.example=0D=0A?=", from_="=?utf-8?q?a=0D=0Ab?= <a@b.example>"
    )
    message = parsed(composed(lines=lines))
    assert message["Reply-To"] == "a@b.example"
    assert len(message.get_all("Subject", [])) == 1


def test_an_infected_letter_goes_without_itself() -> None:
    scan = Scan(outcome="infected", malware="Win.Test.X", scanner="ClamAV 1.4.6", scanned_at=DATED)
    mail = composed(receipts.findings(scan=scan))
    assert not list(parsed(mail).iter_attachments())
    assert LETTER not in mail.octets
    for words in ("Win.Test.X", "ClamAV 1.4.6", "MAIL_2569:7", sha256_hex(LETTER), "โปรดติดต่อผู้ส่งให้ส่งหนังสือใหม่"):
        assert words in text(mail)
    assert parsed(mail)["Subject"].startswith("[พบโปรแกรมประสงค์ร้าย] [สพร ร/๒๕๖๙/๑๕๗๗]")


def test_a_letter_of_which_the_scanner_said_nothing_goes_without_itself() -> None:
    mail = composed(unscanned=True)
    assert "ไม่มีผลตรวจหาโปรแกรมประสงค์ร้าย" in text(mail)
    assert not list(parsed(mail).iter_attachments())


def test_a_letter_too_large_for_the_mailbox_still_announces_itself() -> None:
    mail = composed(with_original=False)
    assert list(parsed(mail).iter_attachments()) == []
    assert LETTER not in mail.octets
    assert "ใหญ่เกินกว่า" in text(mail)
    assert "MAIL_2569:7" in text(mail)


def test_a_repeat_is_the_same_octets() -> None:
    assert composed() == composed()


@pytest.mark.parametrize(
    ("series", "findings", "expected"),
    [
        ("received", None, False),
        ("received", receipts.findings(), False),
        ("classified", None, True),
        ("received", receipts.findings(particulars=Particulars(secrecy=receipts.particular("ลับมาก"))), True),
        ("general", receipts.findings(particulars=Particulars(secrecy=receipts.particular("ลับ", 0.2))), False),
    ],
)
def test_what_is_secret_by_series_or_by_its_own_mark(series: str, findings: Findings | None, expected: bool) -> None:
    assert cover_mail.secret(entry(series=series), findings) is expected


def test_an_alert_has_the_number_and_nothing_of_the_letter() -> None:
    mail = alert_mail.compose(entry(series="classified"), "classified", to="registrar@demo.example", dated=DATED)
    said = text(mail) + str(parsed(mail)["Subject"])
    assert "สพร ร/๒๕๖๙/๑๕๗๗" in said
    assert "หนังสือชั้นความลับไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์" in said
    for secret in ("opdc", "somchai", "ทดสอบ", "body"):
        assert secret not in said
    assert list(parsed(mail).iter_attachments()) == []
    assert parsed(mail)["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("series", "moves", "words"),
    [("received", True, "ระบบสั่งย้าย"), ("received", False, "โปรดตรวจสอบ"), ("classified", False, "")],
)
def test_an_alert_says_what_becomes_of_an_entry_that_is_in_another_series(series: str, moves: bool, words: str) -> None:
    said = text(alert_mail.compose(entry(series=series), "classified", to="r@demo.example", dated=DATED, moves=moves))
    for either in ("ระบบสั่งย้าย", "โปรดตรวจสอบ"):
        assert (either in said) is (either == words)


def test_an_alert_of_an_undelivered_letter_says_why() -> None:
    mail = alert_mail.compose(
        entry(),
        "undeliverable",
        to="registrar@demo.example",
        dated=DATED,
        reason="officer@demo.example: 550 no such user",
    )
    assert "550 no such user" in text(mail)
    assert "MAIL_2569:7" in text(mail)
