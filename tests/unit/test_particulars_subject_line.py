import pytest

from services.sign import subject_line


def test_everything_a_clerk_types() -> None:
    found = subject_line.read("ด่วนที่สุด ที่ นร ๑๒๐๐/ว ๗๕ ลงวันที่ ๒๓ ธันวาคม ๒๕๖๘ เรื่อง การแจ้งหน่วยงานของรัฐ")
    assert found.urgency
    assert found.number
    assert found.date
    assert found.subject
    assert found.urgency.value == "ด่วนที่สุด"
    assert found.number.value == "นร ๑๒๐๐/ว ๗๕"
    assert found.date.value == "2025-12-23"
    assert found.subject.value == "การแจ้งหน่วยงานของรัฐ"


def test_an_answer_has_not_the_number_of_the_letter_it_answers() -> None:
    for subject in ("RE: ที่ นร 1200/ว75 การแจ้ง", "ตอบหนังสือที่ นร 1200/ว75", "ตอบกลับ: นร 1200/ว75"):
        found = subject_line.read(subject)
        assert found.number is None
        assert [item.number for item in found.references] == ["นร 1200/ว75"]


def test_a_letter_sent_on_keeps_its_number() -> None:
    found = subject_line.read("Fwd: FW: ที่ นร 1200/ว75 การแจ้ง")
    assert found.number
    assert found.number.value == "นร 1200/ว75"
    assert found.subject
    assert found.subject.value == "การแจ้ง"


def test_a_number_inside_a_sentence_stays_in_the_subject() -> None:
    found = subject_line.read("ขอส่งหนังสือ นร 1200/ว75 มาเพื่อทราบ")
    assert found.number
    assert found.subject
    assert found.subject.value == "ขอส่งหนังสือ นร 1200/ว75 มาเพื่อทราบ"


def test_a_number_alone_is_no_subject() -> None:
    assert subject_line.read("ที่ นร 1200/ว75").subject is None


def test_an_ordinary_subject() -> None:
    found = subject_line.read("ขอเชิญประชุมครั้งที่ ๑/๒๕๖๘")
    assert found.number is None
    assert found.subject
    assert found.subject.value == "ขอเชิญประชุมครั้งที่ ๑/๒๕๖๘"


@pytest.mark.parametrize(
    ("line", "number", "subject"),
    [
        ("ขอรายชื่อ (พย 0533/ว 41)", "พย 0533/ว 41", "ขอรายชื่อ"),
        ("ขอรายชื่อ (คค 0618.3/ข.5/412)", "คค 0618.3/ข.5/412", "ขอรายชื่อ"),
        ("ขอรายชื่อ (ตามหนังสือ พย 0533/ว 41)", None, "ขอรายชื่อ (ตามหนังสือ พย 0533/ว 41)"),
        ("ขอรายชื่อ (ครั้งที่ 2)", None, "ขอรายชื่อ (ครั้งที่ 2)"),
    ],
)
def test_a_number_in_brackets_at_the_end(line: str, number: str | None, subject: str) -> None:
    found = subject_line.read(line)
    assert (found.number and found.number.value) == number
    assert found.subject
    assert found.subject.value == subject
