"""What is known of one letter at one agency, and how the streams are read for it."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from contracts import codec
from contracts.event import Event, Position
from contracts.mail import MailAttempted, MailReceived
from contracts.notices import LetterDelivered, SenderReceipted
from contracts.register import LetterEntered, NoticeKept
from services.audit.reading import Message, last_before, messages
from services.runtime.bus import Bus

SAID_EVERY: Final = 500

Tell = Callable[[str, int, int], None]
"""Told now and then: what is read, how much of it is done, how much there is."""


class Way(Struct, kw_only=True):
    """One letter at one agency, from its storing on; what has not happened is None."""

    agency: str
    mail: str
    place: Position
    stored_ns: int
    received: Annotated[MailReceived | None, Meta(description="None: erased, or not readable.")]
    row: LetterEntered | None = None
    row_sequence: int = 0
    notice: NoticeKept | None = None
    numbered_ns: int = 0
    later: list[Event] = field(default_factory=list)
    places: set[tuple[str, int]] = field(default_factory=set)
    """Where its events lie, to find those that a worker gave up on."""
    became: dict[str, LetterEntered] = field(default_factory=dict)
    """The id of an order that moved it, and the entry it became."""

    @property
    def ended(self) -> bool:
        """Whether nothing more can be expected to have happened."""
        final = any(isinstance(event, SenderReceipted) and event.kind == "final" for event in self.later)
        return self.row is None or (final and any(isinstance(event, LetterDelivered) for event in self.later))


class Found(Struct, kw_only=True):
    """Everything about what was asked after."""

    ways: list[Way]
    attempts: list[MailAttempted]
    by_hand: list[LetterEntered] = field(default_factory=list)
    """Entries of the number asked after that did not come by mail."""


async def told(
    bus: Bus,
    stream: str,
    subjects: Sequence[str],
    since_ns: int,
    tell: Tell,
    said: str = "",
    *,
    headers_only: bool = False,
) -> AsyncIterator[Message]:
    """Messages since an instant, up to the last one, with a word about it now and then."""
    read, total = 0, 0
    after = await last_before(bus, stream, since_ns) if since_ns > 0 else 0
    async for message in messages(bus, stream, subjects, after=after, headers_only=headers_only):
        read, total = read + 1, total or message.pending + 1
        if read % SAID_EVERY == 0 or not message.pending:
            tell(said or stream, read, read + message.pending)
        yield message


def decoded(body: bytes) -> Event | None:
    """The event that a body is, or None."""
    try:
        return codec.decode(body)
    except codec.UndecodableError:
        return None
