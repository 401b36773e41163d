"""A book taken up again behind its newest signed head."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from nats.aio.msg import Msg

from contracts.receipt import Head
from contracts.streams import REGISTER
from contracts.values import sha256_hex
from services.runtime.bus import Bus
from services.sign.heads import Heads
from services.sign.scan import from_sequence, scan
from services.sign.signed_book import BookChangedError, SignedBook, fold, previous_of


async def resume(bus: Bus, heads: Heads, book: SignedBook) -> None:
    """Put an empty book behind its newest checkpoint, if it has one.

    Raises:
        BookChangedError: the book has no such head: it was changed behind it.
    """
    stored = await heads.newest(book.subject)
    if stored is None:
        return
    head = stored.head
    row = await heads.row(head.sequence)
    if row is not None and row.subject == book.subject and _leads_to(head, row.body):
        book.resume(head, head.sequence)
    else:
        # The register may have been built anew: the same links at other places.
        book.resume(head, await _place_of(bus, head, book.subject))


def rest(bus: Bus, book: SignedBook) -> AsyncGenerator[Msg, None]:
    """The rows of a book behind what was read of it."""
    return scan(bus, REGISTER.family, [book.subject], from_sequence(book.end.sequence + 1))


def _leads_to(head: Head, body: bytes) -> bool:
    return fold(previous_of(body), bytes.fromhex(sha256_hex(body))).hex() == head.link


async def _place_of(bus: Bus, head: Head, subject: str) -> int:
    book = SignedBook(subject)
    async with aclosing(rest(bus, book)) as rows:
        async for message in rows:
            book.append(message.metadata.sequence.stream, message.data)
            if book.end.length == head.length and book.end.link.hex() == head.link:
                return book.end.sequence
    raise BookChangedError(f"it has no head of {head.length} messages with the link that was signed")
