"""One number per letter within the guard's life, and every repeat has its number (invariant 3)."""

from hashlib import blake2b

from contracts import codec
from contracts.register import LetterEntered, NoticeKept
from contracts.streams import GUARD_TTL_SECONDS, REGISTER
from contracts.values import from_instant
from services.audit.report import Report
from services.audit.seen import Seen
from services.runtime.bus import Bus
from services.runtime.letters import read_message

MARGIN_SECONDS = 86_400
"""A guard's life begins when its row is stored, which a stopped register may put off."""

LIFE_SECONDS = GUARD_TTL_SECONDS - MARGIN_SECONDS
KEEP_NS = (GUARD_TTL_SECONDS + MARGIN_SECONDS) * 1_000_000_000


class Repeats:
    """The letters numbered lately."""

    def __init__(self, bus: Bus, report: Report, seen: Seen) -> None:
        self._bus = bus
        self._report = report
        self._seen = seen

    async def row(self, row: LetterEntered, sequence: int, stored_ns: int, where: str) -> None:
        """A letter has a number: it must not have had one. Raises Unavailable."""
        if row.mail is None or row.moved_from is not None:
            return
        key = _key(row.agency, row.mail)
        for candidate in self._seen.find(key):
            if candidate < sequence:
                await self._compare(row, stored_ns, candidate, where)
        self._seen.add(key, sequence, stored_ns)

    async def _compare(self, row: LetterEntered, stored_ns: int, candidate: int, where: str) -> None:
        found = await read_message(self._bus.nc, REGISTER.family, candidate, self._bus.timeout)
        if found is None:
            return  # its absence is said where its book is followed
        try:
            before = codec.decode(found.body, LetterEntered)
        except codec.UndecodableError:
            return
        if (before.agency, before.mail) != (row.agency, row.mail):
            return
        received = (from_instant(row.received_at) - from_instant(before.received_at)).total_seconds()
        if received < LIFE_SECONDS and stored_ns / 1e9 - found.stored_at.timestamp() < LIFE_SECONDS:
            there = f"{before.agency} {before.series} {before.year} no. {before.number} ({REGISTER.family}:{candidate})"
            self._report.broken("twice", where, f"is a letter that has a number already: {there}")

    def notice(self, notice: NoticeKept, where: str) -> None:
        """A repeat takes no number because the letter has one."""
        if notice.kind != "repeated" or not self._seen.state.complete:
            return
        if next(self._seen.find(_key(notice.agency, notice.mail)), None) is None:
            self._report.broken("unnumbered", where, "is said to be a repeat, but no book has the letter")


def _key(agency: str, mail: str) -> int:
    return int.from_bytes(blake2b(f"{agency}:{mail}".encode(), digest_size=8).digest(), "big")
