"""The audit's word on deemed times: by the calendar that a row names, if the directory has or had it."""

import pytest

from contracts.directory import Agency, Hours, LaterHours, Overlay
from services.audit.deemed import Deemings
from services.audit.report import Report
from services.register.assessment import working_days
from tests import receipts
from tests.books import agency

ENTERED = "2026-06-17T11:00:00.000000Z"  # 18:00, a Wednesday
PRESENT = agency(overlay=Overlay(closed={"2026-06-18": "ปิด"}))
FORMER = agency()
EARLIEST = agency(hours=Hours(later=(LaterHours(valid_from="2026-06-18", opens="09:00"),)))


def judged(by: Agency, deemed_at: str, *known: Agency) -> tuple[list[str], int]:
    report = Report(agency=None)
    row = receipts.row(
        agency="demo",
        received_at=ENTERED,
        deemed_at=deemed_at,
        year=2569,
        calendar=working_days(by, 2026).digest,
    )
    Deemings(report, {"demo": known}).check(row, "here")
    return [problem.words for problem in report.problems], report.counts.other_calendars


@pytest.mark.parametrize(
    ("by", "deemed_at"),
    [
        (PRESENT, "2026-06-19T08:30:00+07:00"),
        (FORMER, "2026-06-18T08:30:00+07:00"),
        (EARLIEST, "2026-06-18T09:00:00+07:00"),
    ],
)
def test_each_row_by_the_calendar_it_names(by: Agency, deemed_at: str) -> None:
    known = (PRESENT, FORMER, EARLIEST)
    assert judged(by, deemed_at, *known) == ([], 0)
    problems, _ = judged(by, "2026-06-22T08:30:00+07:00", *known)
    assert len(problems) == 1
    assert deemed_at in problems[0]


def test_a_calendar_that_nobody_knows_any_more_is_counted() -> None:
    assert judged(EARLIEST, "2026-06-22T08:30:00+07:00", PRESENT, FORMER) == ([], 1)
