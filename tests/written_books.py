"""Books written straight into REGISTER, as the register would: of any size in seconds, with orders and findings beside.

For what only reads the streams. What the register itself makes of orders is tests/books.py's.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts import codec
from contracts.chain import first_link, next_link
from contracts.event import Event, Position, Reached
from contracts.findings import Findings, LetterExamined, Particular, Particulars
from contracts.orders import CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, Order, VoidOrdered
from contracts.register import EntryCorrected, EntryMoved, EntryNoted, EntryVoided, LetterEntered, LetterRecorded
from contracts.values import BANGKOK, Series, instant, local_instant, mail_id, sha256_hex
from services.register.number_text import number_text
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from tests.conftest import THIS_YEAR

AT_ONCE = 900
BEGUN = datetime(THIS_YEAR - 543, 1, 5, 9, 0, tzinfo=BANGKOK)


def outgoing(event: Event) -> Outgoing:
    """The message of an event."""
    return Outgoing(event.nats_subject, codec.encode(event), codec.encode_headers(event))


class WrittenBooks:
    """Writes the books of one agency. Nobody else writes to these streams meanwhile."""

    def __init__(self, bus: Bus, agency: str = "demo", form: str = "{number}/{year}") -> None:
        self.agency = agency
        self.places = 0
        self._bus = bus
        self._form = form
        self._links: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._waiting: list[Outgoing] = []
        self._findings: list[Outgoing] = []

    async def letter(
        self,
        subject: str | None,
        sender: str = "clerk@sender.example",
        *,
        series: Series = "received",
        found: dict[str, str] | None = None,
        position: Position | None = None,
        **changes: Any,
    ) -> int:
        """A letter that came by mail; `found` are particulars read from it. Returns its number."""
        self.places += 1
        position = position or Position(stream=f"MAIL_{THIS_YEAR}", sequence=self.places)
        mail = mail_id(hashlib.sha256(f"{self.agency}{position}".encode()).digest())
        number = self._row(series, subject, sender, position=position, mail=mail, **changes)
        if found is not None:
            self._findings.append(outgoing(self.examined(series, number, position, found)))
        if len(self._waiting) >= AT_ONCE:
            await self.flush()
        return number

    def examined(self, series: Series, number: int, position: Position, found: dict[str, str]) -> LetterExamined:
        """What `sign` would say of it."""
        read = {name: Particular(value=value, source="subject", confidence=1) for name, value in found.items()}
        findings = Findings(particulars=Particulars(**read), judged_at=instant(0), software="test")  # type: ignore[arg-type]  # names of its fields
        return LetterExamined(
            agency=self.agency, mail=mail_id(hashlib.sha256(str(position).encode()).digest()), position=position,
            series=series, year=THIS_YEAR, number=number, findings=findings,
        )  # fmt: skip

    async def enter(self, order: EnterOrdered) -> int:
        """A letter of paper."""
        place = await self._order(order)
        return self._row(
            order.series, order.subject, order.sender, channel=order.channel, order=place, bound_ms=None,
            within_bound=None, position=None, mail=None, letter_number=order.letter_number,
            letter_date=order.letter_date, addressee=order.addressee, came=datetime.fromisoformat(order.came_at),
        )  # fmt: skip

    async def void(
        self, number: int, by: str = "นางมาลี สุขใจ", reason: str = "ลงซ้ำ", series: Series = "received"
    ) -> None:
        """An entry is void."""
        order = VoidOrdered(**self._given(by, reason), series=series, year=THIS_YEAR, number=number)
        place = await self._order(order)
        self._chain(EntryVoided, series, number=number, order=place)

    async def note(self, number: int, text: str, by: str = "นายสมชาย ใจดี", series: Series = "received") -> Position:
        """What was done with it."""
        order = NoteOrdered(**self._given(by, "บันทึก"), series=series, year=THIS_YEAR, number=number, text=text)
        place = await self._order(order)
        self._chain(EntryNoted, series, number=number, order=place)
        return place

    async def correct(self, number: int, series: Series = "received", **fields: str) -> None:
        """Its record is replaced; what is not named is gone."""
        given = self._given("นางมาลี สุขใจ", "พิมพ์ผิด")
        place = await self._order(CorrectOrdered(**given, series=series, year=THIS_YEAR, number=number, **fields))
        record = self._record(series, number, None, fields.get("subject"), fields.get("sender"), **{
            name: fields.get(name) for name in ("letter_number", "letter_date", "addressee")
        })  # fmt: skip
        self._chain(EntryCorrected, series, number=number, order=place, record=sha256_hex(codec.encode(record)))
        self._waiting.append(outgoing(record))

    async def move(self, number: int, to_series: Series, subject: str | None, position: Position | None = None) -> int:
        """It goes on in another series."""
        order = MoveOrdered(
            **self._given("นางมาลี สุขใจ", "ลงผิดทะเบียน"), series="received", year=THIS_YEAR, number=number,
            to_series=to_series,
        )  # fmt: skip
        place = await self._order(order)
        there = self._numbers.get(self._book(to_series), 0) + 1
        self._chain(
            EntryMoved, "received", number=number, order=place, to_series=to_series, to_year=THIS_YEAR, to_number=there
        )
        text = number_text(self._form, number, THIS_YEAR)
        self._row(
            to_series, subject, "clerk@sender.example", position=position, mail=None, moved_from=text, order=place
        )
        return there

    async def flush(self) -> None:
        """Store what waits."""
        for waiting in (self._waiting, self._findings):
            for start in range(0, len(waiting), AT_ONCE):
                await commit_or_publish(self._bus, waiting[start : start + AT_ONCE])
            waiting.clear()

    async def _order(self, order: Order) -> Position:
        stored = await self._bus.publish(order)
        return Position(stream=stored.stream, sequence=stored.sequence)

    def _given(self, by: str, reason: str) -> dict[str, Any]:
        at = instant(int((BEGUN + timedelta(days=90)).timestamp() * 1e9))
        return {"id": secrets.token_hex(16), "agency": self.agency, "by": by, "reason": reason, "given_at": at}

    def _book(self, series: str) -> str:
        return f"register.v1.entered.{self.agency}.{series}.{THIS_YEAR}"

    def _row(
        self,
        series: Series,
        subject: str | None,
        sender: str | None,
        *,
        position: Position | None,
        mail: str | None,
        channel: str = "mail",
        came: datetime | None = None,
        moved_from: str | None = None,
        order: Position | None = None,
        bound_ms: float | None = 1.0,
        within_bound: bool | None = True,
        remarks: tuple[str, ...] = (),
        **particulars: Any,
    ) -> int:
        book = self._book(series)
        number = self._numbers[book] = self._numbers.get(book, 0) + 1
        came = came or BEGUN + timedelta(minutes=7 * number)
        hidden = series == "classified"
        record = self._record(
            series, number, mail, None if hidden else subject, None if hidden else sender, **particulars
        )
        self._chain(
            LetterEntered, series, number=number, number_text=number_text(self._form, number, THIS_YEAR),
            channel=channel, mail=mail, sha256=None, size=None, received_at=instant(int(came.timestamp()) * 10**9),
            bound_ms=bound_ms, within_bound=within_bound, deemed_at=local_instant(came),
            calendar="0" * 64, rules="test", record=sha256_hex(codec.encode(record)), position=position,
            moved_from=moved_from, order=order, remarks=remarks,
        )  # fmt: skip
        self._waiting.append(outgoing(record))
        return number

    def _record(
        self, series: Series, number: int, mail: str | None, subject: str | None, sender: str | None, **more: Any
    ) -> LetterRecorded:
        return LetterRecorded(
            agency=self.agency, series=series, year=THIS_YEAR, number=number, mail=mail, salt=secrets.token_hex(32),
            message_id=None, sender=sender, subject=subject, **more,
        )  # fmt: skip

    def _chain(self, kind: Any, series: Series, **fields: Any) -> None:
        book = self._book(series)
        previous = self._links.get(book, first_link(book))
        if kind is not LetterEntered:
            fields["last"] = self._numbers.get(book, 0)
        row = kind(agency=self.agency, series=series, year=THIS_YEAR, previous=previous, reached=Reached(), **fields)
        body = codec.encode(row)
        self._links[book] = next_link(previous, body)
        self._waiting.append(Outgoing(row.nats_subject, body, codec.encode_headers(row)))


async def commit_or_publish(bus: Bus, messages: Sequence[Outgoing]) -> None:
    """One atomic batch where the stream takes one, otherwise one after the other with many under way."""
    if messages[0].subject.startswith("register."):
        await commit(bus.nc, messages, 60)
        return
    await asyncio.gather(*[commit(bus.nc, (message,), 60) for message in messages])
