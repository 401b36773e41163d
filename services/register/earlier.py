"""Whether an order was given before: a publish that was repeated, since its answer was lost, is one order.

The ids on one subject of ORDERS, from a day before the order was given on. What is read is remembered, so the usual
order costs one question; the first one on a subject costs some twenty to find the day, and one for each order since.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from contracts.event import Position
from contracts.streams import ORDERS
from contracts.values import from_instant
from services.register.intake import OrderRead
from services.register.memory import Memory

BEFORE: Final = timedelta(days=1)
REMEMBERED: Final = 200_000
"""Ids over all subjects, about 120 octets each."""


class _Id(Struct):
    id: str = ""


class _Subject(Struct):
    since: datetime
    upto: int
    """Everything on the subject from `since` up to this sequence is in `ids`."""
    ids: dict[str, int] = {}


class Earlier:
    """The ids of orders, as far as they have been asked for."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()

    async def find(self, read: OrderRead) -> Position | None:
        """Where the first order with this id lies, if that is before this one. Raises the errors of the bus."""
        order, here = read.order, read.position.sequence
        if order is None:
            return None
        try:
            given = from_instant(order.given_at)
        except ValueError:  # a month 13 passes the pattern
            return None
        known = self._subjects.pop(read.subject, None)
        if known is None or known.since > given - BEFORE:
            known = await self._begin(read.subject, here, given)
        while known.upto < here:
            found = await self._memory.order(read.subject, known.upto + 1)
            if found is None:
                break
            known.upto = found.sequence
            known.ids.setdefault(_id(found.body), found.sequence)
        self._subjects[read.subject] = known
        self._bound()
        first = known.ids.get(order.id, here)
        return Position(stream=ORDERS.family, sequence=first) if first < here else None

    async def _begin(self, subject: str, here: int, given: datetime) -> _Subject:
        own = await self._memory.order(subject, here)
        # Whoever gave it may be ahead of us; what is stored is not.
        since = (min(given, datetime.fromisoformat(own.time)) if own is not None else given) - BEFORE
        low, high = 1, here
        while low < high:  # the first message of the subject since then is not before `low`
            middle = (low + high) // 2
            found = await self._memory.order(subject, middle)
            if found is None or found.sequence >= high or datetime.fromisoformat(found.time) >= since:
                high = middle
            else:
                low = found.sequence + 1
        return _Subject(since, low - 1)

    def _bound(self) -> None:
        while len(self._subjects) > 1 and sum(len(known.ids) for known in self._subjects.values()) > REMEMBERED:
            self._subjects.popitem(last=False)


def _id(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Id).id
    except (msgspec.MsgspecError, RecursionError):
        return ""
