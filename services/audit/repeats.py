"""One number per letter within the guard's life, and every repeat has its number (invariant 3)."""

from collections import OrderedDict
from hashlib import blake2b

from msgspec import Struct

from contracts.register import LetterEntered, NoticeKept
from contracts.streams import GUARD_TTL_SECONDS
from contracts.values import from_instant
from services.audit.report import Report

MARGIN_SECONDS = 86_400
"""A guard's life begins when its row is stored, which a stopped register may put off."""

REMEMBERED = 1_000_000
"""Letters that are remembered, about 150 octets each."""


class _Seen(Struct, frozen=True):
    received: float
    stored: float
    where: str


class Repeats:
    """The letters numbered lately."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._complete = True

    def row(self, row: LetterEntered, stored_ns: int, where: str) -> None:
        """A letter has a number: it must not have had one."""
        if row.mail is None or row.moved_from is not None:
            return
        key = _key(row.agency, row.mail)
        now = _Seen(from_instant(row.received_at).timestamp(), stored_ns / 1e9, where)
        before = self._seen.pop(key, None)
        life = GUARD_TTL_SECONDS - MARGIN_SECONDS
        if before and now.received - before.received < life and now.stored - before.stored < life:
            self._report.broken("twice", where, f"is a letter that has a number already: {before.where}")
        self._seen[key] = now
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
            self._complete = False

    def notice(self, notice: NoticeKept, where: str) -> None:
        """A repeat takes no number because the letter has one."""
        if notice.kind == "repeated" and self._complete and _key(notice.agency, notice.mail) not in self._seen:
            self._report.broken("unnumbered", where, "is said to be a repeat, but no book has the letter")


def _key(agency: str, mail: str) -> bytes:
    return blake2b(f"{agency}:{mail}".encode(), digest_size=16).digest()
