"""Days and moments as officers type them."""

import pytest

from services.desk.typed_dates import NoDateError, day, moment


@pytest.mark.parametrize(
    "typed",
    ["2026-06-05", "2026-6-5", "5 มิ.ย. 2569", "๕ มิถุนายน ๒๕๖๙", "วันที่ ๕ มิถุนายน พ.ศ. ๒๕๖๙", "5/6/2569", " 5 June 2026 "],
)
def test_a_day(typed: str) -> None:
    assert day(typed).isoformat() == "2026-06-05"


@pytest.mark.parametrize(
    "typed", ["2026-06-05 13:50", "2026-06-05T13:50:00+07:00", "5 มิ.ย. 2569 13.50 น.", "๕ มิถุนายน ๒๕๖๙ เวลา ๑๓.๕๐ น."]
)
def test_a_moment(typed: str) -> None:
    assert moment(typed).isoformat() == "2026-06-05T13:50:00+07:00"


@pytest.mark.parametrize(
    "typed", ["", "tomorrow", "2026-02-30", "31 ก.พ. 2569", "2026-06-05 to 2026-06-06", "ราว 5 มิ.ย. 2569"]
)
def test_no_day(typed: str) -> None:
    with pytest.raises(NoDateError):
        day(typed)


def test_an_iso_date_with_a_buddhist_year_is_a_slip_and_says_so() -> None:
    with pytest.raises(NoDateError, match="2026"):
        day("2569-06-05")


@pytest.mark.parametrize("typed", ["2026-06-05", "2026-06-05 25:00", "13:50"])
def test_no_moment(typed: str) -> None:
    with pytest.raises(NoDateError):
        moment(typed)
