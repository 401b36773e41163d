"""Orders as an officer gives them, for tests, and what became of them."""

import asyncio
import secrets
from typing import Any, TypeVar

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.register import (
    LetterRecorded,
)
from contracts.values import sha256_hex
from services.register.memory import Memory
from services.runtime.bus import Bus
from tests.books import Books
from tests.conftest import THIS_YEAR

Kind = TypeVar("Kind", bound=Order)

GIVEN_AT = f"{THIS_YEAR - 543}-12-31T09:00:00.000000Z"
CAME_AT = f"{THIS_YEAR - 543}-06-17T10:00:00+07:00"


def given(kind: type[Kind], agency_id: str = "demo", **changes: Any) -> Kind:
    """An order of its own id, about entry 1 of the agency's book of this year where nothing else is said."""
    values: dict[str, Any] = {
        "agency": agency_id,
        "id": secrets.token_hex(16),
        "by": "นางสาวผู้สั่ง",
        "reason": "ตามคำสั่ง",
        "given_at": GIVEN_AT,
    }
    if kind is EnterOrdered:
        values |= {"channel": "paper", "came_at": CAME_AT, "sender": "กรมตัวอย่าง", "subject": "ขอความอนุเคราะห์"}
    else:
        values |= {"series": "received", "year": THIS_YEAR}
    if kind in (VoidOrdered, CorrectOrdered, MoveOrdered, NoteOrdered):
        values["number"] = 1
    if kind is BookOpenOrdered:
        values["first"] = 100
    if kind is MoveOrdered:
        values["to_series"] = "general"
    if kind is NoteOrdered:
        values["text"] = "ดำเนินการแล้ว"
    return kind(**(values | changes))


async def give(bus: Bus, *orders: Order) -> None:
    for order in orders:
        await bus.publish(order)


async def until_reached(bus: Bus, sequence: int, seconds: float = 60.0) -> None:
    """Wait until every order up to `sequence` has its effect or its refusal, by what stands behind them."""
    async with asyncio.timeout(seconds):
        while True:
            places = [one.orders for one in await Memory(bus).reached()]
            if any(place is not None and place.sequence >= sequence for place in places):
                return
            await asyncio.sleep(0.02)


async def refusals(bus: Bus) -> list[MessageGivenUp]:
    last = (await bus.js.stream_info("DEAD")).state.last_seq
    found = [await bus.js.get_msg("DEAD", n, direct=True) for n in range(1, last + 1)]
    return [codec.decode(message.data or b"", MessageGivenUp) for message in found]


def rows(found: Books, kind: type[Any], series: str = "received", agency_id: str = "demo") -> list[Any]:
    subject = f"register.v1.entered.{agency_id}.{series}.{THIS_YEAR}"
    return [row.event for row in found.rows.get(subject, []) if isinstance(row.event, kind)]


def record_of(found: Books, digest: str) -> LetterRecorded:
    (record,) = [one for one in found.records if sha256_hex(codec.encode(one)) == digest]
    return record
