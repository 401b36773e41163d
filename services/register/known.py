"""What one worker knows of the register. All of it can be read again; a conflict says when that is due."""

from collections.abc import Iterable

from contracts.event import Position, Reached
from contracts.streams import GUARD_TTL_SECONDS
from services.register.book import End


class Numbered:
    """Letters that have their number, as long as their guard lives; the oldest are forgotten beyond `bound`.

    What is forgotten here is still in the guard: the batch conflicts, and the guard is read.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._since: dict[str, float] = {}

    def __contains__(self, mail: str) -> bool:
        return mail in self._since

    def __len__(self) -> int:
        return len(self._since)

    def add(self, mails: Iterable[str], now: float) -> None:
        """Remember letters numbered at `now` (seconds since the epoch), and forget those whose guard is gone."""
        since = self._since
        for mail in mails:
            since.pop(mail, None)  # so that the order stays that of age
            since[mail] = now
        # Collected first: a dictionary walks over all that was taken from its front to find its first key again.
        surplus, forgotten = len(since) - self._bound, []
        for place, (mail, then) in enumerate(since.items()):
            if place >= surplus and now - then < GUARD_TTL_SECONDS:
                break
            forgotten.append(mail)
        for mail in forgotten:
            del since[mail]


class Known:
    """Ends of books and notices by subject, the letters that are numbered, and how far the register has read."""

    def __init__(self, remembered: int, books: int = 20_000) -> None:
        self.ends: dict[str, End] = {}
        self.notices: dict[str, int] = {}
        self.numbered = Numbered(remembered)
        self.reached = Reached()
        self.last = 0
        """Sequence of the last message of REGISTER; everything else here is from then or later."""
        self._books = books

    def reach(self, other: Reached) -> None:
        """Take over what somebody read further than we knew of; never goes back."""
        mail, orders = self.reached.mail, self.reached.orders
        if other.mail is not None and not at_or_before(other.mail, mail):
            mail = other.mail
        if other.orders is not None and not at_or_before(other.orders, orders):
            orders = other.orders
        self.reached = Reached(mail=mail, orders=orders)

    def bound(self) -> None:
        """Forget the books that were not written for longest, beyond the bound."""
        while len(self.ends) > self._books:
            del self.ends[next(iter(self.ends))]

    def forget(self) -> None:
        """Somebody else wrote: read the ends again before the next batch. What is numbered stays numbered."""
        self.ends.clear()
        self.notices.clear()


def at_or_before(position: Position, reached: Position | None) -> bool:
    """Whether `position` lies at or before `reached`; MAIL_2569 is before MAIL_2570."""
    return reached is not None and (position.stream, position.sequence) <= (reached.stream, reached.sequence)
