"""A book as a table to read, as JSON, or as CSV: entry by entry, the same octets for the same log."""

import csv
from enum import StrEnum
from typing import IO, Any, Protocol

import msgspec

from contracts.values import from_instant, local_instant
from services.commands.terminal import ERR, table, thai_time
from services.register.listing import Entry

AT_ONCE = 500
ERASED = "(erased)"
WITHHELD = "(classified)"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How the book is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class Writer(Protocol):
    """Takes entries one by one."""

    def take(self, entry: Entry) -> None:
        """Write one."""

    def end(self) -> None:
        """Write what closes the whole."""


class Table:
    """A table for a person; a long book comes in pieces, so that memory has a bound.

    Numbers are written alike in several series, so their names stand beside them.
    """

    def __init__(self, file: IO[str], *, several: bool, series: bool = True) -> None:
        self._several = several
        self._series = series
        self._rows: list[tuple[str, ...]] = []
        self._said = 0

    def take(self, entry: Entry) -> None:
        """Write one, at the latest with AT_ONCE others."""
        row, record = entry.row, None if entry.withheld else entry.record
        missing = WITHHELD if entry.withheld else ERASED
        cells = (
            row.number_text,
            thai_time(row.received_at),
            "" if row.deemed_at.startswith(local_minute(row.received_at)) else thai_time(row.deemed_at)[:-3],
            (record.sender or "") if record is not None else missing,
            (record.subject or "") if record is not None else missing,
            remarks(entry),
        )
        book = " ".join([*[row.agency] * self._several, *[row.series] * self._series])
        self._rows.append((book, *cells) if book else cells)
        if len(self._rows) == AT_ONCE:
            self._print()

    def end(self) -> None:
        """Write what closes the whole."""
        if self._rows:
            self._print()
        elif not self._said:
            ERR.print("no entry yet")

    def _print(self) -> None:
        heads = ("number", "received", "deemed", "from", "subject", "remarks")
        table(("book", *heads) if self._several or self._series else heads, self._rows)
        self._said += len(self._rows)
        self._rows = []


class Json:
    """JSON: an array, or an object a line."""

    def __init__(self, file: IO[str], *, lines: bool) -> None:
        self._file, self._lines, self._count = file, lines, 0

    def take(self, entry: Entry) -> None:
        """Write one."""
        text = msgspec.json.encode(entry.flat()).decode()
        self._file.write(f"{text}\n" if self._lines else f"{',' if self._count else '['}\n{text}")
        self._count += 1

    def end(self) -> None:
        """Write what closes the whole."""
        if not self._lines:
            self._file.write("\n]\n" if self._count else "[]\n")


class Csv:
    """CSV for spreadsheets (RFC 4180); the first row names the fields."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file)
        self._named = False

    def take(self, entry: Entry) -> None:
        """Write one."""
        fields = entry.flat()
        if not self._named:
            self._writer.writerow(fields)
            self._named = True
        self._writer.writerow([_cell(value) for value in fields.values()])

    def end(self) -> None:
        """Nothing closes it."""


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return msgspec.json.encode(value).decode()


def remarks(entry: Entry) -> str:
    """What happened to an entry, in a few words; then what the register remarked."""
    said: list[str] = []
    if (void := entry.voided) is not None:
        said.append("ยกเลิก" + (f" ({void.order.by}: {void.order.reason})" if void.order is not None else ""))
    if (moved := entry.moved) is not None:
        said.append(f"moved to {moved.to_series} {moved.to_number}/{moved.to_year}")
    if entry.row.moved_from is not None:
        said.append(f"moved from {entry.row.moved_from}")
    if entry.row.channel != "mail":
        said.append(entry.row.channel + (f" (entered by {entry.entered.by})" if entry.entered is not None else ""))
    if any(act.kind == "corrected" for act in entry.acts):
        said.append("corrected")
    if entry.notes:
        newest = entry.notes[-1]
        by = f" ({newest.order.by})" if newest.order is not None else ""
        said.append(f"{newest.text or ERASED}{by}")
    return " · ".join([*said, *entry.row.remarks])


def local_minute(instant: str) -> str:
    """The minute of an instant in Thai time, to see whether the deemed time is another."""
    return local_instant(from_instant(instant))[:16]
