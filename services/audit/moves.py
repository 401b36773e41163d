"""Entries that were moved: where one ends, the same letter goes on, once, with its own times.

Both halves are stored in one batch, so they are paired by the order that both name.
"""

from msgspec import Struct

from contracts import codec
from contracts.register import EntryMoved, LetterEntered
from services.audit.entry import entry
from services.audit.report import Report
from services.runtime.bus import Bus

SAME = (
    "agency",
    "channel",
    "mail",
    "sha256",
    "size",
    "received_at",
    "bound_ms",
    "within_bound",
    "deemed_at",
    "position",
)
"""What the entry that goes on says as the one it continues said it."""


class Half(Struct):
    """One of the two rows, until the other one comes."""

    body: bytes
    where: str


class Moves:
    """The halves that were read."""

    def __init__(self, bus: Bus, report: Report, halves: dict[int, Half] | None = None) -> None:
        self._bus = bus
        self._report = report
        self.halves: dict[int, Half] = halves or {}

    async def row(self, row: EntryMoved | LetterEntered, body: bytes, where: str) -> None:
        """One half of a move. Raises the errors of the bus."""
        if row.order is None:
            self._report.broken("order_effect", where, "was moved here, but names no order")
            return
        other = self.halves.pop(row.order.sequence, None)
        if other is None:
            self.halves[row.order.sequence] = Half(body, where)
            return
        before = codec.decode(other.body, EntryMoved, LetterEntered)
        if isinstance(row, EntryMoved) and isinstance(before, LetterEntered):
            await self._compare(row, before, other.where)
        elif isinstance(row, LetterEntered) and isinstance(before, EntryMoved):
            await self._compare(before, row, where)

    async def _compare(self, moved: EntryMoved, entered: LetterEntered, where: str) -> None:
        if (moved.agency, moved.to_series, moved.to_year, moved.to_number) != (
            entered.agency,
            entered.series,
            entered.year,
            entered.number,
        ):
            to = f"{moved.agency} {moved.to_series} {moved.to_year} no. {moved.to_number}"
            self._report.broken("order_effect", where, f"is not where the entry was moved to: {to}")
        origin = await entry(self._bus, moved.nats_subject, moved.number)
        if origin is None:
            self._report.broken("order_effect", where, f"goes on from number {moved.number}, which is not there")
            return
        wrong = [name for name in SAME if getattr(origin, name) != getattr(entered, name)]
        if entered.moved_from != origin.number_text:
            wrong.append("moved_from")
        if wrong:
            self._report.broken("order_effect", where, f"is not the letter it goes on from: {', '.join(wrong)} differ")

    def finish(self) -> None:
        """No more rows: a half without the other lost or doubled an entry."""
        for half in self.halves.values():
            self._report.broken("order_effect", half.where, "is half of a move; the other half is not there")
