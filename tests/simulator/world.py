"""All that is outside the workers: the streams, who believes to hold the lease, the senders and the officers."""

import json
from collections import Counter, defaultdict
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from contracts.event import Position
from services.register import intake
from services.register.assessment import Assessment, assess
from services.register.intake import Letter, OrderRead
from services.runtime.batch import Outgoing
from services.runtime.errors import BusError
from tests.simulator import letters
from tests.simulator.chance import Chance
from tests.simulator.jetstream import JetStream, Stream
from tests.simulator.letters import MAILS, Sent

GUARD_SECONDS: Final = 14 * 86_400.0


class Underway(Struct, frozen=True):
    """A batch that left its worker and has not reached the server."""

    worker: str
    messages: list[Outgoing]


class World:
    """One simulated system.

    `met` counts what really happened; `trace`, where it is kept, says it in words; `problems` were seen on the way.
    """

    def __init__(self, chance: Chance, trace: list[str] | None = None) -> None:
        self.chance = chance
        self.trace = trace
        self.mails = (Stream(MAILS[0], "mail.v1.>"), Stream(MAILS[1]))
        self.orders = Stream("ORDERS", "order.v1.>")
        self.register = Stream("REGISTER", "register.v1.>")
        self.dead = Stream("DEAD", "dead.v1.>")
        self.store = JetStream(*self.mails, self.orders, self.register, self.dead)
        self.connection = 0
        """Counts the restarts of the server; who was connected before one has to connect again."""
        self.holder = ""
        self.underway: list[Underway] = []
        self.letters: dict[tuple[str, int], Sent] = {}
        self.arrivals: dict[tuple[str, int], int] = {}
        self.given: dict[int, dict[str, Any]] = {}
        self.carried_by: dict[int, set[str]] = defaultdict(set)
        self.refused_by: dict[int, set[str]] = defaultdict(set)
        self.met: Counter[str] = Counter()
        self.problems: list[str] = []
        self._read: dict[tuple[str, int], Letter] = {}
        self._assessed: dict[tuple[str, int], Assessment] = {}
        self._read_orders: dict[int, OrderRead] = {}
        self._sent: list[Sent] = []
        self._arrived = 0
        self._year = 0

    def say(self, what: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.store.now:9.1f} s  {what}")

    # -- what others do -----------------------------------------------------------------------------------------------

    def letter(self) -> None:
        """A sender's letter comes in, or one that came before comes again."""
        if self._sent and self.chance(4) == 3:
            sent = self._sent[-1 - self.chance(len(self._sent))]
            self.met["a letter again"] += 1
        else:
            sent = letters.letter(self.chance, len(self._sent))
            self._sent.append(sent)
        message = Outgoing(sent.event.nats_subject, b"", {})
        position = self.store.commit([message])
        place = (position.stream, position.sequence)
        self._arrived += 1
        self.letters[place], self.arrivals[place] = sent, self._arrived
        self._read[place] = letters.read(sent, position)
        self.say(f"letter {letters.words(sent)} at {position}")

    def order(self) -> None:
        """An officer gives an order."""
        subject, body, readable = letters.order(self.chance, len(self.given) + 1, self._entry())
        match self.chance(8):
            case 6:  # the same decision once more, as another order
                subject, body, readable = letters.order(Chance(drawn=[]), len(self.given) + 1, None)
            case 7 if self.given:  # the same order, since its publisher heard no answer
                before = self.given[self.orders.last - self.chance(self.orders.last)]
                subject, body, readable = before["subject"], before["body"], before["readable"]
                self.met["an order again"] += 1
        position = self.store.commit([Outgoing(subject, body, {})])
        self._arrived += 1
        read = intake.order(subject, body, position)
        self._read_orders[position.sequence] = read
        readable = readable and read.order is not None
        said: dict[str, Any] = json.loads(body) if readable else {}
        self.given[position.sequence] = {
            "subject": subject,
            "body": body,
            "said": said,
            "kind": subject.split(".")[2],
            "book": f"register.v1.entered.{said.get('agency')}.{said.get('series')}.{said.get('year')}",
            "first": said.get("first"),
            "readable": readable,
            "arrived": self._arrived,
        }
        self.say(f"order {position.sequence} {subject} {'' if readable else '(damaged)'}")

    def _entry(self) -> tuple[str, dict[str, Any]] | None:
        """An entry that there is, mostly, or none."""
        history = self.register.history
        if not history or not self.chance(5):
            return None
        stored = history[self.chance(len(history))]
        if not stored.subject.startswith("register.v1.entered."):
            return None
        agency, series, year = stored.subject.split(".")[3:]
        number = json.loads(stored.body).get("number", 1)
        return agency, {"series": series, "year": int(year), "number": number}

    def turn_the_year(self) -> None:
        """MAIL goes on to the next year's stream: the old one gives up its subjects first."""
        if not self._year:
            self._year = 1
            self.mails[0].subjects, self.mails[1].subjects = (), ("mail.v1.>",)
            self.met["MAIL goes on to the next year"] += 1
            self.say("MAIL goes on to the next year")

    def restart(self) -> None:
        """The server is killed and comes back: what was answered is there, what was under way may never arrive."""
        self.connection += 1
        self.underway.clear()
        self.met["the server restarts"] += 1
        self.say("the server restarts")

    def deliver(self) -> None:
        """A batch arrives that nobody waits for any more."""
        late = self.underway.pop(self.chance(len(self.underway)))
        try:
            last = self.stored(late.worker, late.messages)
        except BusError as error:
            self.met["a late batch was fenced"] += 1
            self.say(f"{late.worker}'s late batch arrives: {error}")
        else:
            self.met["a late batch was stored"] += 1
            self.say(f"{late.worker}'s late batch arrives and is stored up to {last}")

    def crowd(self) -> None:
        """Others take all places that the server has for batches, and leave them lying for ten seconds."""
        with suppress(BusError):
            while True:
                self.store.abandon([Outgoing("register.v1.entered.x", b"", {})])

    def stored(self, worker: str, messages: list[Outgoing]) -> int:
        """A worker's batch is stored, or the server's error is raised; the last sequence."""
        last = self.store.commit(messages).sequence
        for message in messages:
            if message.subject.startswith("register.v1.entered.") and b'"order":{' in message.body:
                self.carried_by[json.loads(message.body)["order"]["sequence"]].add(worker)
        return last

    def pass_time(self) -> None:
        """Seconds, an hour, or longer than a guard lives."""
        seconds = (1.0, 11.0, 3_600.0, GUARD_SECONDS / 2, GUARD_SECONDS)[self.chance(5)]
        before = self.store.expired
        self.store.pass_time(seconds)
        self.met["a guard expired"] += self.store.expired - before
        self.say(f"{seconds} s pass, {self.store.expired - before} guards expire")

    # -- what a worker reads ------------------------------------------------------------------------------------------

    def mail(self, after: tuple[str, int], most: int) -> list[Letter]:
        """The next letters behind a place, of one stream."""
        for stream in self.mails:
            if stream.name < after[0]:
                continue
            start = after[1] if stream.name == after[0] else 0
            if stream.last > start:
                return [self._read[(stream.name, n)] for n in range(start + 1, min(stream.last, start + most) + 1)]
        return []

    def given_before(self, read: OrderRead) -> Position | None:
        """Where an order with the same id lies that was given on the same subject before."""
        for stored in self.orders.behind(0, read.subject):
            before = self._read_orders[stored.sequence]
            if before.order is not None and read.order is not None and before.order.id == read.order.id:
                return None if stored.sequence == read.position.sequence else before.position
        return None

    def assessed(self, letter: Letter) -> Assessment:
        """The letter judged, which two workers do alike."""
        place = (letter.position.stream, letter.position.sequence)
        found = self._assessed.get(place)
        if found is None:
            found = self._assessed[place] = assess(letter, letters.AGENCIES[letter.event.agency])
        return found

    def orders_read(self, after: int, last: int) -> list[OrderRead]:
        """The orders behind `after` up to `last`."""
        return [self._read_orders[n] for n in range(after + 1, min(last, self.orders.last) + 1)]

    def waiting(self, reached: Position | None) -> bool:
        """Whether there are letters behind a position."""
        return bool(self.mail((reached.stream, reached.sequence) if reached else ("", 0), 1))
