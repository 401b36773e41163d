"""REGISTER read back: the ends of books, guards, and how far the register has read. Always asked of the leader.

A replica that lags would only show what made us ask.
"""

import asyncio
import base64
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from contracts import codec
from contracts.dead import MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Reached
from contracts.register import NoticeKept
from contracts.streams import BOOKS, DEAD, NOTICES, ORDERS, REGISTER
from services.register import book
from services.register.book import End
from services.runtime import errors
from services.runtime.bus import Bus

AT_ONCE: Final = 32
"""Requests under way; the server queues those of its API for all clients."""


class Stored(Struct, frozen=True):
    """A message as it lies in its stream."""

    sequence: int
    body: bytes
    time: str


class BookDamagedError(Exception):
    """The last message of a book is no row we know. Nothing is written behind it until a person has looked."""


class Memory:
    """Reads what `Known` needs. Raises the errors of the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def last(self) -> int:
        """Sequence of the last message of REGISTER. To be asked before everything else that a batch rests on."""
        info = await self._bus.api(f"STREAM.INFO.{REGISTER.family}")
        return int(info["state"]["last_seq"])

    async def end(self, subject: str) -> End:
        """The end of a book. Raises BookDamagedError where it cannot be read."""
        found = await self._last(REGISTER.family, subject)
        if found is None:
            return book.empty(subject)
        sequence, body = found
        try:
            return book.end(body, sequence)
        except codec.UndecodableError as error:
            raise BookDamagedError(f"{subject}: message {sequence} of REGISTER is no row: {error}") from error

    async def ends(self, subjects: Iterable[str]) -> dict[str, End]:
        """The ends of several books."""
        names = list(subjects)
        return dict(zip(names, await asyncio.gather(*(self.end(name) for name in names)), strict=True))

    async def notices(self, agencies: Iterable[str]) -> dict[str, tuple[int, Reached]]:
        """Sequence of the newest notice of each agency (0: none), and what had been reached with it."""
        names = list(agencies)
        return dict(zip(names, await asyncio.gather(*(self._notice(name) for name in names)), strict=True))

    async def guarded(self, guards: Iterable[tuple[str, str]]) -> list[str]:
        """Which of these letters (agency, mail) have their number."""
        letters = list(guards)
        found = await asyncio.gather(
            *(self._last(REGISTER.family, f"register.v1.letter.{agency}.{mail}") for agency, mail in letters)
        )
        return [mail for (_, mail), message in zip(letters, found, strict=True) if message is not None]

    async def reached(self) -> list[Reached]:
        """The newest positions that rows, notices and refused orders state."""
        found: list[Reached] = []
        row = await self._last(REGISTER.family, BOOKS)
        if row is not None:
            try:
                found.append(book.end(row[1], row[0]).reached)
            except codec.UndecodableError as error:
                raise BookDamagedError(f"message {row[0]} of REGISTER is no row: {error}") from error
        found.append((await self._notice("*"))[1])
        refused = await self._last(DEAD.family, "dead.v1.register.*")
        if refused is not None:
            found.append(_refused(refused[1]))
        return found

    async def opening(self, agency: str) -> int:
        """Sequence in ORDERS of the newest order to open a book of this agency; 0 if there is none."""
        found = await self._last(ORDERS.family, f"order.v1.open.{agency}")
        return found[0] if found is not None else 0

    async def message(self, sequence: int) -> Stored | None:
        """A message of REGISTER; None where it was erased."""
        return await self._get(REGISTER.family, {"seq": sequence})

    async def order(self, subject: str, sequence: int) -> Stored | None:
        """The first message of ORDERS on this subject at or behind a sequence."""
        return await self._get(ORDERS.family, {"seq": sequence, "next_by_subj": subject})

    async def _notice(self, agency: str) -> tuple[int, Reached]:
        subject = NOTICES.replace("*", agency)
        found = await self._last(REGISTER.family, subject)
        if found is None:
            return 0, Reached()
        sequence, body = found
        try:
            return sequence, codec.decode(body, NoticeKept).reached
        except codec.UndecodableError as error:
            raise BookDamagedError(f"{subject}: message {sequence} of REGISTER is no notice: {error}") from error

    async def _last(self, stream: str, subject: str) -> tuple[int, bytes] | None:
        found = await self._get(stream, {"last_by_subj": subject})
        return None if found is None else (found.sequence, found.body)

    async def _get(self, stream: str, what: dict[str, Any]) -> Stored | None:
        async with self._slots:
            try:
                reply: dict[str, Any] = await self._bus.api(f"STREAM.MSG.GET.{stream}", what)
            except errors.Missing as error:
                if error.code == errors.MESSAGE_NOT_FOUND:
                    return None
                raise
        message = reply["message"]
        return Stored(int(message["seq"]), base64.b64decode(message.get("data", "")), message["time"])


def _refused(body: bytes) -> Reached:
    try:
        source = codec.decode(body, MessageGivenUp, MessageRetried, MessageClosed).source
    except codec.UndecodableError:
        return Reached()
    return Reached(orders=source) if source.stream == ORDERS.family else Reached()
