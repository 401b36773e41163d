"""What came of a letter: every stream behind MAIL, read once, from the instant at which the letter was stored.

Of its agencies only, and no further than necessary.
"""

from collections.abc import AsyncIterator, Sequence

from contracts.dead import Dead
from contracts.event import Event, Position
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.notices import Notified
from contracts.orders import MoveOrdered, Order
from contracts.register import LetterEntered, NoticeKept
from services.audit.reading import Message
from services.commands.where_way import Tell, Way, decoded, told
from services.register.book import book_subject
from services.runtime.bus import Bus
from services.runtime.letters import read_message


class Downstream:
    """Reads the later streams, each once for all ways."""

    def __init__(self, bus: Bus, ways: Sequence[Way], tell: Tell) -> None:
        self._bus = bus
        self._tell = tell
        self._ways = ways
        self._agencies = sorted({way.agency for way in ways})
        self._by_mail = {way.mail for way in ways if way.mail}
        self._by_place = {(way.place.stream, way.place.sequence): way for way in ways}
        self._since_ns = min(way.stored_ns for way in ways) - 1_000_000_000  # the clocks of two machines
        for place, way in self._by_place.items():
            way.places.add(place)

    async def read(self) -> None:
        """Fill in what happened to each of them."""
        await self._notices()
        await self._rows()
        if any(way.row is not None for way in self._ways):
            await self._findings()
            await self._sent()
        await self._orders()
        await self._given_up()

    async def _notices(self) -> None:
        async for message in self._messages("REGISTER", "register.v1.notice.{}", "notices"):
            event = decoded(message.body) if self._speaks(message) else None
            if not isinstance(event, NoticeKept):
                continue
            way = self._at(event.position)
            if way is not None:
                way.notice, way.numbered_ns = event, message.stored_ns
                continue
            for other in self._ways:  # a delivery report, say, about the mail that answered it
                if event.matches == other.mail and other.notice is None:
                    other.later.append(event)

    async def _rows(self) -> None:
        left = {place for place, way in self._by_place.items() if way.row is None and way.notice is None}
        if not left:
            return
        async for message in self._messages("REGISTER", "register.v1.entered.{}.>", "numbers"):
            event = decoded(message.body) if self._speaks(message) else None
            way = self._at(event.position) if isinstance(event, LetterEntered) else None
            if way is None or way.row is not None:
                continue
            assert isinstance(event, LetterEntered)
            way.row, way.row_sequence, way.numbered_ns = event, message.sequence, message.stored_ns
            way.places.add(("REGISTER", message.sequence))
            left.discard((way.place.stream, way.place.sequence))
            if not left:
                return

    async def _findings(self) -> None:
        subjects = [f"sign.v1.{kind}.{agency}" for agency in self._agencies for kind in ("examined", "receipt")]
        # Their keys are known beforehand, so that the receipts of others need not be read: they are large.
        keys = {
            f"{_type_of(kind)}:{way.place}"
            for way in self._ways
            for kind in (LetterExamined, ReceiptSealed)
            if way.row is not None
        }
        found: list[Message] = []
        async for message in told(self._bus, "FINDINGS", subjects, self._since_ns, self._tell, headers_only=True):
            if message.headers.get("ce-id") in keys:
                found.append(message)
                if len(found) == len(keys):
                    break
        for message in found:
            stored = await read_message(self._bus.nc, "FINDINGS", message.sequence, self._bus.timeout)
            event = decoded(stored.body) if stored is not None else None
            way = self._at(getattr(event, "position", None))
            if event is not None and way is not None:
                way.later.append(event)
                way.places.add(("FINDINGS", message.sequence))

    async def _sent(self) -> None:
        async for message in self._messages("RECEIPTS", "notify.v1.*.{}", "RECEIPTS"):
            event = decoded(message.body) if message.headers.get("ce-subject") in self._by_mail else None
            way = self._at(event.position) if isinstance(event, Notified) else None
            if way is not None and event is not None:
                way.later.append(event)
                if all(each.ended for each in self._ways):
                    return

    async def _orders(self) -> None:
        entries = {(way.row.agency, way.row.series, way.row.year, way.row.number): way for way in self._ways if way.row}
        async for message in self._messages("ORDERS", "order.v1.*.{}", "ORDERS"):
            event = decoded(message.body)
            entry = tuple(getattr(event, name, None) for name in ("agency", "series", "year", "number"))
            if isinstance(event, Order) and entry in entries:
                way = entries[entry]
                way.later.append(event)
                way.places.add(("ORDERS", message.sequence))
                if isinstance(event, MoveOrdered) and (row := await self._moved(event, message)) is not None:
                    way.became[event.id] = row
                    entries[row.agency, row.series, row.year, row.number] = way

    async def _moved(self, order: MoveOrdered, given: Message) -> LetterEntered | None:
        """The entry that an order made of another; None where it was refused, or is not carried out yet."""
        book = book_subject(order.agency, order.to_series, order.year)
        since_ns = given.stored_ns - 1_000_000_000
        async for message in told(self._bus, "REGISTER", [book], since_ns, self._tell, "moves"):
            row = decoded(message.body)
            if isinstance(row, LetterEntered) and row.order is not None and row.order.sequence == given.sequence:
                return row
        return None

    async def _given_up(self) -> None:
        async for message in self._messages("DEAD", "dead.v1.*.{}", "DEAD"):
            event = decoded(message.body)
            if not isinstance(event, Dead):
                continue
            for way in self._ways:
                if (event.source.stream, event.source.sequence) in way.places:
                    way.later.append(event)

    def _messages(self, stream: str, form: str, said: str) -> AsyncIterator[Message]:
        subjects = [form.format(agency) for agency in self._agencies]
        return told(self._bus, stream, subjects, self._since_ns, self._tell, said)

    def _speaks(self, message: Message) -> bool:
        """Whether a body may be about one of them: quicker than reading it."""
        return any(mail.encode() in message.body for mail in self._by_mail) or not self._by_mail

    def _at(self, place: Position | None) -> Way | None:
        return self._by_place.get((place.stream, place.sequence)) if place is not None else None


def _type_of(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)
