"""What a receipt says, and what it must not say."""

import base64
import re

import msgspec
import pytest

from contracts import chain, codec, findings
from contracts.findings import Particulars
from contracts.mail import HeaderLines
from contracts.receipt import Receipt, Seal, Text, Unknown
from services.sign.paper import page
from services.words import wording
from tests import receipts


def text(value: object) -> str:
    assert isinstance(value, Text), value
    return value.value


def test_the_six_fields_of_the_rule_are_there() -> None:
    made = receipts.made()
    assert text(made.letter_number) == "นร ๑๒๐๐/ว๕๖"
    assert text(made.letter_date) == "2024-11-15"
    assert (made.register_number, made.number, made.year) == (receipts.NUMBER, 1577, 2569)
    assert made.clock.received_at == "2026-05-29T09:31:07.123456Z"
    assert text(made.receiver.name) == "นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล"
    assert made.agency_name == receipts.AGENCY_NAME
    assert (made.kind, text(made.message_id), text(made.subject)) == ("final", "<1@opdc.go.th>", receipts.SUBJECT)


def test_the_same_input_gives_the_same_receipt() -> None:
    row, event = receipts.row(), receipts.received()
    assert receipts.made(row, received=event) == receipts.made(row, received=event)


def test_the_proof_is_the_row_as_stored_and_its_link() -> None:
    row = receipts.row()
    body = codec.encode(row)
    proof = receipts.made(row).proof
    assert proof.row == body
    assert proof.link == chain.next_link(row.previous, body)
    assert proof.head == Unknown(reason="no head of the book was signed before this row")
    on_the_wire = msgspec.json.decode(msgspec.json.encode(receipts.made(row)))
    assert base64.b64decode(on_the_wire["proof"]["row"]) == body


def test_nothing_is_an_empty_string() -> None:
    """Where a letter says nothing and the directory little, every field has its reason."""
    made = receipts.made(
        received=receipts.received(lines=HeaderLines()),
        findings=receipts.findings(particulars=Particulars(), attachments=(), signatures=(), body_sha256=None),
        agency=receipts.agency(officers=(), roster=()),
    )
    for name in ("letter_number", "letter_date", "message_id", "subject", "body_sha256"):
        value = getattr(made, name)
        assert isinstance(value, Unknown), name
        assert value.reason in wording.REASONS, name
    assert isinstance(made.receiver.name, Unknown)
    assert made.receiver.name.reason == wording.NOBODY
    assert not re.search(rb':""', msgspec.json.encode(made))


def test_an_officer_without_telephone_has_a_reason_there() -> None:
    made = receipts.made(receipts.row(deemed_at="2026-06-06T10:00:00+07:00"))
    assert text(made.receiver.name) == "นายผู้อยู่เวร ปิ่นแก้ว"
    assert made.receiver.telephone == Unknown(reason=wording.NOT_IN_DIRECTORY)


def test_the_officer_is_of_the_deemed_day_not_of_the_arrival() -> None:
    """It came on a Sunday night and counts as received on Monday."""
    made = receipts.made(receipts.row(received_at="2026-06-07T18:00:00.000000Z", deemed_at="2026-06-08T08:30:00+07:00"))
    assert text(made.receiver.name) == "นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล"
    assert (made.receiver.label, made.receiver.issued) == ("เจ้าหน้าที่ผู้รับผิดชอบ", "ออกโดยระบบอัตโนมัติ")


@pytest.mark.parametrize(
    ("confidence", "stated"),
    [(1.0, Text(value="นร ๑")), (0.5, Text(value="นร ๑")), (0.4, Unknown(reason=wording.UNSURE))],
)
def test_a_number_read_with_little_confidence_is_not_stated(confidence: float, stated: object) -> None:
    particulars = Particulars(letter_number=receipts.particular("นร ๑", confidence))
    assert receipts.made(findings=receipts.findings(particulars=particulars)).letter_number == stated


def test_without_a_subject_of_its_own_the_subject_line_is_given_decoded() -> None:
    made = receipts.made(findings=receipts.findings(particulars=Particulars()))
    assert text(made.subject) == "ทดสอบ"


def test_a_message_id_that_was_cut_is_not_given_as_whole() -> None:
    made = receipts.made(received=receipts.received(cut=("lines.message_id",)))
    assert made.message_id == Unknown(reason=wording.CUT)


def test_octets_that_no_json_can_carry_do_not_stop_a_receipt() -> None:
    made = receipts.made(received=receipts.received(lines=HeaderLines(message_id="<a\ud800b@x>")))
    assert text(made.message_id) == "<a?b@x>"
    msgspec.json.encode(made)


