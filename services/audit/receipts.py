"""Exactly one final receipt for each letter, and it says what the row says (issue: `exactly one final receipt`).

What has to be remembered of a row until its receipt comes is 25 octets, side by side by the letter's place in MAIL.
"""

from collections.abc import Iterator
from hashlib import sha256

from msgspec import Struct

from contracts import codec
from contracts.chain import next_link
from contracts.dead import Dead, MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Position
from contracts.findings import ReceiptSealed
from contracts.receipt import Head
from contracts.register import LetterEntered
from contracts.streams import SIGN_ENTERED
from services.audit.letters import Place
from services.audit.reading import Message
from services.audit.report import Report

_SEQUENCE, _DIGEST = 8, 16
_SLOT = _SEQUENCE + _DIGEST + 1


class Slot(Struct, frozen=True):
    """What is remembered of one row."""

    sequence: int
    digest: bytes
    receipts: int


class Ledger:
    """The rows by the place of their letter in MAIL."""

    def __init__(self) -> None:
        self._streams: dict[str, bytearray] = {}

    def enter(self, position: Position, sequence: int, body: bytes) -> None:
        """Remember a row: its sequence in REGISTER and the digest of its body."""
        slots = self._streams.setdefault(position.stream, bytearray())
        end = (position.sequence + 1) * _SLOT
        if len(slots) < end:
            # In large steps: the letters come in order, and each would move all that is there.
            slots.extend(bytes(end - len(slots) + 4_096 * _SLOT))
        slots[end - _SLOT : end - 1] = sequence.to_bytes(_SEQUENCE, "big") + sha256(body).digest()[:_DIGEST]

    def receipt(self, position: Position) -> Slot | None:
        """Count a receipt for the row of the letter at `position`; None where there is no such row."""
        slots = self._streams.get(position.stream, bytearray())
        end = (position.sequence + 1) * _SLOT
        slot = _read(slots[end - _SLOT : end])
        if slot is not None:
            slots[end - 1] = min(slot.receipts + 1, 255)
        return slot

    def without_receipt(self) -> Iterator[tuple[Place, Slot]]:
        """The rows no receipt was counted for."""
        for stream, slots in self._streams.items():
            for sequence in range(len(slots) // _SLOT):
                slot = _read(slots[sequence * _SLOT : (sequence + 1) * _SLOT])
                if slot is not None and not slot.receipts:
                    yield (stream, sequence), slot


def _read(octets: bytes | bytearray) -> Slot | None:
    sequence = int.from_bytes(octets[:_SEQUENCE], "big")
    if not sequence:
        return None
    return Slot(sequence, bytes(octets[_SEQUENCE : _SEQUENCE + _DIGEST]), octets[-1])


class GivenUp:
    """Rows that sign gave up on: REGISTER sequence to whether an officer has closed the matter."""

    def __init__(self) -> None:
        self._rows: dict[int, bool] = {}

    def take(self, message: Message) -> None:
        """One message of DEAD; what cannot be read is none of sign's."""
        try:
            event: Dead = codec.decode(message.body, MessageGivenUp, MessageClosed, MessageRetried)
        except codec.UndecodableError:
            return
        if event.consumer == SIGN_ENTERED.durable:
            self._rows[event.source.sequence] = isinstance(event, MessageClosed)

    def closed(self, sequence: int) -> bool | None:
        """Whether the matter is closed; None where sign did not give up."""
        return self._rows.get(sequence)


class Receipts:
    """The receipts of FINDINGS against the rows."""

    def __init__(self, report: Report, ledger: Ledger) -> None:
        self._report = report
        self._ledger = ledger

    def take(self, message: Message) -> None:
        """One sealed receipt."""
        try:
            event = codec.decode(message.body, ReceiptSealed)
        except codec.UndecodableError as error:
            self._report.broken("receipt", str(message), f"is no receipt: {error}")
            return
        receipt = event.receipt
        where = f"{event.agency} {receipt.series} {receipt.year} no. {receipt.number} ({message})"
        self._report.counts.receipts += 1
        if receipt.kind != "final":
            self._report.broken("receipt", where, "is not final; only final receipts are sealed")
            return
        slot = self._ledger.receipt(event.position)
        if slot is None:
            self._report.broken("receipt", where, "is the receipt of an entry that no book has")
        elif slot.receipts:
            self._report.broken("receipt", where, "is another final receipt of the same letter")
        elif sha256(receipt.proof.row).digest()[:_DIGEST] != slot.digest:
            self._report.broken("receipt", where, f"shows another row than REGISTER:{slot.sequence}")
        else:
            self._compare(event, where)

    def _compare(self, event: ReceiptSealed, where: str) -> None:
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
