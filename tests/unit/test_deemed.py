"""The deemed time: DOMAIN.md's vectors, and what must hold for every instant of thirty years."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.directory import Hours, Overlay
from contracts.values import BANGKOK
from services.register.calendar import Calendar, calendar
from services.register.deemed import deemed

VECTORS = [
    ("2026-05-29T10:00:00+07:00", "2026-05-29T10:00:00+07:00", "in hours"),
    ("2026-05-29T16:30:00.000000+07:00", "2026-06-02T08:30:00+07:00", "hours have ended; Visakha and its substitute"),
    ("2026-05-01T10:00:00+07:00", "2026-05-01T10:00:00+07:00", "Labour Day: offices open"),
    ("2026-05-13T10:00:00+07:00", "2026-05-14T08:30:00+07:00", "Ploughing Day: offices closed"),
    ("2026-12-30T16:31:00+07:00", "2027-01-04T08:30:00+07:00", "two holidays and a weekend; crosses the book's year"),
]
EDGES = [
    ("2026-05-29T16:29:59.999999+07:00", "2026-05-29T16:29:59.999999+07:00", "the last microsecond"),
    ("2026-05-29T08:30:00+07:00", "2026-05-29T08:30:00+07:00", "the first instant"),
    ("2026-05-29T08:29:59.999999+07:00", "2026-05-29T08:30:00+07:00", "too early on a working day: the same day"),
    ("2026-05-29T12:15:00+07:00", "2026-05-29T12:15:00+07:00", "the lunch hour counts"),
    ("2026-05-29T03:00:00+00:00", "2026-05-29T10:00:00+07:00", "an instant in another zone is the same instant"),
    ("2027-05-03T10:00:00+07:00", "2027-05-03T10:00:00+07:00", "the substitute of Labour Day is a working day too"),
]


def national(year: int) -> Calendar:
    return calendar(Hours(), Overlay(), year)


def counted(entered: datetime) -> datetime:
    return deemed(entered, national(entered.astimezone(BANGKOK).year))


@pytest.mark.parametrize(("entered", "expected", "why"), VECTORS + EDGES)
def test_a_letter_counts_as_received_when_the_office_is_open(entered: str, expected: str, why: str) -> None:
    assert counted(datetime.fromisoformat(entered)) == datetime.fromisoformat(expected), why


instants = st.datetimes(
    min_value=datetime(2017, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2047, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@given(instants, instants)
@example(datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC), datetime(2026, 12, 31, 17, tzinfo=UTC))
def test_who_knocks_earlier_is_not_received_later(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert counted(first) <= counted(second)


@given(instants)
def test_it_is_in_office_hours_never_before_it_came_and_stays(entered: datetime) -> None:
    found = counted(entered)
    assert found >= entered
    assert time(8, 30) <= found.time() < time(16, 30)
    assert found.utcoffset() == timedelta(hours=7)
    assert national(found.year).works(found.date())
    assert counted(found) == found


def test_it_stays_on_the_calendar_of_the_year_it_came_in() -> None:
    """The calendar of a year reaches to the first working day of the next: one hash explains the whole answer."""
    old = national(2026)
    assert deemed(datetime(2027, 1, 4, 8, 30, tzinfo=BANGKOK), old) == datetime(2027, 1, 4, 8, 30, tzinfo=BANGKOK)


@given(
    instants,
    st.lists(st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31)), max_size=40, unique=True),
    st.integers(0, 22),
    st.integers(1, 59),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_the_same_holds_for_any_hours_and_overlay(
    entered: datetime, closed: list[date], opens: int, minutes: int, weekdays: frozenset[int]
) -> None:
    entered = entered.replace(year=2026, day=min(entered.day, 28))
    hours = Hours(opens=f"{opens:02d}:00", closes=f"{opens + 1:02d}:{minutes:02d}", weekdays=tuple(sorted(weekdays)))
    days = calendar(hours, Overlay(closed={day.isoformat(): "ปิด" for day in closed}), entered.astimezone(BANGKOK).year)
    found = deemed(entered, days)
    assert found >= entered
    assert days.opens <= found.time() < days.closes
    assert days.works(found.date())
    assert deemed(found, days) == found


def test_every_day_of_thirty_years() -> None:
    last = datetime(2016, 12, 31, tzinfo=BANGKOK)
    day = date(2017, 1, 1)
    while day < date(2047, 1, 1):
        days = national(day.year)
        for at in (time(0), time(8, 30), time(12, 0), time(16, 29, 59), time(16, 30)):
            found = deemed(datetime.combine(day, at, BANGKOK), days)
            assert last <= found
            assert found - datetime.combine(day, at, BANGKOK) < timedelta(days=11)
            last = found
        day += timedelta(days=1)
