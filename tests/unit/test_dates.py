import pytest

from services.sign import dates


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("๑๕ พฤศจิกายน ๒๕๖๗", "2024-11-15"),
        ("ลงวันที่ ๒๓ ธันวาคม ๒๕๖๘", "2025-12-23"),
        ("วันที่ ๑ เดือน มกราคม พ.ศ. ๒๕๖๘", "2025-01-01"),
        ("9 พ.ค. 2566", "2023-05-09"),
        ("9 พ.ค. 66", "2023-05-09"),
        ("๑๘กรกฎาคม๒๕๖๖", "2023-07-18"),
        ("29 กุมภาพันธ์ 2567", "2024-02-29"),
        ("15/11/2567", "2024-11-15"),
        ("15 November 2024", "2024-11-15"),
        ("๑๕ พฤศจิกายน ค.ศ. ๒๐๒๔", "2024-11-15"),
    ],
)
def test_a_date_is_read(text: str, iso: str) -> None:
    assert [found.iso for found in dates.find(text)] == [iso]


@pytest.mark.parametrize(
    "text",
    [
        "พฤศจิกายน ๒๕๖๗",  # the day is stamped by hand
        "๓๑ เมษายน ๒๕๖๗",
        "29 กุมภาพันธ์ 2568",
        "๑๕ พฤศจิกายน ๒๕",  # cut short
        "ก.พ.ร. ๒๕๖๗",
        "๑๕ ก.พ.ร. ๒๕๖๗",
        "พ.ศ. ๒๕๖๕",
        "32/13/2567",
        "๑๕ พฤศจิกายน ๑๒๓๔",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.find(text) == []


def test_short_forms_are_trusted_less() -> None:
    assert dates.find("9 พ.ค. 66")[0].confidence < dates.find("9 พ.ค. 2566")[0].confidence
