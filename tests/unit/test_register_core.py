"""The core against a model of JetStream: any mix of letters and orders, two workers, crashes, lost answers, repeats."""

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.event import Event, Position, Reached
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.register import EntryCorrected, EntryMoved, EntryVoided, LetterEntered, LetterRecorded, NoticeKept
from contracts.values import sha256_hex
from services.register import intake
from services.register.assessment import assess
from services.register.book import ROWS, empty, end
from services.register.core import CONFLICTS, Core, OvertakenError
from services.register.intake import Letter, OrderRead
from services.register.known import Known, at_or_before
from services.register.page import EXPECTED, EXPECTED_STREAM, Refusal
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
)
from services.register.standing import Standing
from services.runtime.errors import Busy, Conflict, Unavailable
from tests.books import MAIL, agency, received
from tests.orders import given

Outcome = str
"""ok, busy, conflict; crash before the write, lost: the answer to it; dies: right after a refusal."""


class World:
    """MAIL, ORDERS, REGISTER and DEAD, with what JetStream promises and no more."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.orders: list[OrderRead] = []
        self.register: list[tuple[str, bytes]] = []
        self.dead: list[Refusal] = []

    def arrive(self, event: Any) -> None:
        self.letters.append(intake.letter(event, Position(stream=MAIL, sequence=len(self.letters) + 1), 0))

    def order(self, order: Order) -> None:
        place = Position(stream="ORDERS", sequence=len(self.orders) + 1)
        self.orders.append(intake.order(order.nats_subject, codec.encode(order), place))

    def last_of(self, subject: str) -> int:
        return max((n for n, (name, _) in enumerate(self.register, 1) if name == subject), default=0)

    def end(self, book: str) -> Any:
        last = self.last_of(book)
        return end(self.register[last - 1][1], last) if last else empty(book)

    def notice(self, name: str) -> tuple[int, Reached]:
        last = self.last_of(f"register.v1.notice.{name}")
        return last, codec.decode(self.register[last - 1][1], NoticeKept).reached if last else Reached()

    def reached(self) -> list[Reached]:
        found = [Reached(orders=one.order.position) for one in self.dead]
        for subject, body in self.register:
            if ".entered." in subject or ".notice." in subject:
                found.append(codec.decode(body, *ROWS, NoticeKept).reached)  # type: ignore[attr-defined]  # all have it
        return found

    def earlier(self, read: OrderRead) -> Position | None:
        for one in self.orders[: read.position.sequence - 1]:
            if one.subject == read.subject and one.order and read.order and one.order.id == read.order.id:
                return one.position
        return None

    def standing(self, book: str, number: int) -> Standing | None:
        row, record, voided, moved = None, None, False, None
        for index, (subject, body) in enumerate(self.register):
            event = codec.decode(body) if subject == book else None
            if getattr(event, "number", None) != number:
                continue
            if isinstance(event, LetterEntered | EntryCorrected):
                row = event if isinstance(event, LetterEntered) else row
                record = codec.decode(self.register[index + 1][1], LetterRecorded)
            voided = voided or isinstance(event, EntryVoided)
            moved = event if isinstance(event, EntryMoved) else moved
        return Standing(row=row, record=record, voided=voided, moved=moved) if row else None

    def commit(self, request: Commit) -> int:
        for message in request.batch.messages:
            expected = message.headers.get(EXPECTED)
            if expected is not None and int(expected) != self.last_of(message.subject):
                raise Conflict("subject")
            if message.headers.get(EXPECTED_STREAM) not in (None, str(len(self.register))):
                raise Conflict("stream")
        self.register += [(message.subject, message.body) for message in request.batch.messages]
        return len(self.register)


class Worker:
    """Reads, drives the core, and starts afresh when something ends it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.start()

    def start(self) -> None:
        salts = iter(range(10**9))
        self.core = Core(Known(1_000), lambda: next(salts).to_bytes(32), lambda record, pem: None, lambda: 0.0)
        self.outcomes: list[Outcome] = []
        self.taken = 0
        self._drive(self.core.begin())
        reached = self.core.known.reached.orders
        self.taken = reached.sequence if reached else 0

    def work(self, count: int, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = list(outcomes)
        reached = self.core.known.reached
        letters = [one for one in self.world.letters if not at_or_before(one.position, reached.mail)][:count]
        orders = self._take(min(self.taken + count, len(self.world.orders)))
        try:
            self._drive(self.core.carry_out([assess(one, AGENCIES[one.event.agency]) for one in letters], orders))
        except (Unavailable, OvertakenError):
            self.start()

    def _take(self, upto: int) -> list[OrderRead]:
        found, self.taken = self.world.orders[self.taken : upto], max(self.taken, upto)
        return found

    def _drive(self, work: Generator[Any, Any, None]) -> None:
        answer, error = None, None
        try:
            while True:
                request = work.send(answer) if error is None else work.throw(error)
                answer, error = None, None
                try:
                    answer = self._answer(request)
                except (Conflict, Busy) as trouble:
                    error = trouble
        except StopIteration:
            return
        finally:
            work.close()

    def _answer(self, request: Any) -> Any:
        world = self.world
        match request:
            case LastSequence():
                return len(world.register)
            case ReachedAsked():
                return world.reached()
            case Ends():
                return {book: world.end(book) for book in request.books}
            case Notices():
                return {name: world.notice(name) for name in request.agencies}
            case Guards():
                return [mail for name, mail in request.letters if world.last_of(f"register.v1.letter.{name}.{mail}")]
            case Opening():
                opens = [
                    one.position.sequence for one in world.orders if one.subject == f"order.v1.open.{request.agency}"
                ]
                return max(opens, default=0)
            case OrdersUpTo():
                return self._take(request.sequence) if request.sequence > self.taken else []
            case AgencyAsked():
                return AGENCIES[request.agency]
            case EarlierOrder():
                return world.earlier(request.order)
            case EntryAsked():
                return world.standing(request.book, request.number)
            case Refuse():
                world.dead.append(request.refusal)
                if self.outcomes and self.outcomes[0] == "dies":
                    raise Unavailable("killed behind a refusal")
                return None
            case Commit():
                return self._commit(request)
            case Pause():
                return None

    def _commit(self, request: Commit) -> int:
        outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        if outcome == "crash":
            raise Unavailable("killed before the write")
        if outcome == "busy":
            raise Busy("busy")
        if outcome == "conflict":
            raise Conflict("made up")
        last = self.world.commit(request)
        if outcome == "lost":
            raise Unavailable("killed behind the write")
        return last


AGENCIES = {"demo": agency(), "two": agency("two", first={"received/2569": 8_432}, registrar_certificate="PEM")}

NAMES = st.sampled_from(["demo", "two"])
SERIES = st.sampled_from(["received", "general", "classified"])
NUMBER = st.integers(1, 4)
LETTER = st.tuples(st.just("letter"), NAMES, st.integers(0, 4), st.sampled_from(["", "<> ", "ลับ"]))
ORDER = st.tuples(
    st.sampled_from([BookOpenOrdered, EnterOrdered, VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered]),
    NAMES, SERIES, NUMBER,
)  # fmt: skip
AGAIN = st.tuples(st.just("again"), st.integers(0, 30))
RUN = st.tuples(
    st.just("run"), st.integers(0, 1), st.integers(1, 6),
    st.lists(st.sampled_from(["ok", "busy", "conflict", "crash", "lost", "dies"]), max_size=3),
)  # fmt: skip


def order_of(kind: type[Order], name: str, series: str, number: int) -> Order:
    year = 2569
    offset = 8_431 if name == "two" and series == "received" else 0
    said: dict[str, Any] = {"series": series}
    if kind is EnterOrdered:
        said |= {"came_at": "2026-06-17T10:00:00+07:00", "given_at": "2026-06-17T09:00:00.000000Z"}
    else:
        said |= {"year": year}
    if kind is BookOpenOrdered:
        said["first"] = number
    if kind in (VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered):
        said["number"] = number + offset
    if kind is CorrectOrdered:
        said["subject"] = "แก้"
    if kind is MoveOrdered:
        said["to_series"] = {"received": "general", "general": "classified", "classified": "received"}[series]
    return given(kind, name, **said)


@settings(max_examples=200, deadline=None)
@over(st.lists(st.one_of(LETTER, LETTER, ORDER, ORDER, AGAIN, RUN, RUN), min_size=4, max_size=40))
def test_any_mix_of_letters_and_orders_under_any_schedule(steps: list[Any]) -> None:
    world = World()
    workers = [Worker(world), Worker(world)]
    copies: dict[Any, Any] = {}
    for step in steps:
        if step[0] == "letter":
            _, name, _, mark = step
            lines = {} if mark != "ลับ" else {"lines": msgspec.structs.replace(received().lines, subject="ลับ แผน")}
            values = {"received_at": "2026-06-17T03:00:00.000000Z", "sender": "" if mark == "<> " else "a@b.example"}
            world.arrive(copies.setdefault(step, received(name, **values, **lines)))
        elif step[0] == "again":
            if world.orders:
                world.order(world.orders[step[1] % len(world.orders)].order)
        elif step[0] == "run":
            workers[step[1]].work(step[2], step[3])
        else:
            world.order(order_of(*step))
    for worker in workers * 2:
        worker.work(1_000, [])
    assert_whole(world)


def assert_whole(world: World) -> None:
    """Numbers without a hole, links unbroken, records in their place, each letter and each order once, in order."""
    links: dict[str, str] = {}
    numbers: dict[str, int] = {}
    ended: set[tuple[str, int]] = set()
    done: list[tuple[int, str]] = []
    mail: list[int] = []
    for index, (subject, body) in enumerate(world.register):
        if ".notice." in subject:
            mail.append(codec.decode(body, NoticeKept).position.sequence)
        if ".entered." not in subject:
            continue
        row: Any = codec.decode(body, *ROWS)
        assert row.previous == links.get(subject, first_link(subject))
        links[subject] = next_link(row.previous, body)
        if getattr(row, "order", None) is not None:
            done.append((row.order.sequence, row.type))
        if isinstance(row, LetterEntered):
            assert row.number == numbers.get(subject, 0) + 1
            numbers[subject] = row.number
            if row.position is not None and row.moved_from is None:
                mail.append(row.position.sequence)
        elif hasattr(row, "first"):
            assert subject not in numbers
            numbers[subject] = row.first - 1
        else:
            assert (row.last, row.number <= row.last) == (numbers[subject], True)
        if isinstance(row, EntryVoided | EntryMoved):
            assert (subject, row.number) not in ended, "an entry ends once"
            ended.add((subject, row.number))
        if isinstance(row, LetterEntered | EntryCorrected):
            name, record = world.register[index + 1]
            assert name.startswith("register.v1.record.")
            assert sha256_hex(record) == row.record
    assert mail == list(range(1, len(world.letters) + 1))
    assert [place for place, _ in done] == sorted(place for place, _ in done), "in the order of ORDERS"
    each: dict[int, Counter[str]] = {}
    for place, kind in done:
        each.setdefault(place, Counter())[kind] += 1
    refused = {one.order.position.sequence for one in world.dead}
    for read in world.orders:
        place, order = read.position.sequence, read.order
        effect = each.get(place, Counter())
        if world.earlier(read) is not None:
            assert (effect, place in refused) == (Counter(), False), "a repeat changes nothing"
        elif place in refused:
            assert effect == Counter(), "refused, and carried out"
        elif isinstance(order, MoveOrdered):
            assert effect == Counter(["register.moved.v1", "register.entered.v1"])
        elif isinstance(order, BookOpenOrdered):
            assert effect.total() <= 1, "one that says what is so already changes nothing"
        else:
            assert effect.total() == 1


def test_a_refusal_waits_until_what_lies_before_it_is_stored() -> None:
    """A worker killed between the two: the order before the refused one must not count as reached."""
    world = World()
    worker = Worker(world)
    world.order(order_of(EnterOrdered, "demo", "received", 1))
    world.order(given(EnterOrdered, came_at="2026-02-30T10:00:00+07:00"))
    worker.work(10, ["dies"])
    worker.work(10, [])
    assert [one.order.position.sequence for one in world.dead] == [2]
    assert world.end("register.v1.entered.demo.received.2569").number == 1
    assert_whole(world)


def test_an_order_sees_what_the_orders_before_it_did() -> None:
    """Read together: the entry that the second one voids is the first one's."""
    world = World()
    world.order(order_of(EnterOrdered, "demo", "received", 1))
    world.order(order_of(VoidOrdered, "demo", "received", 1))
    world.order(order_of(MoveOrdered, "demo", "received", 1))
    Worker(world).work(10, [])
    assert [one.reason for one in world.dead] == ["1/2569 is void already"]
    assert_whole(world)


def test_conflict_after_conflict_ends_the_core() -> None:
    world = World()
    world.arrive(received())
    worker = Worker(world)
    work = worker.core.carry_out([assess(world.letters[0], AGENCIES["demo"])], [])
    request = next(work)
    for _ in range(CONFLICTS - 1):
        while not isinstance(request, Commit):
            request = work.send(worker._answer(request))
        request = work.throw(Conflict("again"))
    while not isinstance(request, Commit):
        request = work.send(worker._answer(request))
    with pytest.raises(OvertakenError):
        work.throw(Conflict("again"))


def test_a_decoded_event_is_what_the_model_holds() -> None:
    """The model reads what it stores with the codec; an event that does not come back would prove nothing."""
    world = World()
    world.order(order_of(EnterOrdered, "two", "received", 1))
    worker = Worker(world)
    worker.work(1, [])
    events: list[Event] = [codec.decode(body) for _, body in world.register]
    assert [event.type for event in events] == ["register.opened.v1", "register.entered.v1", "register.recorded.v1"]
    assert (world.end(world.register[0][0]).number, world.dead) == (8_432, [])
