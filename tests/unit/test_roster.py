"""Who is on duty."""

from datetime import date

import pytest

from contracts.directory import Duty, Officer
from services.words.roster import on_duty
from tests.books import agency

MONDAY, SATURDAY = date(2026, 6, 1), date(2026, 6, 6)


def officer(name: str, **validity: str) -> Officer:
    return Officer(id=name, name=name, position="p", **validity)


@pytest.mark.parametrize(("day", "name"), [(MONDAY, "a"), (SATURDAY, "b")])
def test_the_first_line_that_fits_the_weekday_holds(day: date, name: str) -> None:
    one = agency(
        officers=(officer("a"), officer("b")),
        roster=(Duty(officer="a", weekdays=(0, 1, 2, 3, 4)), Duty(officer="b")),
    )
    found = on_duty(one, day)
    assert found is not None
    assert found.id == name


def test_a_line_that_does_not_hold_yet_or_no_more_is_passed_over() -> None:
    one = agency(
        officers=(officer("a"), officer("b"), officer("c")),
        roster=(
            Duty(officer="a", valid_until="2026-05-31"),
            Duty(officer="b", valid_from="2026-06-02"),
            Duty(officer="c", valid_from="2026-06-01", valid_until="2026-06-01"),
        ),
    )
    found = on_duty(one, MONDAY)
    assert found is not None
    assert found.id == "c"


def test_an_officer_who_has_left_is_not_named() -> None:
    one = agency(
        officers=(officer("a", valid_until="2026-05-31"), officer("b")), roster=(Duty(officer="a"), Duty(officer="b"))
    )
    found = on_duty(one, MONDAY)
    assert found is not None
    assert found.id == "b"


def test_where_nobody_is_on_duty_nobody_is_named() -> None:
    assert on_duty(agency(officers=(officer("a"),), roster=(Duty(officer="a", weekdays=(0,)),)), SATURDAY) is None
    assert on_duty(agency(officers=(), roster=()), MONDAY) is None


def test_without_a_roster_the_first_appointed_officer_answers() -> None:
    found = on_duty(agency(officers=(officer("a", valid_from="2026-07-01"), officer("b")), roster=()), MONDAY)
    assert found is not None
    assert found.id == "b"


def test_a_day_that_no_calendar_has_does_not_stop_all_receipts() -> None:
    found = on_duty(agency(officers=(officer("a", valid_from="2026-02-31"),), roster=()), MONDAY)
    assert found is not None
