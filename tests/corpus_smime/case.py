"""One mail of the corpus: how it is made, which clause decides, and what that clause says."""

from collections.abc import Callable
from typing import NamedTuple

from tests.corpus_smime.world import World


class Expected(NamedTuple):
    """The verdict on one signature."""

    sub_indication: str | None = None
    """None is TOTAL-PASSED."""
    coverage: str = "whole"
    part: str = ""

    @property
    def indication(self) -> str:
        """By EN 319 102-1 tables 5 and 6: which main indication the sub-indication belongs to."""
        if self.sub_indication is None:
            return "TOTAL-PASSED"
        failed = {"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "REVOKED", "NOT_YET_VALID"}
        return "TOTAL-FAILED" if self.sub_indication in failed else "INDETERMINATE"


class Case(NamedTuple):
    """One property."""

    name: str
    how: str
    clause: str
    make: Callable[[World], bytes]
    verdicts: tuple[Expected, ...]
    warnings: tuple[str, ...] = ()
    """Every warning of the letter, sorted."""
    files: tuple[str, ...] | None = None
    """The attachments, where they are what matters."""


PASSED = (Expected(),)


def failed(sub_indication: str, coverage: str = "whole") -> tuple[Expected, ...]:
    """One signature with this verdict."""
    return (Expected(sub_indication, coverage),)
