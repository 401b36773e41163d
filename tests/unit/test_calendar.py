"""Working days: the package, the civil service's overlay, the agency's own, and the hash over what results."""

from datetime import date

import pytest

from contracts.directory import Hours, LaterHours, Overlay
from services.register.calendar import Calendar, CalendarError, calendar, civil_service, national
from services.register.days_off import days_off

SONGKRAN = date(2026, 4, 14)


def of(year: int = 2026, hours: Hours | None = None, **overlay: dict[str, str]) -> Calendar:
    return calendar(hours or Hours(), Overlay(**overlay), year)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 1, 2), False),  # cabinet's bridge day
        (SONGKRAN, False),
        (date(2026, 5, 1), True),  # Labour Day
        (date(2026, 5, 13), False),  # Royal Ploughing Day
        (date(2026, 6, 1), False),  # substitute of Visakha
        (date(2026, 7, 30), False),  # Buddhist Lent
        (date(2026, 10, 24), False),  # a Saturday
        (date(2026, 12, 7), False),  # substitute of 5 December
        (date(2026, 12, 8), True),
        (date(2027, 5, 3), True),  # substitute of Labour Day
    ],
)
def test_the_civil_services_days(day: date, works: bool) -> None:
    assert of(day.year).works(day) is works
    assert (of(day.year).why_closed(day) is None) is works


def test_every_difference_from_the_package_states_its_basis() -> None:
    rules = civil_service()
    stated = [(rule.basis, rule.why) for rule in rules.open] + [(rule.basis, rule.why) for rule in rules.closed]
    assert {basis for basis, _ in stated} <= {"source", "secondary", "unverified"}
    assert all(why for _, why in stated)
    assert rules.announced(2026)
    assert not rules.announced(2027), "announced year by year: a new date needs its line in civil_service.toml"


def test_a_day_with_two_names_stays_closed_when_one_of_them_is_worked() -> None:
    """If Labour Day and another holiday ever meet, the other one closes the office."""
    assert "วันแรงงานแห่งชาติ" not in " ".join(national(2026).values())
    assert date(2026, 5, 4) in national(2026)


def test_the_agency_has_the_last_word() -> None:
    own = of(closed={"2026-06-17": "งานประจำปี"}, open={"2026-04-14": "เปิดทำการ", "2026-06-20": "วันเสาร์"})
    assert own.why_closed(date(2026, 6, 17)) == "งานประจำปี"
    assert own.works(SONGKRAN)
    assert own.works(date(2026, 6, 20))
    both = of(closed={"2026-06-20": "ปิด"}, open={"2026-06-20": "เปิด"})
    assert not both.works(date(2026, 6, 20)), "closed wins: a promise not kept is worse than a day later"


def test_the_hash_is_over_what_can_change_an_answer() -> None:
    plain = of().digest
    assert plain == of().digest
    assert plain != of(2027).digest
    assert plain != of(hours=Hours(closes="16:00")).digest
    assert plain != of(hours=Hours(weekdays=(0, 1, 2, 3, 4, 5))).digest
    assert plain != of(closed={"2026-06-17": "x"}).digest
    assert plain == of(closed={"2026-04-14": "ชื่ออื่น"}).digest, "another name for a day that is closed anyway"
    assert plain == of(closed={"2026-06-20": "วันเสาร์"}).digest, "closed on a day off"
    assert plain == of(closed={"2027-01-05": "x"}).digest, "behind the first working day of the next year"
    assert plain != of(closed={"2027-01-04": "x"}).digest, "the first working day of the next year is another"


def test_the_hash_of_a_year_is_fixed() -> None:
    """A change here changes what old rows say: it needs a new version of the overlay and a line in the changelog."""
    assert of(2026).digest == "5471361be7a4dca1d12e4f83b7af81caeb2911cd2cab2ee746254f7d93456c9b"


