"""What `saraban up` tells a person who watches: a line for each step of a letter, or a sum when there are many."""

import asyncio
from collections import Counter
from collections.abc import Callable

from rich.markup import escape

from contracts.event import Event
from contracts.notices import (
    LetterDelivered,
    MailDelayed,
    MailFailed,
    Notified,
    ReceiptHeld,
    RegistrarAlerted,
    SenderReceipted,
)
from contracts.register import LetterEntered
from services.commands.stream import follow
from services.commands.terminal import clean
from services.runtime.bus import Bus

LINES_A_SECOND = 8

Say = Callable[[str], None]


class Journal:
    """Follows the book and what was sent."""

    def __init__(self, bus: Bus, say: Say) -> None:
        self._bus = bus
        self._say = say
        self._waiting: list[str] = []
        self._sums: Counter[str] = Counter()

    async def run(self) -> None:
        """Tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow("REGISTER", "register.v1.entered.>"))
            group.create_task(self._follow("RECEIPTS", "notify.v1.>"))
            group.create_task(self._speak())

    async def _follow(self, stream: str, subject: str) -> None:
        async for stored in follow(self._bus, stream, subject):
            event = stored.event
            told = None if event is None else words(event)
            if told is None:
                continue
            what, line = told
            self._sums[what] += 1
            if len(self._waiting) <= LINES_A_SECOND:
                self._waiting.append(line)

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(1)
            lines, sums = self._waiting, self._sums
            self._waiting, self._sums = [], Counter()
            if len(lines) > LINES_A_SECOND:
                lines = [", ".join(f"{count} {what}" for what, count in sums.most_common())]
            for line in lines:
                self._say(line)


def words(event: Event) -> tuple[str, str] | None:
    """A word for the sum and the line of an event; None for one that needs no line."""
    match event:
        case LetterEntered():
            return "numbered", f"{_book(event)}  numbered [bold]{escape(event.number_text)}[/bold]"
        case SenderReceipted(sent=True):
            return f"{event.kind} receipts sent", f"{_book(event)}  {event.kind} receipt sent"
        case SenderReceipted():
            return "receipts without a mail", f"{_book(event)}  receipt made, no mail: {event.why}"
        case ReceiptHeld():
            return "receipts held", f"{_book(event)}  receipt held: {event.why}"
        case LetterDelivered():
            return "cover mails delivered", f"{_book(event)}  cover mail delivered"
        case MailDelayed():
            return "mails delayed", f"{_book(event)}  {event.errand} delayed (attempt {event.attempt})"
        case MailFailed():
            return "mails failed", f"[red]{_book(event)}  {event.errand} failed: {escape(clean(event.reason))}[/red]"
        case RegistrarAlerted():
            return "alerts", f"{_book(event)}  registrar alerted: {event.why}"
        case _:
            return None


def _book(event: LetterEntered | Notified) -> str:
    return f"{event.agency} {event.series} {event.number}/{event.year}"
