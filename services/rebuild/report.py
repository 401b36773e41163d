"""What a rebuild found, and what it would write."""

import msgspec
from msgspec import Struct

from services.runtime.batch import Outgoing


class Differs(Exception):  # noqa: N818 - reads as what was found
    """REGISTER, or what was signed, does not say what MAIL and ORDERS give; the sentence says where."""


class Addition(Struct, frozen=True):
    """One atomic write, and which of its messages stand for a record that nobody has any more."""

    messages: list[Outgoing]
    lost: list[int]


class Report(Struct, kw_only=True):
    """The outcome. Nothing is written where `problems` is not empty."""

    rows: int = 0
    notices: int = 0
    heads: int = 0
    """Signed heads that are those of the books, in length, link and place."""
    erased: int = 0
    """Rows whose letter is not in MAIL any more: taken as they are, proven by the links alone."""
    other_calendars: int = 0
    """Rows of another calendar than today's, whose deemed time was not computed again."""
    restored: int = 0
    """Rows that REGISTER lacks and receipts hold, octet for octet."""
    numbered_again: int = 0
    """Rows that REGISTER lacks and no receipt holds: written anew, with the number they must have had."""
    carried_again: int = 0
    """Rows that REGISTER lacks and orders wrote: written anew. No receipt holds them; where a head was signed behind
    them, its link proves them."""
    problems: list[str] = []
    additions: list[Addition] = msgspec.field(default_factory=list)
