import pytest

from services.sign import particulars
from services.sign.lines import of_text
from services.sign.particulars import Text
from tests.letters import letter_text

LETTER = letter_text("opdc-w56")


def test_a_real_letter_is_read_from_its_text() -> None:
    found, warnings = particulars.read(None, "", [Text("pdf", of_text(LETTER))])
    assert warnings == []
    assert found.letter_number
    assert found.letter_number_ascii
    assert found.letter_date
    assert found.issuer
    assert found.letter_number.value == "นร ๑๒๐๐/ว๕๖"
    assert found.letter_number_ascii.value == "นร 1200/ว56"
    assert found.letter_date.value == "2024-11-15"
    assert found.issuer.value == "สำนักงาน ก.พ.ร."
    assert found.letter_number.source == "pdf"


def test_sources_that_agree_are_certain() -> None:
    found, warnings = particulars.read("ที่ นร 1200/ว 56 เรื่อง ก", "", [Text("pdf", of_text(LETTER))])
    assert found.letter_number
    assert (found.letter_number.value, found.letter_number.confidence) == ("นร ๑๒๐๐/ว๕๖", 1.0)
    assert warnings == []


@pytest.mark.parametrize("source", ["pdf", "ocr"])
def test_a_file_never_overrides_the_subject_line_silently(source: str) -> None:
    text = Text("pdf" if source == "pdf" else "ocr", of_text(LETTER))
    found, warnings = particulars.read("ที่ นร 1200/ว57 เรื่อง ก", "", [text])
    assert found.letter_number
    assert (found.letter_number.value, found.letter_number.source) == ("นร 1200/ว57", "subject")
    assert found.letter_number.confidence <= 0.6
    assert [said.code for said in warnings] == ["number_differs"]


def test_a_number_of_a_scan_says_so() -> None:
    found, warnings = particulars.read(None, "", [Text("ocr", of_text(LETTER))])
    assert found.letter_number
    assert found.letter_number.source == "ocr"
    assert found.letter_number.confidence <= 0.5
    assert [said.code for said in warnings] == ["number_from_scan"]


def test_the_letter_is_found_among_its_enclosures() -> None:
    enclosure = Text("pdf", of_text("ตารางแนบท้าย\nโทร. ๐ ๒๑๑๑ ๑๑๑๑\nother@example.org\n๑ มกราคม ๒๕๕๐"))
    found, _ = particulars.read(None, "", [enclosure, Text("pdf", of_text(LETTER))])
    assert found.letter_date
    assert found.letter_date.value == "2024-11-15"
    assert [item.value for item in found.emails] == ["saraban@opdc.go.th"]


def test_nothing_is_invented_where_there_is_no_letter() -> None:
    found, _ = particulars.read(None, "สวัสดีครับ ขอสอบถามเรื่องทะเบียนบ้านเลขที่ ๑๒/๓", [])
    assert found.letter_number is found.letter_date is found.issuer is found.subject is found.addressee is None


def test_the_mails_own_text_may_be_the_letter() -> None:
    found, _ = particulars.read("หนังสือ", LETTER, [])
    assert found.letter_number
    assert found.letter_number.source == "body"


def test_the_mails_text_may_name_the_letter_it_sends() -> None:
    body = "เรียน เจ้าหน้าที่\nขอส่งหนังสือสำนักงาน ก.พ.ร. ที่ นร ๑๒๐๐/ว๕๖ ลงวันที่ ๑๕ พฤศจิกายน ๒๕๖๗ ตามแนบ"
    found, _ = particulars.read("ขอส่งหนังสือ", body, [])
    assert found.letter_number
    assert found.letter_date
    assert (found.letter_number.value, found.letter_number.source) == ("นร ๑๒๐๐/ว๕๖", "body")
    assert found.letter_date.value == "2024-11-15"


def test_a_file_name_is_believed_only_where_it_says_number() -> None:
    found, _ = particulars.read(None, "", [], ["ที่ นร 1200-ว56.pdf"])
    assert found.letter_number
    assert (found.letter_number.value, found.letter_number.source) == ("นร 1200/ว56", "filename")
    assert particulars.read(None, "", [], ["ผล 2568-12.pdf"])[0].letter_number is None
