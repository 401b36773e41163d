"""Exactly one final receipt for each letter, and it says what the row says (issue: `exactly one final receipt`).

Receipts are read beside the rows, each as soon as its row was read. So what is remembered is the rows whose receipt
lies further back: 25 octets each, in pages by the letter's place in MAIL, and a page goes with its last one.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from contracts import codec
from contracts.chain import next_link
from contracts.dead import Dead, MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Position
from contracts.findings import ReceiptSealed
from contracts.headers import percent_decode
from contracts.receipt import Head
from contracts.register import LetterEntered
from contracts.streams import REGISTER, SIGN_ENTERED
from services.audit.entry import entry
from services.audit.heads import Heads
from services.audit.letters import Place, place
from services.audit.reading import Message
from services.audit.report import Report
from services.runtime.bus import Bus

_SEQUENCE, _DIGEST = 8, 16
_SLOT = _SEQUENCE + _DIGEST + 1
PAGE: Final = 1_024
"""Letters of a page."""


class Slot(Struct, frozen=True):
    """What is remembered of one row."""

    sequence: int
    digest: bytes


class Page(Struct):
    """Rows without a receipt, by their letters' places."""

    stream: str
    number: int
    slots: bytearray
    open: int = 0


class Ledger:
    """The rows whose receipt has not been read, by the place of their letter in MAIL."""

    def __init__(self, pages: list[Page] | None = None) -> None:
        self._pages: dict[Place, Page] = {(page.stream, page.number): page for page in pages or []}

    @property
    def pages(self) -> list[Page]:
        """All of it."""
        return list(self._pages.values())

    def enter(self, position: Position, sequence: int, body: bytes) -> None:
        """Remember a row: its sequence in REGISTER and the digest of its body."""
        number, at = divmod(position.sequence, PAGE)
        page = self._pages.get((position.stream, number))
        if page is None:
            page = Page(position.stream, number, bytearray(PAGE * _SLOT))
            self._pages[position.stream, number] = page
        start = at * _SLOT
        page.open += page.slots[start + _SLOT - 1] == 0
        page.slots[start : start + _SLOT] = (
            sequence.to_bytes(_SEQUENCE, "big") + sha256(body).digest()[:_DIGEST] + b"\1"
        )

    def receipt(self, position: Position) -> Slot | None:
        """Take out the row of the letter at `position`; None where there is none that waits."""
        number, at = divmod(position.sequence, PAGE)
        page = self._pages.get((position.stream, number))
        start = at * _SLOT
        if page is None or not page.slots[start + _SLOT - 1]:
            return None
        found = _slot(page.slots, start)
        page.slots[start + _SLOT - 1] = 0
        page.open -= 1
        if not page.open:
            del self._pages[position.stream, number]
        return found

    def without_receipt(self) -> Iterator[tuple[Place, Slot]]:
        """The rows no receipt was read for."""
        for page in [*self._pages.values()]:
            for at in range(PAGE):
                if page.slots[at * _SLOT + _SLOT - 1]:
                    yield (page.stream, page.number * PAGE + at), _slot(page.slots, at * _SLOT)


def _slot(slots: bytearray, start: int) -> Slot:
    middle = start + _SEQUENCE
    return Slot(int.from_bytes(slots[start:middle], "big"), bytes(slots[middle : middle + _DIGEST]))


class GivenUp:
    """Rows that sign gave up on: REGISTER sequence to whether an officer has closed the matter."""

    def __init__(self, rows: dict[int, bool] | None = None) -> None:
        self.rows: dict[int, bool] = rows or {}

    def take(self, message: Message) -> None:
        """One message of DEAD; what cannot be read is none of sign's."""
        try:
            event: Dead = codec.decode(message.body, MessageGivenUp, MessageClosed, MessageRetried)
        except codec.UndecodableError:
            return
        if event.consumer == SIGN_ENTERED.durable:
            self.rows[event.source.sequence] = isinstance(event, MessageClosed)

    def closed(self, sequence: int) -> bool | None:
        """Whether the matter is closed; None where sign did not give up."""
        return self.rows.get(sequence)


