"""The audit's metrics. Labels are closed sets: the report's codes, what waits, how much was read."""

import time
from collections import Counter as Tally
from typing import get_args

from prometheus_client import Counter, Gauge

from services.audit.report import Code, Report

HOLDS = Gauge(
    "saraban_audit_holds",
    "1 where the newest audit found every promise kept, 0 where one is broken.",
    ["read"],  # new: what came since the proven head | whole: everything from the start
    multiprocess_mode="livemin",
)
PROBLEMS = Gauge(
    "saraban_audit_problems",
    "Broken promises that the newest audit found.",
    ["code"],  # services/audit/report.py: Code
    multiprocess_mode="livemax",
)
RUNS = Counter(
    "saraban_audit_runs_total",
    "Audits of the running system.",
    ["outcome"],  # holds | broken | unproven
)
ROWS = Counter("saraban_audit_rows_proven_total", "Rows that were followed and found right; again at a whole audit.")
LAST = Gauge(
    "saraban_audit_last_run_timestamp_seconds",
    "When the newest audit that came to its end did.",
    multiprocess_mode="livemax",
)
SECONDS = Gauge(
    "saraban_audit_run_seconds",
    "How long the newest audit took.",
    ["read"],  # new | whole
    multiprocess_mode="livemax",
)
WAITING = Gauge(
    "saraban_audit_waiting",
    "What is on its way, as the newest audit saw it.",
    ["what"],  # letters | receipts | orders | heads
    multiprocess_mode="livemax",
)


def show(report: Report, rows_before: int) -> None:
    """The outcome of a run; `rows_before` were proven when it began."""
    read = "whole" if report.resumed is None else "new"
    HOLDS.labels(read).set(report.holds)
    if read == "whole":
        HOLDS.labels("new").set(report.holds)  # it read that as well
    SECONDS.labels(read).set(report.seconds)
    RUNS.labels("holds" if report.holds else "broken").inc()
    found = Tally(problem.code for problem in report.problems)
    for code in get_args(Code):
        PROBLEMS.labels(code).set(found[code])
    if report.holds:
        ROWS.inc(max(0, report.counts.rows - rows_before))
    LAST.set(time.time())
    for what in ("letters", "receipts", "orders", "heads"):
        WAITING.labels(what).set(getattr(report.counts, f"waiting_{what}"))