EARLY = LaterHours(valid_from="2026-07-01", opens="08:00", closes="16:00", weekdays=(0, 1, 2, 3, 4, 5))


def dated(*later: LaterHours) -> Hours:
    return Hours(later=later)


def test_hours_hold_from_their_day_on() -> None:
    changed = of(hours=dated(EARLY))
    assert [f"{changed.hours(day).opens:%H:%M}" for day in (date(2026, 6, 30), date(2026, 7, 1))] == ["08:30", "08:00"]
    assert not changed.works(date(2026, 6, 27)), "a Saturday before"
    assert changed.works(date(2026, 7, 4)), "a Saturday after"


def test_hours_that_change_leave_the_other_years_alone() -> None:
    assert of(2025, hours=dated(EARLY)).digest == of(2025).digest
    assert of(2026, hours=dated(EARLY)).digest != of(2026).digest
    plain = Hours(opens="08:00", closes="16:00", weekdays=(0, 1, 2, 3, 4, 5))
    assert of(2027, hours=dated(EARLY)).digest == of(2027, hours=plain).digest, "who keeps them has them from 1 January"
    same = LaterHours(valid_from="2026-07-01")
    assert of(hours=dated(same)).digest == of().digest, "hours that change to what they are do not change"
    first = LaterHours(valid_from="2026-01-01", opens="08:00", closes="16:00", weekdays=(0, 1, 2, 3, 4, 5))
    assert of(hours=dated(first)).digest == of(hours=plain).digest


def test_a_year_reaches_to_the_opening_of_the_next() -> None:
    """A letter of 31 December is deemed received on the first working day, by the hours of that day."""
    opening = LaterHours(valid_from="2027-01-04", opens="09:00")
    assert of(2026, hours=dated(opening)).digest != of(2026).digest
    behind = LaterHours(valid_from="2027-01-05", opens="09:00")
    assert of(2026, hours=dated(behind)).digest == of(2026).digest


def test_every_word_of_every_layer_is_shown_with_its_basis() -> None:
    overlay = Overlay(closed={"2026-06-17": "งานประจำปี"}, open={"2026-04-14": "เปิดทำการ"})
    days = calendar(Hours(), overlay, 2026)
    said = [(one.day.isoformat(), one.layer, one.said, one.works, one.basis) for one in days_off(days, overlay)]
    assert ("2026-05-01", "public holidays", "closed", True, "secondary") in said
    assert ("2026-05-01", "civil service", "open", True, "secondary") in said
    assert ("2026-05-13", "civil service", "closed", False, "secondary") in said
    assert ("2026-04-14", "agency", "open", True, "") in said
    assert ("2026-06-17", "agency", "closed", False, "") in said
    assert said == sorted(said, key=lambda one: one[0])
    shown = {one.day for one in days_off(days, overlay) if not one.works}
    off = {day for day in days.closed if day.year == 2026}
    assert shown == off, "every day off that is no weekend is on the list"


@pytest.mark.parametrize(
    ("hours", "overlay"),
    [
        (dated(LaterHours(valid_from="2026-07-01", opens="16:30", closes="08:30")), {}),
        (dated(LaterHours(valid_from="2026-07-01"), LaterHours(valid_from="2026-07-01", opens="09:00")), {}),
        (dated(LaterHours(valid_from="2026-02-31")), {}),
        (dated(LaterHours(valid_from="2026-07-01", weekdays=())), {}),
        (Hours(weekdays=()), {}),
        (Hours(opens="16:30", closes="08:30"), {}),
        (Hours(), {"closed": {"2026-02-31": "no such day"}}),
        (Hours(weekdays=()), {"open": {"2026-06-20": "one day in the year before is not enough"}}),
    ],
)
def test_a_calendar_without_an_answer_is_refused(hours: Hours, overlay: dict[str, dict[str, str]]) -> None:
    with pytest.raises(CalendarError):
        calendar(hours, Overlay(**overlay), 2026)