class Receipts:
    """The receipts of FINDINGS against the rows."""

    def __init__(self, bus: Bus, report: Report, ledger: Ledger, heads: Heads) -> None:
        self._bus = bus
        self._report = report
        self._ledger = ledger
        self._heads = heads

    async def take(self, message: Message, newest: Place, *, over: bool) -> bool:
        """One sealed receipt. False, and nothing is done, where its row was not read yet; `over`: no more rows come."""
        if not message.body:
            return self._counted(message, newest, over=over)
        try:
            event = codec.decode(message.body, ReceiptSealed)
        except codec.UndecodableError as error:
            self._report.broken("receipt", str(message), f"is no receipt: {error}")
            return True
        if not over and place(event.position) > newest:
            return False
        receipt = event.receipt
        where = f"{event.agency} {receipt.series} {receipt.year} no. {receipt.number} ({message})"
        self._report.counts.receipts += 1
        if receipt.kind != "final":
            self._report.broken("receipt", where, "is not final; only final receipts are sealed")
            return True
        slot = self._ledger.receipt(event.position)
        if slot is None:
            again = await self._answered_before(event)
            words = (
                "is another final receipt of the same letter"
                if again
                else "is the receipt of an entry that no book has"
            )
            self._report.broken("receipt", where, words)
        elif sha256(receipt.proof.row).digest()[:_DIGEST] != slot.digest:
            self._report.broken("receipt", where, f"shows another row than {REGISTER.family}:{slot.sequence}")
        else:
            await self._compare(event, where)
        return True

    def _counted(self, message: Message, newest: Place, *, over: bool) -> bool:
        """By its headers alone: its key names the letter."""
        key = percent_decode(message.headers.get("ce-id", "")).rpartition(":")
        stream = key[0].rpartition(":")[2]
        if not key[2].isdigit() or not stream:
            self._report.broken("receipt", str(message), "is no receipt: its headers name no letter")
            return True
        position = Position(stream=stream, sequence=int(key[2]))
        if not over and place(position) > newest:
            return False
        self._report.counts.receipts += 1
        if self._ledger.receipt(position) is None:
            self._report.broken("receipt", str(message), f"is not the one final receipt of the letter at {position}")
        return True

    async def _answered_before(self, event: ReceiptSealed) -> bool:
        receipt = event.receipt
        book = f"register.v1.entered.{receipt.agency}.{receipt.series}.{receipt.year}"
        row = await entry(self._bus, book, receipt.number)
        return row is not None and row.position == event.position

    async def _compare(self, event: ReceiptSealed, where: str) -> None:
        receipt = event.receipt
        row = codec.decode(receipt.proof.row, LetterEntered)  # its octets are those of the book
        pairs = {
            "agency": (event.agency, row.agency),
            "mail": (event.mail, row.mail),
            "position": (event.position, row.position),
            "receipt's agency": (receipt.agency, row.agency),
            "series": (receipt.series, row.series),
            "year": (receipt.year, row.year),
            "number": (receipt.number, row.number),
            "register number": (receipt.register_number, row.number_text),
            "digest": (receipt.sha256, row.sha256),
            "size": (receipt.size, row.size),
            "received_at": (receipt.clock.received_at, row.received_at),
            "bound_ms": (receipt.clock.bound_ms, row.bound_ms),
            "deemed_at": (receipt.deemed.at, row.deemed_at),
            "calendar": (receipt.deemed.calendar, row.calendar),
        }
        wrong = [name for name, (said, is_) in pairs.items() if said != is_]
        if wrong:
            self._report.broken("receipt", where, f"does not say what its row says: {', '.join(wrong)}")
        proof = receipt.proof
        if proof.link != next_link(row.previous, proof.row):
            self._report.broken("receipt", where, "gives another link than its row has")
        if isinstance(proof.head, Head):
            link = proof.head.link
            for digest in proof.between:
                link = sha256(bytes.fromhex(link) + bytes.fromhex(digest)).hexdigest()
            if link != row.previous:
                self._report.broken("receipt", where, "the head before it does not lead to its row")
            if not await self._heads.has(row.nats_subject, proof.head):
                self._report.broken("receipt", where, "the head before it was never published")

    def finish(self, settled: int, given_up: GivenUp) -> None:
        """Every row up to REGISTER sequence `settled` must have its receipt; later ones wait."""
        for (stream, sequence), slot in self._ledger.without_receipt():
            where = f"letter at {stream}:{sequence} (row at REGISTER:{slot.sequence})"
            closed = given_up.closed(slot.sequence)
            if closed is False:
                self._report.broken("receipt", where, "has no final receipt: sign gave up on it (`saraban dead`)")
            elif closed:
                continue
            elif slot.sequence <= settled:
                self._report.broken("receipt", where, "has no final receipt, though sign has settled it")
            else:
                self._report.counts.waiting_receipts += 1
