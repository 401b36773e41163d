"""An entry as it stands: its row, the record that holds now, and whether it was voided or moved."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.register import EntryMoved, LetterEntered, LetterRecorded


class Standing(Struct, frozen=True, kw_only=True):
    """What an order about an entry rests on."""

    row: LetterEntered
    record: Annotated[LetterRecorded | None, Meta(description="The newest one; None: erased.")]
    voided: bool = False
    moved: EntryMoved | None = None

    @property
    def ended(self) -> str:
        """Why it cannot be voided or moved; empty if it can."""
        if self.voided:
            return f"{self.row.number_text} is void already"
        return self.gone

    @property
    def gone(self) -> str:
        """Where it was moved to, in words; empty if it was not."""
        if self.moved is None:
            return ""
        to = self.moved
        return f"{self.row.number_text} was moved to {to.to_series} {to.to_year} number {to.to_number}"
