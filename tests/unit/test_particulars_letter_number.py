import pytest

from services.sign import letter_number

SHAPES = [
    "นร ๑๒๐๐/ว๕๖",
    "นร ๑๒๐๐/ว ๕๖",
    "นร 1200/ว56",
    "นร ๑๒๐๐/๕๖",
    "มท ๐๒๐๑.๒/ว ๑๒๓",
    "กค (กวจ) ๐๔๐๕.๒/ว ๑๒๓",
    "มท ๐๘๐๘.๒/ว(พ) ๑๒",
    "นร ๐๕๐๕/ว(ล) ๒๓๔๕",
    "ศย ๐๑๖/ว ๕(ท)",
    "สธ ๒๕๖๘/๑๒",
    "สธ ๐๒๐๑.๒/๐๐๑๒๓",
    "ตช ๐๐๐๑(กม)/ว ๓๒",
    "สพร ร/๒๕๖๓/๑๕๗๗",
    "ธปท.ฝนป.(21)ว. 578/2564",
    "สธ (สปสช) ๕.๓๐/ว. ๑๒๓๔",
    "กฟผ. ๙๖๑๐๐๐/๔๔",
]


@pytest.mark.parametrize("number", SHAPES)
def test_every_shape_is_read_where_the_line_says_so(number: str) -> None:
    found = letter_number.at_start(f"ที่ {number}   สำนักงาน ก.พ.ร.")
    assert found is not None
    assert found.number == number


@pytest.mark.parametrize("number", SHAPES)
def test_every_shape_is_read_in_a_sentence(number: str) -> None:
    assert [found.number for found in letter_number.find(f"ขอส่งหนังสือ ที่ {number} ลงวันที่ ๑ มกราคม ๒๕๖๘")] == [number]


@pytest.mark.parametrize(
    "text",
    [
        "ที่ นร ๑๒๐๐/",  # stamped by hand
        "เลขที่ ๑๒/๓ หมู่ ๔",
        "พ.ศ. ๒๕๖๘/๒๕๖๙",
        "ประชุมครั้งที่ ๑/๒๕๖๘",
        "บ้านเลขที่ 1200/56",
        "เวลา ๑๖.๓๐ น. ๑/๒",
        "กม. ๑๒๐/๕",
        "มาตรา ๒๒/๑",
        "๐ ๒๓๕๖ ๙๙๙๙",
        "",
    ],
)
def test_what_is_no_letter_number_is_none(text: str) -> None:
    assert letter_number.find(text) == []
    assert letter_number.at_start(text) is None


@pytest.mark.parametrize("before", ["อ้างถึงหนังสือ ที่", "ตามหนังสือที่", "ตอบหนังสือ", "ขอยกเลิกหนังสือที่"])
def test_the_number_of_another_letter_is_told_apart(before: str) -> None:
    (found,) = letter_number.find(f"{before} นร ๐๕๐๕/ว ๑๒ ลงวันที่ ๑ มกราคม ๒๕๖๘")
    assert found.refers


def test_writing_does_not_matter_for_matching_but_leading_zeros_do() -> None:
    assert letter_number.match_key("นร ๑๒๐๐/ว ๕๖") == letter_number.match_key("นร 1200/ว56")
    assert letter_number.match_key("สธ 0201/00123") != letter_number.match_key("สธ 0201/123")