# -- the clock ------------------------------------------------------------------------------------------------------


def test_the_bound_is_rounded_up() -> None:
    """`Not more than 4.21 ms` would be wrong by 3 microseconds."""
    words = receipts.made().clock.words
    assert words == "คลาดเคลื่อนไม่เกิน ๔.๒๒ มิลลิวินาที จากแหล่งเวลา kernel, time1.nimt.or.th"


@pytest.mark.parametrize(
    ("bound", "said"), [(4.21, "๔.๒๑"), (0.0, "๐"), (0.001, "๐.๐๑"), (30.0, "๓๐"), (16_000.5, "๑๖๐๐๐.๕")]
)
def test_bounds_in_words(bound: float, said: str) -> None:
    assert wording.milliseconds(bound) == said


def test_a_clock_out_of_bound_promises_none() -> None:
    made = receipts.made(receipts.row(within_bound=False, bound_ms=88.0))
    assert made.clock.within_bound is False
    assert "ไม่เกิน" not in made.clock.words
    assert "ไม่อยู่ในเกณฑ์ความคลาดเคลื่อน" in made.clock.words
    assert made.clock.words in made.statements[0]


@pytest.mark.parametrize("bound", [None, 16_000.0])
def test_a_bound_that_nobody_knows_is_not_given_as_a_number(bound: float | None) -> None:
    made = receipts.made(receipts.row(within_bound=False, bound_ms=bound))
    assert made.clock.bound_ms == bound
    assert "ไม่ทราบว่าคลาดเคลื่อนเท่าใด" in made.clock.words
    assert "มิลลิวินาที" not in made.clock.words


# -- statements -----------------------------------------------------------------------------------------------------

FORBIDDEN = (
    "เวลารับรอง",
    "certified",
    "traceable",
    "อายุความ",
    "ระยะเวลาตามกฎหมายเริ่ม",
    "ภาคผนวก",
    "รับรองว่าผู้ส่ง",
)


def everything_said(made: Receipt) -> str:
    return msgspec.json.encode(made).decode()


def test_the_words_are_those_of_the_table() -> None:
    said = " | ".join(receipts.made().statements)
    for words in (
        "ระบบได้รับข้อมูลซึ่งมีค่าแฮชตามที่ระบุ เมื่อ ๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖:๓๑:๐๗.๑๒๓๔๕๖ น.",
        f"ลงทะเบียนรับโดยอัตโนมัติ เลขที่ {receipts.NUMBER}",
        "มิใช่การรับพิจารณาหรือเห็นชอบ",
        "ตามเวลาทำการและปฏิทินรุ่น c3c3c3c3c3c3 คำนวณเป็นวันเวลารับ ๒ มิถุนายน ๒๕๖๙ เวลา ๐๘.๓๐ น.",
        "เจ้าหน้าที่ผู้รับผิดชอบ นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล เจ้าพนักงานธุรการชำนาญงาน (ออกโดยระบบอัตโนมัติ)",
        f"ประทับตราอิเล็กทรอนิกส์โดย ผู้ให้บริการทดสอบ แทน {receipts.AGENCY_NAME}",
    ):
        assert words in said


@pytest.mark.parametrize("series", ["received", "general", "classified"])
@pytest.mark.parametrize("kind", ["test", "operator", "agency"])
def test_no_word_beyond_the_table(series: str, kind: str) -> None:
    said = everything_said(receipts.made(receipts.row(series=series), seal=receipts.seal(kind)))
    assert not [word for word in FORBIDDEN if word in said]
    assert said.count("รับรองความสมบูรณ์ตามกฎหมาย") == said.count("มิใช่การรับรองความสมบูรณ์ตามกฎหมาย")


def test_only_a_test_seal_says_test() -> None:
    assert "ทดสอบ ไม่มีผลเป็นหลักฐาน" in receipts.made().statements
    assert "ทดสอบ" not in " ".join(receipts.made(seal=receipts.seal("operator")).statements)


def test_an_agency_that_seals_itself_does_so_for_nobody_else() -> None:
    name = Text(value=receipts.AGENCY_NAME)
    made = receipts.made(seal=Seal(kind="agency", by=name, on_behalf_of=name))
    assert f"ประทับตราอิเล็กทรอนิกส์โดย {receipts.AGENCY_NAME}" in made.statements
    assert page(made).sealed == (f"ประทับตราอิเล็กทรอนิกส์โดย {receipts.AGENCY_NAME}",)
    assert page(receipts.made()).sealed[1] == f"แทน {receipts.AGENCY_NAME}"


