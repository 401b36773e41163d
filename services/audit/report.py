"""What an audit found."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

KEPT = 1_000
"""Problems that are kept with their words; the rest are counted."""

Code = Literal[
    "row",  # a message of a book that is no row of that book
    "link",  # a row does not continue the one before it
    "number",  # numbers of a book are not first..n
    "opening",  # a book opened twice, or after its first entry
    "order",  # numbers do not follow the order in which MAIL stored the letters
    "unnumbered",  # a letter has neither row nor notice
    "twice",  # a letter has two rows
    "letter",  # a row or notice points to what is no letter, or to another one
    "bytes",  # stored octets are not those that were digested
    "stamp",  # a row's times are not those of the ingress
    "deemed",  # a deemed time or a book's year does not follow from the instant and the calendar
    "record",  # a record is not the one its row commits to
    "guard",  # a guard says another number than the row
    "receipt",  # a final receipt is missing, doubled, or of another row
    "order_effect",  # an order was not carried out, more than once, or otherwise than it says
    "head",  # a signed head is not that of its book, is missing, or its signature does not hold
    "mail",  # a letter was answered with another mail than its provisional and its final one
    "store",  # what was proven before is not there any more: the store was exchanged, cut or changed
    "limit",  # a stream, bucket or consumer is not configured as the contracts say
]

Progress = Callable[[str, int, int], None]
"""Told now and then: what is read, how many messages of it are done, how many there are."""


class Problem(Struct, frozen=True, kw_only=True):
    """One promise that is broken."""

    code: Code
    where: Annotated[str, Meta(description="Book, number and place, such as `demo received 2569 no. 7 (REGISTER:21)`.")]
    words: str

    def __str__(self) -> str:
        return f"{self.where}: {self.words}"


class Counts(Struct, kw_only=True):
    """What was looked at, and what could not be."""

    books: int = 0
    rows: int = 0
    notices: int = 0
    letters: int = 0
    octets: int = 0
    receipts: int = 0
    orders: Annotated[int, Meta(description="Orders that rows carry out.")] = 0
    heads: Annotated[int, Meta(description="Signed heads of books.")] = 0
    mails: Annotated[int, Meta(description="Receipt mails that RECEIPTS tells of.")] = 0
    waiting_letters: Annotated[int, Meta(description="Letters that the register has not come to.")] = 0
    waiting_receipts: Annotated[int, Meta(description="Rows that sign has not come to.")] = 0
    waiting_orders: Annotated[int, Meta(description="Orders that the register has not come to.")] = 0
    waiting_heads: Annotated[int, Meta(description="Books whose newest rows are not signed yet.")] = 0
    other_places: Annotated[
        int, Meta(description="Signed heads whose row lies elsewhere than they say: the register was built anew.")
    ] = 0
    erased_letters: Annotated[int, Meta(description="Letters that the retention role erased; their rows stay.")] = 0
    erased_records: int = 0
    other_calendars: Annotated[
        int,
        Meta(
            description="Rows whose calendar the directory does not know (any more): deemed_at was not computed again."
        ),
    ] = 0


class Report(Struct, kw_only=True):
    """The outcome. Nothing is proven where `problems` is not empty."""

    agency: Annotated[str | None, Meta(description="None: all agencies.")]
    counts: Counts = msgspec.field(default_factory=Counts)
    problems: list[Problem] = []
    more: Annotated[int, Meta(description="Problems beyond those that are listed.")] = 0
    resumed: Annotated[
        str | None,
        Meta(description="When what lies before was proven; None: everything was read from the start."),
    ] = None
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every promise was found kept."""
        return not self.problems

    def settle(self) -> None:
        """Forget what is only true of one moment: a run that goes on counts it anew."""
        counts = self.counts
        counts.letters -= counts.waiting_letters
        counts.waiting_letters = counts.waiting_receipts = counts.waiting_orders = counts.waiting_heads = 0

    def broken(self, code: Code, where: str, words: str) -> None:
        """Note a broken promise."""
        if len(self.problems) < KEPT:
            self.problems.append(Problem(code=code, where=where, words=words))
        else:
            self.more += 1
