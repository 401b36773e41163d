"""The decisions of the register, without any input or output: what is asked, what is stored, what after a conflict.

`carry_out` yields requests (requests.py) and is sent their answers. It has no clock, no network and no chance but
those it is given, so the same answers make the same register. transaction.py drives it against NATS, a simulator
against a model of it, a rebuild against an empty book.

1. rest on      for each order of the batch: was it given before, and how does its entry stand
2. learn        the ends of the books that are not known yet
3. number       rows, records, guards, notices of one batch          (numbering.py, effects.py)
4. refuse       orders that cannot be carried out, to DEAD           after all before them is stored, and before any
                                                                     row says that they were reached
5. commit       all or nothing, with the sequence each book must end at

crash before 5 ends     nothing is stored, or all of it; the position reached is in it, so neither is done twice
conflict in 5           nothing is stored: guards, ends and positions are read again, and what somebody else has
                        numbered in the meantime is left out
no answer to 5          this core is thrown away; if it is stored after all, what the next one reads shows it

What a driver guarantees:

- One core, one `Known`, one thing at a time: `begin` to its end, then one `carry_out` after the other. An exception
  that comes out of a generator ends the core and its `Known`; the next core begins with `begin`.
- Letters are handed over in the order of MAIL and orders in the order of ORDERS, from behind `known.reached` on,
  none left out, none changed. What a `carry_out` was given and did not carry out because of an exception is read
  again. Letters are assessed already (assessment.py), with the agency's directory entry of that moment.
- An answer tells the state of the stream's leader at a moment after the request was yielded, and what is stored
  stays stored. Where that may not hold (the connection was lost: the server may have come back with an older store)
  an exception is raised instead of an answer, and instead of the next `Commit`.
- `Commit` is atomic and durable and honours the headers `Nats-Expected-Last-Sequence`,
  `Nats-Expected-Last-Subject-Sequence` and `Nats-TTL` of each message, the conditions being those before the batch;
  its messages lie side by side. `Conflict` and `Busy` are thrown into the generator and mean that nothing is stored;
  any other error is raised out of the driver.
- `Refuse` returns after it is durable. A crash may repeat it: a refusal is known by the order's position.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from contracts.streams import BATCH_LETTERS
from services.register import numbering
from services.register.assessment import Assessment
from services.register.book import book_subject
from services.register.case import ABOUT_ENTRY, Case, case_of
from services.register.intake import OrderRead
from services.register.known import Known, at_or_before
from services.register.page import Batch, Salt, Seal
from services.register.requests import (
    AgencyAsked,
    Commit,
    EarlierOrder,
    Ends,
    EntryAsked,
    Guards,
    LastSequence,
    Notices,
    Opening,
    OrdersUpTo,
    Pause,
    ReachedAsked,
    Refuse,
    Request,
)
from services.runtime.errors import Busy, Conflict

BUSY_SECONDS: Final = 0.25
"""A batch that somebody abandoned holds one of the server's places for 10 s."""

CONFLICTS: Final = 20
"""So many in a row are no race any more; the worker starts afresh from what REGISTER says."""


ORDERS_AT_ONCE: Final = 100
"""Most orders of one batch."""


class OvertakenError(Exception):
    """Conflict after conflict: somebody else numbers, or what we read is not what is stored."""


