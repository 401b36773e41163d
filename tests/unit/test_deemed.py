"""The deemed time: DOMAIN.md's vectors, and what must hold for every instant of thirty years."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.directory import Hours, LaterHours, Overlay
from contracts.values import BANGKOK
from services.register.calendar import Calendar, calendar
from services.register.deemed import deemed, passed

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


days = st.dates(min_value=date(2012, 1, 1), max_value=date(2042, 12, 31))
"""2555 to 2585."""
weekdays = st.frozensets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))


@st.composite
def times(draw: st.DrawFn) -> dict[str, str]:
    minutes = sorted(draw(st.lists(st.integers(0, 1_439), min_size=2, max_size=2, unique=True)))
    opens, closes = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
    return {"opens": opens, "closes": closes}


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    starts = sorted(draw(st.lists(days, max_size=4, unique=True)))
    later = tuple(
        LaterHours(valid_from=start.isoformat(), weekdays=draw(weekdays), **draw(times())) for start in starts
    )
    return Hours(weekdays=draw(weekdays), later=later, **draw(times()))


@st.composite
def overlays(draw: st.DrawFn) -> Overlay:
    """Single days, and stretches of some weeks, that are closed; single ones that are open."""
    closed = draw(st.lists(days, max_size=20))
    for start in draw(st.lists(days, max_size=3)):
        closed += [start + timedelta(days=each) for each in range(draw(st.integers(1, 40)))]
    opened = set(draw(st.lists(days, max_size=10))) - set(closed)
    return Overlay(closed={day.isoformat(): "ปิด" for day in closed}, open={day.isoformat(): "เปิด" for day in opened})


moments = st.builds(
    lambda day, second, micro: datetime.combine(day, time(), BANGKOK) + timedelta(seconds=second, microseconds=micro),
    days,
    st.integers(0, 86_399),
    st.sampled_from([0, 1, 999_999]),
)


@settings(max_examples=300)
@given(hours=hours(), overlay=overlays(), entered=moments, later=st.timedeltas(timedelta(0), timedelta(days=60)))
def test_the_same_holds_for_any_hours_and_overlay_of_thirty_years(
    hours: Hours, overlay: Overlay, entered: datetime, later: timedelta
) -> None:
    """Monotone, idempotent, in office hours, never before; also across the year, by the calendar of each instant."""

    def by(moment: datetime) -> Calendar:
        return calendar(hours, overlay, moment.astimezone(BANGKOK).year)

    found = deemed(entered, by(entered))
    assert found >= entered
    for says in (by(entered), by(found)):
        office = says.hours(found.date())
        assert says.works(found.date())
        assert office.opens <= found.time() < office.closes
        assert deemed(found, says) == found
    assert found <= deemed(entered + later, by(entered + later))
    # Nothing between counts: there is no office hour that the letter could have come to before.
    assert (passed(entered, by(entered)) == ()) is (found == entered)
    for one in passed(entered, by(entered)):
        if one.because == "closed":
            assert not by(entered).works(one.day)
            assert one.why


def test_why_it_waits_is_told_day_by_day() -> None:
    at = datetime(2026, 5, 29, 16, 30, tzinfo=BANGKOK)
    said = [(one.day.day, one.because, one.why) for one in passed(at, national(2026))]
    assert said == [
        (29, "too late", "16:30"),
        (30, "closed", "วันหยุดประจำสัปดาห์"),
        (31, "closed", "วันวิสาขบูชา"),
        (1, "closed", "ชดเชยวันวิสาขบูชา"),
    ]
    early = passed(at.replace(hour=7), national(2026))
    assert [(one.because, one.why) for one in early] == [("too early", "08:30")]
    assert passed(at.replace(hour=10), national(2026)) == ()


def test_hours_that_change_over_night() -> None:
    """16:10 is in hours on the last day of the old ones, and too late on the first of the new ones."""
    changed = Hours(later=(LaterHours(valid_from="2026-07-01", opens="08:00", closes="16:00"),))
    says = calendar(changed, Overlay(), 2026)
    assert deemed(datetime(2026, 6, 30, 16, 10, tzinfo=BANGKOK), says) == datetime(2026, 6, 30, 16, 10, tzinfo=BANGKOK)
    assert deemed(datetime(2026, 6, 30, 16, 30, tzinfo=BANGKOK), says) == datetime(2026, 7, 1, 8, 0, tzinfo=BANGKOK)
    assert deemed(datetime(2026, 7, 1, 16, 10, tzinfo=BANGKOK), says) == datetime(2026, 7, 2, 8, 0, tzinfo=BANGKOK)


def test_every_day_of_thirty_years() -> None:
    """2555 to 2585, the default calendar: monotone, idempotent, in hours, never more than ten days away."""
    edges = (time(0), time(8, 29, 59, 999_999), time(8, 30), time(12), time(16, 29, 59, 999_999), time(16, 30))
    last = datetime(2011, 12, 31, tzinfo=BANGKOK)
    day = date(2012, 1, 1)
    while day.year < 2043:
        says = national(day.year)
        for edge in edges:
            at = datetime.combine(day, edge, BANGKOK)
            found = deemed(at, says)
            assert last <= found
            assert timedelta(0) <= found - at < timedelta(days=11)
            assert time(8, 30) <= found.time() < time(16, 30)
            assert says.works(found.date())
            assert national(found.year).works(found.date())
            assert deemed(found, says) == found
            last = found
        day += timedelta(days=1)
