"""One register worker: the real core, driven as transaction.py drives it, with a world that may fail at every step.

Every `yield` is an instant at which others may act, and at which the process may die.
"""

from collections.abc import Generator
from itertools import count
from typing import Any, Final

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.event import Reached
from contracts.register import EntryCorrected, EntryMoved, EntryVoided, LetterEntered, LetterRecorded, NoticeKept
from contracts.streams import BOOKS, NOTICES
from contracts.values import instant, sha256_hex
from services.register import book
from services.register.assessment import Assessment
from services.register.book import End
from services.register.core import Core, OvertakenError
from services.register.intake import OrderRead
from services.register.known import Known
from services.register.page import Refusal
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
from services.register.standing import Standing
from services.runtime.batch import Outgoing
from services.runtime.errors import BusError, Busy, Conflict, Unavailable
from tests.simulator.letters import AGENCIES
from tests.simulator.world import Underway, World

Steps = Generator[None, None, Any]

IN_TIME, LOST_ANSWER, LATE, NEVER, ABANDONED = range(5)
FATES: Final = (IN_TIME,) * 12 + (LOST_ANSWER, LATE, NEVER, ABANDONED)


FETCH: Final = 6
"""Letters of one reading at most."""


class Worker:
    """A process. `step` lets it go on to its next instant; it starts again by itself after `crash`."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.calm = False
        self.idle = False
        """Whether it found nothing to do the last time it looked."""
        self._world = world
        self._chance = world.chance
        self._salts = count(1)
        self._life = self._live()

    def step(self) -> None:
        next(self._life)

    def crash(self) -> None:
        """The process dies; what it knew is gone."""
        self._life.close()
        self._life = self._live()
        self.idle = False
        self._world.met["a worker crashed"] += 1
        self._world.say(f"{self.name} crashes")

    # -- worker.py's loop ---------------------------------------------------------------------------------------------

    def _live(self) -> Steps:
        world = self._world
        while True:
            if world.holder not in ("", self.name):
                self.idle = True
                yield  # stands by
                continue
            world.holder = self.name
            try:
                yield from self._session()
            except BusError as error:
                world.met["a worker began anew"] += 1
                world.say(f"{self.name} begins anew: {error}")
            except OvertakenError as error:
                # A few workers and a few letters make no twenty conflicts in a row: it does not see why it conflicts.
                world.problems.append(f"{self.name} conflicts without end: {error}")
            yield

    def _session(self) -> Steps:
        world = self._world
        # Small bounds, so that what is forgotten has to be read again; as in life no smaller than what is fetched.
        known = Known(remembered=(1_000, FETCH)[self._chance(2)], books=(1_000, 2)[self._chance(2)])
        salt = f"{self.name}{next(self._salts)}".encode().ljust(32, b".")
        core = Core(known, lambda: salt, lambda clear, certificate: certificate or None, lambda: world.store.now)
        session = _Session(self, core, world)
        yield from session.drive(core.begin())
        session.read_from(known.reached)
        while self._holds():
            given, found = session.orders(), session.letters()
            self.idle = not given and not found
            if self.idle:
                yield
                continue
            yield from session.drive(core.carry_out(found, given))
        world.met["a lease was lost"] += 1

    def _holds(self) -> bool:
        # A worker may believe in its lease for a while after it has lost it: the book must stay right all the same.
        if self._world.holder == self.name:
            return True
        if not self.calm and self._chance(3) < 2:
            self._world.met["two workers at once"] += 1
            return True
        return False


class _Session:
    """transaction.py, reader.py and memory.py over the model: from what REGISTER says to the first trouble."""

    def __init__(self, worker: Worker, core: Core, world: World) -> None:
        self._worker = worker
        self._core = core
        self._world = world
        self._chance = world.chance
        self._connection = world.connection
        self._mail = ("", 0)
        self._orders = 0

    def read_from(self, reached: Reached) -> None:
        if reached.mail is not None:
            self._mail = (reached.mail.stream, reached.mail.sequence)
        self._orders = reached.orders.sequence if reached.orders is not None else 0

    def letters(self) -> list[Assessment]:
        found = self._world.mail(self._mail, self._chance(FETCH) + 1)
        if found:
            at = found[-1].position
            self._mail = (at.stream, at.sequence)
        return [self._world.assessed(letter) for letter in found]

    def orders(self) -> list[OrderRead]:
        """The orders that were delivered; others lie in the stream and come later."""
        last = self._world.orders.last
        return self._taken(last if self._worker.calm else self._orders + self._chance(last - self._orders + 1))

    def _taken(self, last: int) -> list[OrderRead]:
        found = self._world.orders_read(self._orders, last)
        self._orders = max(self._orders, last)
        return found

    def drive(self, work: Generator[Request, Any, None]) -> Steps:
        answer: Any = None
        error: Exception | None = None
        met, say = self._world.met, self._world.say
        try:
            while True:
                request = work.send(answer) if error is None else work.throw(error)
                answer, error = None, None
                if self._chance(4) == 3:
                    yield  # on its way there
                try:
                    answer = yield from self._answer(request)
                except Conflict as conflict:
                    met["a conflict"] += 1
                    say(f"{self._worker.name} conflicts: {conflict}")
                    if self._world.holder != self._worker.name:
                        met["a worker without the lease was fenced"] += 1
                    error = conflict
                except Busy as busy:
                    met["the server was busy"] += 1
                    error = busy
                if self._chance(3) == 2:
                    yield  # on its way back
        except StopIteration:
            return
        finally:
            work.close()

    def _answer(self, request: Request) -> Generator[None, None, Any]:
        register, orders = self._world.register, self._world.orders
        if not self._worker.calm and self._chance(60) == 59:
            raise Unavailable("no answer")
        match request:
            case Commit():
                return (yield from self._commit(request))
            case Refuse():
                return (yield from self._refuse(request.refusal))
            case LastSequence():
                self._connected()
                return register.last
            case Ends():
                ends: dict[str, End] = {}
                for subject in request.books:
                    yield from self._meanwhile()
                    last = register.last_on(subject)
                    ends[subject] = book.end(last.body, last.sequence) if last else book.empty(subject)
                return ends
            case Notices():
                notices = {}
                for agency in request.agencies:
                    yield from self._meanwhile()
                    notices[agency] = self._notice(agency)
                return notices
            case Guards():
                found = []
                for agency, mail in request.letters:
                    yield from self._meanwhile()
                    if register.last_on(f"register.v1.letter.{agency}.{mail}"):
                        found.append(mail)
                return found
            case ReachedAsked():
                return (yield from self._reached())
            case Opening():
                opening = orders.last_on(f"order.v1.open.{request.agency}")
                return opening.sequence if opening else 0
            case OrdersUpTo():
                more = orders.last - request.sequence
                return self._taken(request.sequence + (self._chance(more + 1) if more > 0 else 0))
            case AgencyAsked():
                return AGENCIES.get(request.agency) or AGENCIES["gone"]
            case EarlierOrder():
                return self._world.given_before(request.order)
            case EntryAsked():
                return (yield from self._standing(request.book, request.number))
            case Pause():
                if self._worker.calm:
                    self._world.store.pass_time(request.seconds)
                yield
                return None

    def _meanwhile(self) -> Steps:
        """Several questions are asked side by side; others write between the answers."""
        if self._chance(12) == 11:
            yield

    def _reached(self) -> Generator[None, None, list[Reached]]:
        register = self._world.register
        found = []
        row = register.last_on(BOOKS)
        if row is not None:
            found.append(book.end(row.body, row.sequence).reached)
        yield from self._meanwhile()
        found.append(self._notice("*")[1])
        yield from self._meanwhile()
        refused = self._world.dead.last_on("dead.v1.register.*")
        if refused is not None:
            found.append(Reached(orders=codec.decode(refused.body, MessageGivenUp).source))
        return found

    def _standing(self, subject: str, number: int) -> Generator[None, None, Standing | None]:
        register = self._world.register
        entered = next(
            (
                (row, stored.sequence)
                for stored in register.behind(0, subject)
                if isinstance(row := codec.decode(stored.body, *book.ROWS), LetterEntered) and row.number == number
            ),
            None,
        )
        if entered is None:
            return None
        yield from self._meanwhile()
        row, at = entered
        voided, moved, digest = False, None, row.record
        for stored in register.behind(at, subject):
            effect = codec.decode(stored.body, *book.ROWS)
            match effect:
                case EntryVoided(number=found) if found == number:
                    voided = True
                case EntryMoved(number=found) if found == number:
                    moved = effect
                case EntryCorrected(number=found) if found == number:
                    digest, at = effect.record, stored.sequence
        beside = register.messages.get(at + 1)
        record = codec.decode(beside.body, LetterRecorded) if beside and sha256_hex(beside.body) == digest else None
        return Standing(row=row, record=record, voided=voided, moved=moved)

    def _notice(self, agency: str) -> tuple[int, Reached]:
        last = self._world.register.last_on(NOTICES.replace("*", agency))
        return (last.sequence, codec.decode(last.body, NoticeKept).reached) if last else (0, Reached())

    def _refuse(self, refusal: Refusal) -> Steps:
        order = refusal.order
        event = MessageGivenUp(
            agency=order.agency,
            service="register",
            consumer="",
            source=order.position,
            subject=order.subject,
            reason=refusal.reason,
            attempts=1,
            given_up_at=instant(0),
        )
        yield from self._meanwhile()
        self._world.store.commit([Outgoing(event.nats_subject, codec.encode(event), {})])
        self._world.refused_by[order.position.sequence].add(self._worker.name)
        self._world.met["an order was refused"] += 1
        self._world.say(f"{self._worker.name} refuses order {order.position.sequence}: {refusal.reason}")

    def _commit(self, request: Commit) -> Generator[None, None, int]:
        world, name, messages = self._world, self._worker.name, request.batch.messages
        self._connected()
        fate = IN_TIME if self._worker.calm else FATES[self._chance(len(FATES))]
        if fate in (LATE, NEVER, ABANDONED):
            world.met[("", "", "a batch was late", "a batch never arrived", "a batch was abandoned")[fate]] += 1
            world.say(f"{name} sends a batch of {len(messages)} that gets lost, fate {fate}")
            if fate == LATE:
                world.underway.append(Underway(name, messages))
            elif fate == ABANDONED and len(messages) > 1:
                world.store.abandon(messages)
            yield
            raise Unavailable("no answer")
        if self._chance(4) == 3:
            yield
            self._connected()
        last = world.stored(name, messages)
        world.say(f"{name} stores {len(messages)} messages up to {last}")
        yield  # a crash between the store and its answer
        if fate == LOST_ANSWER:
            world.met["an answer was lost"] += 1
            raise Unavailable("no answer")
        self._connected()
        world.met["a batch was stored"] += 1
        return last

    def _connected(self) -> None:
        if self._world.connection != self._connection:
            raise Unavailable("the connection was lost")
