import pytest

from services.sign import contacts


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("โทร. ๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐปติ)\n6ECD1DCE-63DB", ["๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐปติ)"]),
        (
            "โทร. ๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐฐา) ๘๘๐๒ (ศศิกานต์) ๘๘๓๑ (ขวัญกมล)",
            ["๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐฐา) ๘๘๐๒ (ศศิกานต์) ๘๘๓๑ (ขวัญกมล)"],
        ),
        ("โทรศัพท์ ๐ ๒๒๘๒ ๒๖๙๔, ๐ ๒๒๘๑ ๓๓๓๓ โทรสาร ๐ ๒๒๘๑ ๑๑๑๑", ["๐ ๒๒๘๒ ๒๖๙๔", "๐ ๒๒๘๑ ๓๓๓๓"]),
        ("โทร. 02-123-4567 ต่อ 12, 13", ["02-123-4567 ต่อ 12, 13"]),
        ("Tel: +66 2 123 4567", ["+66 2 123 4567"]),
        ("โทร. ๑๑๑๑", ["๑๑๑๑"]),
        ("โทร. 02 123 4567\nโทร. ๐๒-๑๒๓-๔๕๖๗", ["02 123 4567"]),
        ("โทรสาร ๐ ๒๒๘๑ ๑๑๑๑", []),
        ("โทร. ๐ ๒๑๔๑", []),  # a piece of a number
        ("เลขที่ ๐ ๒๓๕๖ ๙๙๙๙", []),
        ("สถานีโทรทัศน์ ๐ ๒๓๕๖ ๙๙๙๙", []),
    ],
)
def test_telephones(text: str, numbers: list[str]) -> None:
    assert contacts.telephones(text) == numbers


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ไปรษณีย์อิเล็กทรอนิกส์saraban@opdc.go.th", ["saraban@opdc.go.th"]),
        ("saraban@opdc.go.th, SARABAN@OPDC.GO.TH.", ["saraban@opdc.go.th"]),
        ("saraban_06500101@dla.go.th", ["saraban_06500101@dla.go.th"]),
        ("อีเมล: สารบรรณ@หน่วยงาน.ไทย", ["สารบรรณ@หน่วยงาน.ไทย"]),
        ("a@b", []),
        ("@opdc.go.th", []),
        ("saraban@opdc..go.th", []),
    ],
)
def test_emails(text: str, addresses: list[str]) -> None:
    assert contacts.emails(text) == addresses
