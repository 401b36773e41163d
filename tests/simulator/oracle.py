"""What must hold after every schedule, said from the stored octets alone: no line here is shared with the register.

Read beside DESIGN's invariants 3 to 7. Each sentence that `problems` returns is a promise that was broken.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from tests.simulator.jetstream import Stored
from tests.simulator.letters import FIRST, LOCAL, TIMES
from tests.simulator.world import World

GUARD_SECONDS: Final = 14 * 86_400

Place = tuple[str, int]
Json = dict[str, Any]


def problems(world: World) -> list[str]:
    """Everything that is wrong; empty when every promise was kept."""
    return list(_Oracle(world).look())


class _Oracle:
    def __init__(self, world: World) -> None:
        self._world = world
        self._letters: dict[Place, str] = {}
        self._mails: dict[str, list[float]] = defaultdict(list)
        self._books: dict[str, _Book] = {}
        self._acts: dict[int, list[str]] = defaultdict(list)
        self._moved: dict[tuple[object, ...], Json] = {}
        self._arrived: dict[tuple[object, ...], Json] = {}
        self._first_letter: dict[str, int] = {}
        self._first_order: dict[str, int] = {}
        self._reached: tuple[Place, Place] = (("", 0), ("", 0))

    def look(self) -> Iterator[str]:
        written = self._world.register.history
        for n, stored in enumerate(written):
            kind = stored.subject.split(".")[2]
            if kind == "entered":
                yield from self._row(stored, written[n + 1 : n + 3])
            elif kind == "notice":
                yield from self._notice(stored)
        yield from self._everything_done()
        yield from self._orders()
        yield from self._moves()

    # -- one message of REGISTER ------------------------------------------------------------------------------------

    def _row(self, stored: Stored, beside: list[Stored]) -> Iterator[str]:
        row: Json = json.loads(stored.body)
        where = f"{stored.subject} at {stored.sequence}"
        book = self._books.setdefault(stored.subject, _Book(stored.subject))
        if row["previous"] != book.link:
            yield f"{where}: is not linked to the row before it"
        book.link = sha256(bytes.fromhex(row["previous"]) + sha256(stored.body).digest()).hexdigest()
        yield from self._reaches(row, where)
        if stored.subject != ".".join(("register.v1.entered", row["agency"], row["series"], str(row["year"]))):
            yield f"{where}: is a row of another book"
        match row["type"]:
            case "register.opened.v1":
                if book.opened or book.newest is not None:
                    yield f"{where}: a book is opened a second time, or behind its first number"
                book.opened, book.due = row["first"], row["first"]
                if row.get("order"):
                    self._acts[row["order"]["sequence"]].append("opened")
            case "register.entered.v1":
                yield from self._entered(book, row, stored, beside, where)
            case kind:
                yield from self._act(book, row, kind.split(".")[1], beside, where)

    def _act(self, book: "_Book", row: Json, kind: str, beside: list[Stored], where: str) -> Iterator[str]:
        number, order = row["number"], row["order"]["sequence"]
        self._acts[order].append(kind)
        self._world.met[f"an entry was {kind}"] += 1
        if number not in book.rows:
            yield f"{where}: speaks of number {number}, which the book does not have"
            return
        if row["last"] != book.newest:
            yield f"{where}: says that the newest number was {row['last']}; it was {book.newest}"
        if kind in ("voided", "moved"):
            if number in book.ended:
                yield f"{where}: number {number} is {kind} after it was {book.ended[number]}"
            book.ended[number] = kind
        if kind == "corrected" and (not beside or sha256(beside[0].body).hexdigest() != row["record"]):
            yield f"{where}: the record of the correction does not lie behind it"
        if kind == "moved":
            to = (row["agency"], row["to_series"], row["to_year"], row["to_number"], order)
            self._moved[to] = book.rows[number]

    def _entered(self, book: "_Book", row: Json, stored: Stored, beside: list[Stored], where: str) -> Iterator[str]:
        number = row["number"]
        due = book.due or FIRST.get((row["agency"], row["series"], row["year"]), 1)
        if number != due:
            yield f"{where}: number {number} where {due} was due"
        self._world.met["a book of the next year began"] += not book.first and row["year"] == 2570
        book.first = book.first or number
        book.newest, book.due = number, number + 1
        book.rows[number] = row
        if row.get("order"):
            self._first_order.setdefault(stored.subject, row["order"]["sequence"])
        if not beside or sha256(beside[0].body).hexdigest() != row["record"]:
            yield f"{where}: the record its row commits to does not lie behind it"
        order = row.get("order")
        if order and row.get("moved_from"):
            self._arrived[(row["agency"], row["series"], row["year"], number, order["sequence"])] = row
        elif order:
            self._acts[order["sequence"]].append("entered")
            yield from self._by_hand(row, where)
        else:
            yield from self._of_mail(book, row, stored, beside, where)

    def _by_hand(self, row: Json, where: str) -> Iterator[str]:
        order = self._world.given.get(row["order"]["sequence"])
        if order is None or order["kind"] != "enter":
            yield f"{where}: no order entered it"
            return
        said = order["said"]
        _, deemed, entered = TIMES[LOCAL.index(said["came_at"])]
        year = entered if said["agency"] == "two" else deemed  # the one agency whose year is that of the entry
        if (row["agency"], row["series"], row["year"]) != (said["agency"], said["series"], year):
            yield f"{where}: was entered by an order for {said['agency']} {said['series']} {year}"

    def _of_mail(self, book: "_Book", row: Json, stored: Stored, beside: list[Stored], where: str) -> Iterator[str]:
        place = (row["position"]["stream"], row["position"]["sequence"])
        if place <= book.place:
            yield f"{where}: number {row['number']} is out of the order of MAIL"
        book.place = place
        yield from self._accounted(place, where)
        sent = self._world.letters.get(place)
        if sent is None:
            yield f"{where}: there is no letter at {place}"
            return
        self._first_letter.setdefault(stored.subject, self._world.arrivals[place])
        said = (row["agency"], row["mail"], row["series"], row["year"])
        if said != (sent.event.agency, sent.event.mail, sent.series, sent.year):
            yield f"{where}: says {said} of {sent.event.agency} {sent.event.mail} {sent.series} {sent.year}"
        if ("unreadable" in row.get("remarks", [])) == sent.readable:
            yield f"{where}: unreadable, or not, against what was sent"
        before = self._mails[row["mail"]]
        if before and stored.at - before[-1] < GUARD_SECONDS:
            yield f"{where}: a second number for a letter whose guard lives"
        self._world.met["a copy was numbered behind its guard"] += bool(before)
        before.append(stored.at)
        guard: Json = json.loads(beside[1].body) if len(beside) > 1 else {}
        if (guard.get("mail"), guard.get("number")) != (row["mail"], row["number"]):
            yield f"{where}: its guard does not lie behind it"

    def _notice(self, stored: Stored) -> Iterator[str]:
        notice: Json = json.loads(stored.body)
        where = f"{stored.subject} at {stored.sequence}"
        yield from self._reaches(notice, where)
        place = (notice["position"]["stream"], notice["position"]["sequence"])
        yield from self._accounted(place, where)
        sent = self._world.letters.get(place)
        if sent is None or sent.event.mail != notice["mail"]:
            yield f"{where}: is no notice of the letter at {place}"
        elif notice["kind"] == "repeated":
            if not self._mails[notice["mail"]]:
                yield f"{where}: a repetition of a letter that has no number"
        elif sent.series != "notice":
            yield f"{where}: a letter was taken for a notice"

    def _reaches(self, row: Json, where: str) -> Iterator[str]:
        reached = (_place(row["reached"].get("mail")), _place(row["reached"].get("orders")))
        if any(now < before for now, before in zip(reached, self._reached, strict=True)):
            yield f"{where}: reached {reached}, behind {self._reached} of the message before it"
        self._reached = reached

    def _accounted(self, place: Place, where: str) -> Iterator[str]:
        if place in self._letters:
            yield f"{where}: the letter at {place} has its row or notice at {self._letters[place]}"
        self._letters[place] = where
        if place > self._reached[0]:
            yield f"{where}: does not say that it reached its own letter"

    def _moves(self) -> Iterator[str]:
        for key in self._moved.keys() ^ self._arrived.keys():
            yield f"a move left one of its two rows behind: {key}"
        for key in self._moved.keys() & self._arrived.keys():
            row, became = self._moved[key], self._arrived[key]
            if became["moved_from"] != row["number_text"]:
                yield f"{key} says that it was {became['moved_from']}; it was {row['number_text']}"
            for name in ("mail", "sha256", "received_at", "deemed_at", "position", "channel"):
                if row.get(name) != became.get(name):
                    yield f"{key} has another {name} than the entry it continues"

    # -- when everything has run to its end ---------------------------------------------------------------------------

    def _everything_done(self) -> Iterator[str]:
        for place in self._world.letters.keys() - self._letters.keys():
            yield f"the letter at {place} has neither number nor notice"

    def _orders(self) -> Iterator[str]:
        refused: dict[int, str] = {}
        for dead in self._world.dead.history:
            given_up: Json = json.loads(dead.body)
            refused[given_up["source"]["sequence"]] = given_up["reason"]
            if not given_up["reason"]:
                yield f"order {given_up['source']['sequence']} was refused without a reason"
        ids: set[tuple[str, str]] = set()
        for sequence, order in self._world.given.items():
            acts = self._acts.pop(sequence, [])
            name = (order["subject"], order["said"].get("id", ""))
            if name in ids and order["readable"]:
                if acts or sequence in refused:
                    yield f"order {sequence} was given before, and was dealt with again"
                continue
            ids.add(name)
            if len(acts) > 1:
                yield f"order {sequence} was carried out {len(acts)} times: {acts}"
            if acts and sequence in refused:
                yield from self._both(sequence, refused[sequence])
            if not acts and sequence not in refused and not self._done_already(order):
                yield f"order {sequence} was neither carried out nor refused"
            if sequence in refused and order["readable"]:
                yield from self._refused(sequence, order, refused[sequence])
        for sequence in self._acts:
            yield f"order {sequence} was carried out and never given"

    def _both(self, sequence: int, reason: str) -> Iterator[str]:
        """Carried out by one worker and refused by another: the limit that the register's README names.

        A refusal lies in DEAD, which no sequence of REGISTER fences. One worker never contradicts itself.
        """
        carried, refused = self._world.carried_by[sequence], self._world.refused_by[sequence]
        self._world.met["an order was carried out by one worker and refused by another"] += 1
        if carried & refused:
            yield f"order {sequence} was carried out and refused: {reason}"

    def _done_already(self, order: Json) -> bool:
        """An order to open a book that is open at the same number changes nothing."""
        book = self._books.get(order["book"])
        return order["kind"] == "open" and book is not None and book.opened == order["first"]

    def _refused(self, sequence: int, order: Json, reason: str) -> Iterator[str]:
        """A book may be opened as long as no letter that came before the order is in it."""
        if order["kind"] != "open" or "entries already" not in reason:
            return
        first = self._first_letter.get(order["book"], 0)
        if first > order["arrived"] and sequence < self._first_order.get(order["book"], sequence + 1):
            yield f"order {sequence} came before the first letter of its book and was refused: {reason}"


class _Book:
    def __init__(self, subject: str) -> None:
        self.link = sha256(subject.encode()).hexdigest()
        self.opened = 0
        self.due = 0
        self.first = 0
        self.newest: int | None = None
        self.place: Place = ("", 0)
        self.rows: dict[int, Json] = {}
        self.ended: dict[int, str] = {}


def _place(position: Json | None) -> Place:
    return (position["stream"], position["sequence"]) if position else ("", 0)
