"""Signed heads against the books: each is its book's link at that length, signed, and none is missing (invariant 7).

They come beside the rows: a head waits until its book has been read so far. One that is longer than its book at the
end says that rows were cut off.
"""

import base64
import time
from collections import deque
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from contracts import chain, codec
from contracts.findings import CheckpointSealed
from contracts.receipt import Head
from contracts.register import BookRow
from contracts.streams import FINDINGS, REGISTER
from services.audit.book import KINDS, Book, Books
from services.audit.reading import Message
from services.audit.report import Report
from services.audit.signatures import SignatureError, Signatures
from services.runtime.bus import Bus
from services.runtime.errors import Missing
from services.runtime.letters import read_message

KEPT = 8
"""Newest heads of a book that are remembered for the receipts that carry them; older ones are looked up."""

BOOK, HEAD = "register.v1.entered.", "sign.v1.checkpoint."


class Published(Struct, frozen=True):
    """A head that FINDINGS has."""

    length: int
    digest: bytes


class Heads:
    """The heads of all books."""

    def __init__(
        self,
        bus: Bus,
        report: Report,
        books: Books,
        signatures: Signatures,
        published: Mapping[str, list[Published]] | None = None,
    ) -> None:
        self._bus = bus
        self._report = report
        self._books = books
        self._signatures = signatures
        self._published = {book: deque(heads, KEPT) for book, heads in (published or {}).items()}

    @property
    def published(self) -> dict[str, list[Published]]:
        """The newest heads of each book."""
        return {book: list(heads) for book, heads in self._published.items()}

    async def take(self, message: Message, *, over: bool) -> bool:
        """One head. False, and nothing is done, where its book has not been read so far; `over`: no more rows come."""
        subject = BOOK + message.subject.removeprefix(HEAD)
        where = f"head of {' '.join(subject.split('.')[3:])} ({message})"
        try:
            head = codec.decode(message.body, CheckpointSealed)
        except codec.UndecodableError as error:
            self._report.broken("head", where, f"is no signed head: {error}")
            return True
        book = self._books.all.get(subject)
        if book is None or book.length < head.length:
            if not over:
                return False
            self._report.broken(
                "head", where, f"is signed over {head.length} messages; the book has {book.length if book else 0}"
            )
            return True
        self._report.counts.heads += 1
        if head.nats_subject != message.subject:
            self._report.broken("head", where, f"lies at {message.subject}, but says {head.nats_subject}")
        if head.length < book.head:
            self._report.broken("head", where, f"is of {head.length} messages, after one of {book.head}")
        book.head = max(book.head, head.length)
        await self._compare(subject, book, head, where)
        try:
            self._signatures.head(bytes.fromhex(head.link), head.signature, head.token)
        except SignatureError as error:
            self._report.broken("head", where, str(error))
        found = _digest(head.link, head.length, head.signature, head.token)
        self._published.setdefault(subject, deque(maxlen=KEPT)).append(Published(head.length, found))
        return True

    async def _compare(self, subject: str, book: Book, head: CheckpointSealed, where: str) -> None:
        link = self._books.link(subject, head.length)
        if head.length == book.length:
            link = book.link
            if head.sequence != book.sequence:
                self._report.counts.other_places += 1
        if link is None:
            link = await self._link_at(subject, head.sequence)
        if link != head.link:
            self._report.broken(
                "head", where, f"is not the head of the book at {head.length} messages: rows before it were changed"
            )

    async def _link_at(self, subject: str, sequence: int) -> str | None:
        """The link after a message of a book. Its own `previous` was compared when the book was read."""
        found = await read_message(self._bus.nc, REGISTER.family, sequence, self._bus.timeout)
        if found is None or found.subject != subject:
            return None
        try:
            row: BookRow = codec.decode(found.body, *KINDS)
        except codec.UndecodableError:
            return None
        return chain.next_link(row.previous, found.body)

    async def has(self, book: str, head: Head) -> bool:
        """Whether a receipt's head was published."""
        wanted = _digest(head.link, head.length, head.signature, head.token)
        known = self._published.get(book)
        if known and head.length >= known[0].length:
            return any(one.digest == wanted for one in known) or await self._look_up(book, head, wanted)
        return await self._look_up(book, head, wanted)

    async def _look_up(self, book: str, head: Head, wanted: bytes) -> bool:
        """Halve the way: the lengths of a book's heads grow along FINDINGS."""
        subject = HEAD + book.removeprefix(BOOK)
        low, high = 1, int((await self._bus.api(f"STREAM.INFO.{FINDINGS.family}"))["state"]["last_seq"])
        while low < high:
            middle = (low + high) // 2
            found = await self._next(subject, middle)
            if found is None or found[1].length >= head.length:
                high = middle
            else:
                low = found[0] + 1
        while (found := await self._next(subject, low)) is not None and found[1].length == head.length:
            one = found[1]
            if _digest(one.link, one.length, one.signature, one.token) == wanted:
                return True
            low = found[0] + 1
        return False

    async def _next(self, subject: str, sequence: int) -> tuple[int, CheckpointSealed] | None:
        try:
            reply: dict[str, Any] = await self._bus.api(
                f"STREAM.MSG.GET.{FINDINGS.family}", {"seq": sequence, "next_by_subj": subject}
            )
        except Missing:
            return None
        found = reply["message"]
        try:
            return int(found["seq"]), codec.decode(base64.b64decode(found.get("data", "")), CheckpointSealed)
        except codec.UndecodableError:
            return None  # said where the heads are read

    def finish(self, settled: int, seconds: float, known: Collection[str]) -> None:
        """Every book's end must be signed `seconds` after its newest row, unless sign has not come to that row."""
        for book in self._books.all.values():
            if book.length <= book.head or book.subject.split(".")[3] not in known:
                continue
            age = time.time() - book.stored_ns / 1e9
            if age < seconds or book.sequence > settled:
                self._report.counts.waiting_heads += 1
            else:
                words = f"has no signed head of its {book.length} messages, {age:.0f} s after the newest"
                self._report.broken("head", f"{book.name} ({REGISTER.family}:{book.sequence})", words)


def _digest(link: str, length: int, signature: bytes, token: bytes | None) -> bytes:
    return blake2b(b"%s %d " % (link.encode(), length) + signature + (token or b""), digest_size=16).digest()
