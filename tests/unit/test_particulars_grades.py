import pytest

from services.sign import grades


@pytest.mark.parametrize(
    ("subject", "urgency", "secrecy"),
    [
        ("ด่วนที่สุด ที่ นร ๑๒๐๐/ว๗๕ การแจ้ง", "ด่วนที่สุด", None),
        ("[ด่วนมาก] ขอเชิญประชุม", "ด่วนมาก", None),
        ("(ด่วน) ขอเชิญประชุม", "ด่วน", None),
        ("ขอเชิญประชุม (ด่วนที่สุด)", "ด่วนที่สุด", None),
        ("ด่วน: ขอเชิญประชุม", "ด่วน", None),
        ("ด่วน ที่ สุด ขอเชิญ", "ด่วนที่สุด", None),
        ("ลับ ขอส่งเอกสาร", None, "ลับ"),
        ("ลับมาก ด่วนที่สุด ที่ กห ๐๒๐๗/๑", "ด่วนที่สุด", "ลับมาก"),
        ("[ลับที่สุด] เอกสาร", None, "ลับที่สุด"),
        ("ด่วนภายใน ๑๕ พ.ย. ๒๕๖๗ เวลา ๑๒.๐๐ น.", "ด่วนภายใน ๑๕ พ.ย. ๒๕๖๗ เวลา ๑๒.๐๐ น.", None),
        ("ทางด่วนบูรพาวิถี", None, None),
        ("ด่วนพิเศษ", None, None),
        ("การตอบกลับ", None, None),
        ("ลับแลอุตรดิตถ์", None, None),
        ("ขอให้ดำเนินการโดยด่วนต่อไป", None, None),
    ],
)
def test_marks_of_a_subject(subject: str, urgency: str | None, secrecy: str | None) -> None:
    found = grades.of_subject(subject)
    assert (found.urgency, found.secrecy) == (urgency, secrecy)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("ด่วนที่สุด", ("ด่วนที่สุด", None)),
        (" ลับ ", (None, "ลับ")),
        ("- ลับมาก -", (None, "ลับมาก")),
        ("ชั้นความเร็ว : ด่วนมาก", ("ด่วนมาก", None)),
        ("ด่วนที่สุดสำหรับท่าน", (None, None)),
        ("สำนักงาน ก.พ.ร.", (None, None)),
    ],
)
def test_marks_of_a_head_stand_alone(column: str, said: tuple[str | None, str | None]) -> None:
    assert grades.of_line(column) == said