class Core:
    """The register's decisions over what one worker knows."""

    def __init__(self, known: Known, salt: Salt, seal: Seal, now: Callable[[], float]) -> None:
        """`salt` makes 32 random octets, `seal` an envelope (numbering.py); `now` is seconds since the epoch."""
        self.known = known
        self._salt = salt
        self._seal = seal
        self._now = now
        self._refused: set[int] = set()

    def begin(self) -> Generator[Request, Any, None]:
        """Learn how far the register has got. To be run once, before any letter is read."""
        self.known.last = yield LastSequence()
        yield from self._reach()

    def carry_out(self, letters: Sequence[Assessment], orders: Sequence[OrderRead]) -> Generator[Request, Any, None]:
        """Carry out `orders`, then number `letters`, in their order; at its end all of it is in the register.

        Raises OvertakenError after too many conflicts in a row.
        """
        waiting, given = list(letters), list(orders)
        conflicts = 0
        while waiting or given:
            try:
                waiting, given = self._left(waiting, given)
                cases = yield from self._learn(waiting, given)
                if self._behind(waiting, given):
                    continue  # somebody else has done some of it meanwhile
                batch = yield from self._write(waiting if len(cases) == len(given) else [], cases)
            except Conflict as error:
                conflicts += 1
                if conflicts >= CONFLICTS:
                    raise OvertakenError(str(error)) from error
                batch = None
            except Busy:
                yield Pause(BUSY_SECONDS)
                continue
            if batch is None:
                yield from self._look_again(waiting)
            else:
                waiting, given, conflicts = waiting[batch.letters :], given[batch.orders :], 0
        self._refused.clear()

    def _learn(self, letters: Sequence[Assessment], orders: list[OrderRead]) -> Generator[Request, Any, list[Case]]:
        """The orders of the next batch, with what they rest on; `orders` may grow by it.

        `known` has the ends of what the batch writes to afterwards.
        """
        known = self.known
        while True:
            cases = yield from self._cases(orders)
            rest = letters[:BATCH_LETTERS] if len(cases) == len(orders) else []
            books, agencies = numbering.needs(rest, cases)
            unknown_books = tuple(sorted(books - known.ends.keys()))
            unknown_notices = tuple(sorted(agencies - known.notices.keys()))
            fresh: set[str] = set()
            if unknown_books:
                for book, end in (yield Ends(unknown_books)).items():
                    known.ends[book] = end
                    known.reach(end.reached)
                    if not end.sequence:
                        fresh.add(book.split(".")[3])
            if unknown_notices:
                for agency, (sequence, reached) in (yield Notices(unknown_notices)).items():
                    known.notices[agency] = sequence
                    known.reach(reached)
            before = len(orders)
            for agency in sorted(fresh):
                # An order to open this book may lie in ORDERS and not have been delivered yet.
                orders += yield OrdersUpTo((yield Opening(agency)))
            if len(orders) == before:
                return cases

    def _cases(self, orders: Sequence[OrderRead]) -> Generator[Request, Any, list[Case]]:
        """The first orders: any number that need only the end of a book, or one that rests on an entry.

        How an entry stands is asked of the stream, which does not know yet what a batch says.
        """
        cases: list[Case] = []
        for read in orders[:ORDERS_AT_ONCE]:
            order = read.order
            about = isinstance(order, ABOUT_ENTRY)
            if about and cases:
                break
            agency = yield AgencyAsked(read.agency)
            repeats = (yield EarlierOrder(read)) if order is not None else None
            standing = None
            if isinstance(order, ABOUT_ENTRY) and repeats is None:
                standing = yield EntryAsked(book_subject(order.agency, order.series, order.year), order.number)
            cases.append(case_of(read, agency, repeats, standing))
            if about:
                break
        return cases

    def _behind(self, letters: Sequence[Assessment], orders: Sequence[OrderRead]) -> bool:
        left = self._left(letters, orders)
        return (len(left[0]), len(left[1])) != (len(letters), len(orders))

    def _left(
        self, letters: Sequence[Assessment], orders: Sequence[OrderRead]
    ) -> tuple[list[Assessment], list[OrderRead]]:
        """What is not behind the position reached: somebody else may have done it."""
        reached = self.known.reached
        return (
            [letter for letter in letters if not at_or_before(letter.position, reached.mail)],
            [order for order in orders if not at_or_before(order.position, reached.orders)],
        )

    def _write(self, letters: Sequence[Assessment], cases: Sequence[Case]) -> Generator[Request, Any, Batch]:
        batch = numbering.number(letters, cases, self.known, self._salt, self._seal)
        for refusal in batch.refusals:
            sequence = refusal.order.position.sequence
            if sequence not in self._refused:  # a conflict makes us build the same batch again
                if (yield LastSequence()) != self.known.last:
                    raise Conflict("somebody else wrote: what is to be refused may be carried out by now")
                yield Refuse(refusal)
                self._refused.add(sequence)
        if batch.messages:
            batch.stored(self.known, (yield Commit(batch)), self._now())
        else:
            self.known.reach(batch.reached)
        return batch

    def _look_again(self, letters: Sequence[Assessment]) -> Generator[Request, Any, None]:
        """Read again what may have changed; the last sequence first, so that what comes after it conflicts again."""
        known = self.known
        known.last = yield LastSequence()
        guards = {
            (letter.letter.event.agency, letter.letter.event.mail)
            for letter in letters[:BATCH_LETTERS]
            if letter.notice is None and letter.letter.event.mail not in known.numbered
        }
        if guards:
            known.numbered.add((yield Guards(tuple(sorted(guards)))), self._now())
        known.forget()
        yield from self._reach()

    def _reach(self) -> Generator[Request, Any, None]:
        for reached in (yield ReachedAsked()):
            self.known.reach(reached)
