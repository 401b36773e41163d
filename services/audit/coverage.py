"""Rows and notices against the letters of MAIL: each letter once, in order, with its own stamp (invariants 3 to 5).

Both sides come in the order of MAIL, so they are walked side by side: what is in memory is what does not fit.
"""

from collections.abc import AsyncIterator

from contracts.event import Position
from contracts.mail import MailReceived
from contracts.register import LetterEntered, NoticeKept
from contracts.values import instant
from services.audit.letters import Letter, Place, place
from services.audit.report import Report
from services.runtime.bus import Bus
from services.runtime.letters import read_message

PASSED = 10_000
"""Letters that were passed without a row and are remembered, in case their rows come out of order."""


class Coverage:
    """Which letters are accounted for."""

    def __init__(
        self,
        bus: Bus,
        report: Report,
        letters: AsyncIterator[Letter],
        streams: dict[str, int],
        reached: Position | None,
        proven: Place = ("", 0),
    ) -> None:
        self._bus = bus
        self._report = report
        self._letters = letters
        self._streams = streams
        self.reached: Place = place(reached) if reached else ("", 0)
        self._ahead: Letter | None = None
        self._ended = False
        self.newest: Place = proven
        """The newest letter that has its row or notice; `letters` begins behind it."""
        self._passed: dict[Place, Letter] = {}

    @property
    def whole(self) -> bool:
        """Whether every letter up to the newest one has its row or notice."""
        return not self._passed

    async def account(self, entry: LetterEntered | NoticeKept, where: str) -> None:
        """A row or a notice says that it is of the letter at its position."""
        if entry.position is None:
            self._report.broken("letter", where, "came by mail, but names no place in MAIL")
            return
        at = place(entry.position)
        if at == self.newest:
            self._report.broken("twice", where, f"the letter at {entry.position} has a row or notice already")
            return
        if at < self.newest:
            self._report.broken(
                "order", where, f"the letter at {entry.position} comes after one that MAIL stored later"
            )
        self.newest = max(at, self.newest)
        letter = await self._find(at)
        if letter is not None:
            self._compare(entry, entry.position, letter, where)
        else:
            await self._absent(entry, entry.position, where)

    async def finish(self) -> None:
        """Walk the rest of MAIL: letters behind the place the register has reached are waiting, not lost."""
        await self._find(("~", 0))
        for letter in self._passed.values():
            self._unnumbered(letter)

    async def _find(self, at: Place) -> Letter | None:
        while not self._ended:
            if self._ahead is None:
                self._ahead = await anext(self._letters, None)
                if self._ahead is None:
                    self._ended = True
                    break
            if self._ahead.place == at:
                found, self._ahead = self._ahead, None
                return found
            if self._ahead.place > at:
                break
            self._pass(self._ahead)
            self._ahead = None
        return self._passed.pop(at, None)

    def _pass(self, letter: Letter) -> None:
        if letter.place > self.reached:
            self._report.counts.waiting_letters += 1
            return
        self._passed[letter.place] = letter
        if len(self._passed) > PASSED:
            self._unnumbered(self._passed.pop(next(iter(self._passed))))

    def _unnumbered(self, letter: Letter) -> None:
        self._report.broken("unnumbered", letter.where, "has neither a number nor a notice")

    async def _absent(self, entry: LetterEntered | NoticeKept, position: Position, where: str) -> None:
        """Erased, with the whole year or by itself; or it was never there."""
        last = self._streams.get(position.stream)
        if last is None:
            if self._streams and position.stream < min(self._streams):
                self._report.counts.erased_letters += 1  # the year is archived
            else:
                self._report.broken("letter", where, f"names {position}, and there is no such stream")
        elif position.sequence > last:
            self._report.broken("letter", where, f"names {position}, and the stream ends at {last}")
        elif (found := await read_message(self._bus.nc, position.stream, position.sequence)) is not None:
            self._report.broken("letter", where, f"names {position}, where {found.subject} lies")
        else:
            self._report.counts.erased_letters += 1

    def _compare(self, entry: LetterEntered | NoticeKept, position: Position, letter: Letter, where: str) -> None:
        event = letter.event
        if entry.agency != letter.agency:
            self._report.broken("letter", where, f"names {position}, a letter of {letter.agency}")
        elif event is None:
            self._compare_unreadable(entry, letter, where)
        elif entry.mail != event.mail:
            self._report.broken("letter", where, f"names {position}, where another letter lies")
        else:
            if position.parts != event.parts:
                self._report.broken("letter", where, f"says {position.parts} parts; the letter has {event.parts}")
            self._compare_stamp(entry, event, where)

    def _compare_stamp(self, entry: LetterEntered | NoticeKept, event: MailReceived, where: str) -> None:
        pairs: list[tuple[str, object, object]] = [("received_at", entry.received_at, event.received_at)]
        if isinstance(entry, LetterEntered):
            pairs += [
                ("bound_ms", entry.bound_ms, event.bound_ms),
                ("within_bound", entry.within_bound, event.within_bound),
            ]
            if (entry.sha256, entry.size) != (event.sha256, event.size):
                self._report.broken("letter", where, "its digest or size is not that of the letter at its position")
        for name, said, was in pairs:
            if said != was:
                self._report.broken("stamp", where, f"{name} is {said}; the ingress said {was}")

    def _compare_unreadable(self, entry: LetterEntered | NoticeKept, letter: Letter, where: str) -> None:
        """The headers are no event: what could be read of them stands in the row, the rest is the stream's."""
        if isinstance(entry, LetterEntered) and "unreadable" not in entry.remarks:
            self._report.broken("letter", where, f"{letter.where} cannot be read, and the row does not say so")
        elif (
            isinstance(entry, LetterEntered)
            and entry.bound_ms is None
            and entry.received_at > instant(letter.stored_ns)
        ):
            self._report.broken("stamp", where, "was received after its letter was stored")
