"""What a case of the corpus is."""

from collections.abc import Callable
from typing import NamedTuple

from tests.pdf_corpus.authorities import Holder
from tests.pdf_corpus.making import Maker


class Expected(NamedTuple):
    """What the clause says of one signature of the file."""

    indication: str
    sub_indication: str | None
    coverage: str
    revision: str
    """The revision it covers, of how many: `2/3`."""
    level: str | None
    time_source: str = "claimed"


class World(NamedTuple):
    """What a case is made with."""

    maker: Maker
    who: dict[str, Holder]


class Case(NamedTuple):
    """One file with one property."""

    name: str
    clause: str
    """What decides it: EN 319 102-1 where nothing else is said."""
    make: Callable[[World], bytes]
    expected: tuple[Expected, ...]
    """In the order in which the signatures were made; empty: there is none to judge."""


def passed(
    coverage: str = "whole", revision: str = "2/2", level: str | None = "B-B", time: str = "claimed"
) -> Expected:
    return Expected("TOTAL-PASSED", None, coverage, revision, level, time)


def unclear(
    sub: str, coverage: str = "whole", revision: str = "2/2", level: str | None = "B-B", time: str = "claimed"
) -> Expected:
    return Expected("INDETERMINATE", sub, coverage, revision, level, time)


def failed(sub: str, coverage: str = "whole", revision: str = "2/2", time: str = "claimed") -> Expected:
    return Expected("TOTAL-FAILED", sub, coverage, revision, None, time)


BROKEN = Expected("TOTAL-FAILED", "FORMAT_FAILURE", "unknown", "-", None, "unknown")
"""No signature at all by its frame: nothing more can be said."""
NOT_CHECKED = Expected("INDETERMINATE", "GENERIC", "unknown", "-", None, "unknown")
"""The file cannot be read, or the kind of signature is not known."""


def removed(revision: str) -> Expected:
    return Expected("INDETERMINATE", "GENERIC", "changed afterwards", revision, None, "unknown")


def at(stamped: str = "2/2") -> Expected:
    """A document time-stamp that is good."""
    return passed("whole", stamped, None, "timestamp")
