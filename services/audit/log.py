"""Every line the audit logs. Names of events are stated only here."""

from services.audit.report import Report
from services.runtime import logs

LINES = 5
"""Problems of a run that are logged; `saraban audit` shows all."""

_log = logs.get()


def proven(report: Report) -> None:
    """Every promise was found kept."""
    counts = report.counts
    _log.info(
        "audit.holds",
        rows=counts.rows,
        letters=counts.letters,
        receipts=counts.receipts,
        heads=counts.heads,
        waiting=counts.waiting_letters + counts.waiting_receipts,
        whole=report.resumed is None,
        duration_seconds=round(report.seconds, 3),
    )


def broken(report: Report) -> None:
    """A promise is broken: somebody has to look."""
    for problem in report.problems[:LINES]:
        _log.error("audit.broken", code=problem.code, where=problem.where, words=problem.words)
    left = len(report.problems) - LINES + report.more
    if left > 0:
        _log.error("audit.broken_besides", problems=left)


def unproven(reason: str) -> None:
    """Nothing could be proven, nor disproven. Said once for a reason."""
    _log.warning("audit.unproven", reason=reason)
