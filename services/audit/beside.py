"""What lies beside a row: its erasable record and its guard (invariants 3 and 12).

They are stored in one batch with the row, directly behind it; a record that is not there was erased.
"""

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct

from contracts import codec
from contracts.orders import CorrectOrdered, EnterOrdered, Order
from contracts.register import EntryCorrected, LetterEntered, LetterGuarded, LetterRecorded
from contracts.streams import BATCH_MESSAGES
from contracts.values import sha256_hex
from services.audit.reading import Message
from services.audit.report import Report

Key = tuple[str, str, int, int]
"""Agency, series, year, number."""

_SAID = ("letter_number", "letter_date", "sender", "addressee", "subject")


class Expected(Struct):
    """What a row of the newest batches expects beside it."""

    key: Key
    mail: str | None
    records: set[str]
    says: bytes = b""
    """The order that entered or corrected it: its record says what the order says."""


class Beside:
    """The rows of the newest batches, and what they expect beside them."""

    def __init__(self, report: Report, proven: Iterable[Expected] = ()) -> None:
        self._report = report
        self._rows: OrderedDict[Key, Expected] = OrderedDict((row.key, row) for row in proven)

    @property
    def open(self) -> list[Expected]:
        """What may still come."""
        return list(self._rows.values())

    def row(self, row: LetterEntered | EntryCorrected, order: Order | None = None) -> None:
        """A row that commits to a record, and the order it carries out."""
        key = (row.agency, row.series, row.year, row.number)
        before = self._rows.pop(key, None)
        mail = row.mail if isinstance(row, LetterEntered) else before.mail if before else None
        says = codec.encode(order) if isinstance(order, EnterOrdered | CorrectOrdered) else b""
        self._rows[key] = Expected(key, mail, (before.records if before else set()) | {row.record}, says)
        if len(self._rows) > BATCH_MESSAGES:
            self._forget(self._rows.popitem(last=False)[1])

    def record(self, event: LetterRecorded, message: Message) -> None:
        """A record: it must be the one that its row commits to."""
        row = self._rows.get((event.agency, event.series, event.year, event.number))
        where = f"{event.agency} {event.series} {event.year} no. {event.number} ({message})"
        digest = sha256_hex(message.body)
        if row is None:
            self._report.broken("record", where, "is a record without its row before it")
        elif digest not in row.records:
            self._report.broken("record", where, "is not the record that its row commits to")
        else:
            row.records.discard(digest)
            if row.says:
                self._compare(event, codec.decode(row.says, EnterOrdered, CorrectOrdered), where)
                row.says = b""

    def _compare(self, record: LetterRecorded, order: Order, where: str) -> None:
        """What an officer wrote stands in the record; sealed for the registrar, nobody else can see it."""
        if record.series == "classified":
            return
        names = [name for name in _SAID if getattr(order, name) not in (None, getattr(record, name))]
        if names:
            self._report.broken("record", where, f"does not say what its order says: {', '.join(names)}")

    def guard(self, event: LetterGuarded, message: Message) -> None:
        """A guard that has not expired: it must say the number of its row."""
        row = self._rows.get((event.agency, event.series, event.year, event.number))
        if row is None or row.mail != event.mail:
            where = f"{event.agency} {event.series} {event.year} no. {event.number} ({message})"
            self._report.broken("guard", where, "guards a number that its letter does not have")

    def finish(self) -> None:
        """No more rows."""
        while self._rows:
            self._forget(self._rows.popitem(last=False)[1])

    def _forget(self, row: Expected) -> None:
        self._report.counts.erased_records += len(row.records)
