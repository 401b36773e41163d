"""Whether the receipt says what the row says that it carries, and whether the row's link follows (invariant 7)."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from contracts import chain, codec
from contracts.receipt import Receipt
from contracts.register import LetterEntered
from contracts.values import from_instant
from services.verify.field import FIELDS
from services.verify.report import Finding
from services.verify.sentences import say
from services.words import wording

_DIGITS: Final = re.compile(r"\d+")


def read(receipt: Receipt) -> LetterEntered | None:
    """The row, or None where its octets are none."""
    try:
        return codec.decode(receipt.proof.row, LetterEntered)
    except codec.UndecodableError:
        return None


def check(receipt: Receipt, row: LetterEntered | None) -> Iterator[Finding]:
    """Each fact of the receipt against the row, then the link."""
    if row is None:
        yield say("row_unreadable")
        return
    differs = [
        say(
            "row_differs",
            field=FIELDS[name].english,
            field_thai=FIELDS[name].thai,
            said=_shown(said),
            row=_shown(is_),
        )
        for name, said, is_ in _facts(receipt, row)
        if said != is_
    ]
    if not _numbered(row):
        differs.append(say("row_number_text", said=row.number_text, count=row.number))
    yield from differs
    if not differs:
        yield say(
            "row_agrees",
            number=row.number_text,
            count=row.number,
            series=row.series,
            series_thai=wording.SERIES[row.series],
            year=row.year,
        )
        yield _clock(row)
    linked = chain.next_link(row.previous, receipt.proof.row) == receipt.proof.link
    yield say("link_agrees" if linked else "link_differs")


def _facts(receipt: Receipt, row: LetterEntered) -> Iterator[tuple[str, object, object]]:
    yield "agency", receipt.agency, row.agency
    yield "series", receipt.series, row.series
    yield "year", receipt.year, row.year
    yield "number", receipt.number, row.number
    yield "register_number", receipt.register_number, row.number_text
    yield "received_at", receipt.clock.received_at, row.received_at
    yield "bound_ms", receipt.clock.bound_ms, row.bound_ms
    yield "within_bound", receipt.clock.within_bound, row.within_bound is True
    yield "deemed_at", receipt.deemed.at, row.deemed_at
    yield "calendar", receipt.deemed.calendar, row.calendar
    yield "mail", receipt.mail, row.mail
    yield "position", receipt.position, row.position
    yield "sha256", receipt.sha256, row.sha256
    yield "size", receipt.size, row.size
    yield "remarks", receipt.remarks, row.remarks
    yield "rules", receipt.rules, row.rules


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return " ".join(map(str, value)) or "-" if isinstance(value, tuple) else str(value)


def _numbered(row: LetterEntered) -> bool:
    """Whether the number stands in its own text, in any digits."""
    return any(int(run) == row.number for run in _DIGITS.findall(unicodedata.normalize("NFKC", row.number_text)))


def _clock(row: LetterEntered) -> Finding:
    at = from_instant(row.received_at)
    if row.within_bound and row.bound_ms is not None:
        return say("row_clock", at=at, bound=row.bound_ms)
    return say("row_clock_loose", at=at)