# -- signatures and files -------------------------------------------------------------------------------------------


def test_a_verdict_is_technical_and_says_by_which_store_and_when() -> None:
    made = receipts.made()
    assert isinstance(made.signatures, tuple)
    assert made.signatures == (
        "ผลตรวจทางเทคนิค ณ ๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖.๓๑ น.: ลายมือชื่อดิจิทัล ในไฟล์ หนังสือสำนักงาน ก.พ.ร.pdf "
        "ผู้ลงลายมือชื่อตามที่ใบรับรองระบุ CN=นายณัฐฐา พาชัยยุทธ, C=TH "
        "ยังสรุปผลทางเทคนิคไม่ได้ (INDETERMINATE) NO_CERTIFICATE_CHAIN_FOUND "
        "ตามบัญชีใบรับรองที่เชื่อถือรุ่น sha256:0123456789abcdef มิใช่การรับรองความสมบูรณ์ตามกฎหมาย",
    )


def test_an_empty_trust_store_gives_no_verdict_and_says_so() -> None:
    found = receipts.findings(signatures=(receipts.verdict(indication=None, sub_indication=None, trust_store="empty"),))
    (said,) = receipts.made(findings=found).signatures  # type: ignore[misc]  # a tuple, or this fails
    assert "ยังไม่ได้กำหนดบัญชีใบรับรองที่เชื่อถือ" in said
    assert "TOTAL" not in said


def test_a_letter_without_signature_says_there_is_none() -> None:
    made = receipts.made(findings=receipts.findings(signatures=()))
    assert isinstance(made.signatures, tuple)
    assert made.signatures[0].endswith(wording.NO_SIGNATURE)


@pytest.mark.parametrize(
    "code", ["message_unreadable", "pdf_unreadable", "signature_unreadable", "resource_limit", "examination_failed"]
)
def test_where_something_was_left_unread_absence_is_not_stated(code: str) -> None:
    found = receipts.findings(signatures=(), warnings=(findings.Warning(code=code, thai="-", english="-"),))
    made = receipts.made(findings=found)
    assert made.signatures == Unknown(reason=wording.INCOMPLETE)
    assert wording.INCOMPLETE_LETTER in made.statements


def test_files_have_the_digest_the_sender_can_compute() -> None:
    made = receipts.made()
    assert isinstance(made.files, tuple)
    assert (made.files[0].name, made.files[0].size, made.files[0].sha256) == (receipts.FILE, 1_234_567, f"{1:064x}")


# -- classified, erased ---------------------------------------------------------------------------------------------


def test_a_classified_receipt_tells_nothing_of_number_subject_or_files() -> None:
    made = receipts.made(receipts.row(series="classified"))
    said = everything_said(made)
    for secret in (receipts.LETTER_NUMBER, receipts.SUBJECT, receipts.FILE, "2024-11-15", "4LiX4LiU4Liq4Lit4Lia"):
        assert secret not in said
    assert made.letter_number == made.subject == Unknown(reason="classified")
    assert isinstance(made.files, tuple)
    assert made.files[0].sha256 == f"{1:064x}"
    assert any("หนังสือชั้นความลับไม่ให้ส่งทางไปรษณีย์อิเล็กทรอนิกส์" in words for words in made.statements)
    assert made.register_number == receipts.NUMBER


def test_a_mark_inside_the_letter_withholds_as_well() -> None:
    """The subject line had none, so the letter is in the ordinary series."""
    particulars = msgspec.structs.replace(receipts.findings().particulars, secrecy=receipts.particular("ลับมาก"))
    made = receipts.made(findings=receipts.findings(particulars=particulars))
    assert made.letter_number == made.subject == Unknown(reason="classified")


def test_an_erased_letter_has_a_receipt_that_says_so() -> None:
    made = receipts.made(received=None, findings=None)
    assert made.letter_number == made.files == made.signatures == made.message_id == Unknown(reason=wording.ERASED)
    assert wording.LETTER_ERASED in made.statements
    assert (made.sha256, made.size) == ("ab" * 32, 123_456)
    assert "หนังสือถูกลบ" in made.clock.source
    assert made.clock.stratum is None


def test_a_letter_whose_event_is_lost_is_read_and_its_sources_are_not_known() -> None:
    made = receipts.made(received=None)
    assert text(made.letter_number) == receipts.LETTER_NUMBER
    assert made.message_id == Unknown(reason=wording.UNREADABLE)
    assert wording.LETTER_ERASED not in made.statements
    assert "อ่านหนังสือไม่ได้" in made.clock.words
