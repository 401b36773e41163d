import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sign.thai import ascii_digits, for_matching, repair, tidy
from tests.letters import letter_text

DAMAGED = [
    ("สิ่สิ่งที่ส่งมาด้วย", "สิ่งที่ส่งมาด้วย"),
    ("นั้นั้น ครั้รั้ง ทั้ทั้งนี้ ซึ่ซึ่ง ท้องถิ่ถิ่น เพิ่พิ่มเติม", "นั้น ครั้ง ทั้งนี้ ซึ่ง ท้องถิ่น เพิ่มเติม"),
    ("ส ำนักงาน", "สำนักงาน"),
    ("ส านักงาน", "สำนักงาน"),
    ("สํานักงาน", "สำนักงาน"),
    ("น้ํา นํ้า นำ้", "น้ำ น้ำ น้ำ"),
    ("ท่ี", "ที่"),
    ("ที ่", "ที่"),
    ("ที่ี่", "ที่"),
    ("เ รื่อง", "เรื่อง"),
    ("เเละ", "และ"),
    ("ท\uf702\uf70a", "ที่"),  # glyphs of an old font
    ("เป็ป็น", "เป็น"),
    ("สำ\u200bนัก\u00a0งาน", "สำนัก งาน"),
]


@pytest.mark.parametrize(("damaged", "written"), DAMAGED)
def test_what_extraction_damages_is_repaired(damaged: str, written: str) -> None:
    assert repair(damaged) == written


@pytest.mark.parametrize("clean", ["หน้าที่ที่ต้องปฏิบัติ", "ก็ก็", "นานา", "ปีที่ที่ผ่านมา", "สิทธิ์", "ญี่ปุ่น", "พี่พี่", "Signed\nby"])
def test_clean_text_stays(clean: str) -> None:
    assert repair(clean) == clean


@pytest.mark.parametrize("name", ["opdc-w56", "opdc-w75"])
def test_real_letters_stay(name: str) -> None:
    assert repair(letter_text(name)) == letter_text(name)


@given(st.text())
def test_repairing_twice_changes_no_more(text: str) -> None:
    once = repair(text)
    assert repair(once) == once
    once.encode()


def test_digits_and_spaces_for_matching() -> None:
    assert ascii_digits("๑๒๐๐/ว๕๖") == "1200/ว56"
    assert for_matching(" นร  ๑๒๐๐/ว ๕๖ ") == "นร 1200/ว 56"
    assert tidy("ก \n\t ข") == "ก ข"
