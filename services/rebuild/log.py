"""The rows and notices of REGISTER in the order in which they were written, with a look ahead."""

from collections.abc import AsyncIterator

from contracts import codec
from contracts.register import (
    BookOpened,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
    NoticeKept,
)
from contracts.streams import ENTERED, NOTICES, REGISTER
from services.audit.reading import Message, messages
from services.rebuild.evidence import Place
from services.runtime.bus import Bus

Written = BookOpened | LetterEntered | EntryVoided | EntryCorrected | EntryMoved | EntryNoted | NoticeKept
KINDS: tuple[type[Written], ...] = (
    BookOpened,
    LetterEntered,
    EntryVoided,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    NoticeKept,
)


class Log:
    """What lies in REGISTER, one message after the other."""

    def __init__(self, bus: Bus, last: int) -> None:
        self._messages: AsyncIterator[Message] = messages(bus, REGISTER.family, [ENTERED, NOTICES], last=last)
        self._ahead: list[tuple[Message, Written]] = []

    async def peek(self, ahead: int = 0) -> tuple[Message, Written] | None:
        """The next message, or one behind it; None at the end. Raises UndecodableError."""
        while len(self._ahead) <= ahead:
            message = await anext(self._messages, None)
            if message is None:
                return None
            self._ahead.append((message, codec.decode(message.body, *KINDS)))
        return self._ahead[ahead]

    async def take(self) -> tuple[Message, Written] | None:
        """The next message, and go on."""
        found = await self.peek()
        if found is not None:
            self._ahead.pop(0)
        return found

    async def next_letter(self) -> Place | None:
        """The letter that the next message is about; None where an order wrote it, or there is no more."""
        for ahead in range(3):  # a book may be opened before, by the directory's word
            found = await self.peek(ahead)
            if found is None:
                return None
            event = found[1]
            if isinstance(event, BookOpened) and event.order is None:
                continue
            if isinstance(event, NoticeKept) or (isinstance(event, LetterEntered) and event.order is None):
                return (event.position.stream, event.position.sequence) if event.position else None
            return None
        return None

    async def next_order(self) -> int | None:
        """The order that wrote the next message; None where a letter did, or there is no more."""
        for ahead in range(2):
            found = await self.peek(ahead)
            event = found[1] if found else None
            if event is None or isinstance(event, NoticeKept):
                return None
            if event.order is not None:
                return event.order.sequence
            if not isinstance(event, BookOpened):
                return None
        return None
