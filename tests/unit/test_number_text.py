"""Numbers as the agency writes them."""

import pytest

from services.register.number_text import number_text, thai_digits


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{number}/{year}", "1577/2569"),
        ("สพร ร/{year_th}/{number_th}", "สพร ร/๒๕๖๙/๑๕๗๗"),
        ("{number:06d}", "001577"),
        ("รับ {number_th}", "รับ ๑๕๗๗"),
    ],
)
def test_the_agencys_format(form: str, expected: str) -> None:
    assert number_text(form, 1577, 2569) == expected


@pytest.mark.parametrize(
    "form", ["{nummer}", "{number", "{number:ๆ}", "{0}", "{number.x}", "{number[0]}", "{number_th:d}"]
)
def test_a_format_that_cannot_be_followed_does_not_cost_the_number(form: str) -> None:
    assert number_text(form, 7, 2569) == "7/2569"


def test_thai_digits() -> None:
    assert thai_digits(1234567890) == "๑๒๓๔๕๖๗๘๙๐"
