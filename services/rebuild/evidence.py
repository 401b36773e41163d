"""What is out in the world and must stay true: rows in final receipts, signed heads, numbers that mails have told."""

import msgspec
from msgspec import Struct

from contracts import codec
from contracts.event import Event
from contracts.findings import CheckpointSealed, ReceiptSealed
from contracts.notices import Notified
from contracts.streams import DEAD, FINDINGS, RECEIPTS, RECEIPTS_SEALED
from services.audit.orders import Refusals
from services.audit.reading import messages
from services.runtime.bus import Bus

HEADS = "sign.v1.checkpoint.*.*.*"
Place = tuple[str, int]


class Head(Struct, frozen=True):
    """A signed head of a book."""

    link: str
    sequence: int


class Told(Struct, frozen=True):
    """An entry as a mail of ours named it."""

    series: str
    year: int
    number: int


class Evidence(Struct):
    """All of it; of letters only those behind a place in MAIL."""

    rows: dict[Place, bytes] = {}
    told: dict[Place, Told] = {}
    heads: dict[str, dict[int, Head]] = {}
    refused: Refusals = msgspec.field(default_factory=Refusals)
    """Orders that could not be carried out when they were read, by what the directory and the records said then."""

    @property
    def last(self) -> Place:
        """The last letter that somebody has heard of."""
        return max([*self.rows, *self.told], default=("", 0))


async def gather(bus: Bus, behind: Place) -> Evidence:
    """Read FINDINGS, RECEIPTS and DEAD. Whose signatures the receipts and heads bear is the audit's to prove."""
    found = Evidence()
    async for message in messages(bus, FINDINGS.family, [HEADS]):
        head = codec.decode(message.body, CheckpointSealed)
        book = f"register.v1.entered.{head.agency}.{head.series}.{head.year}"
        found.heads.setdefault(book, {})[head.length] = Head(head.link, head.sequence)
    async for message in messages(bus, FINDINGS.family, [RECEIPTS_SEALED]):
        sealed = codec.decode(message.body, ReceiptSealed)
        place = (sealed.position.stream, sealed.position.sequence)
        if place > behind:
            found.rows[place] = sealed.receipt.proof.row
    async for message in messages(bus, RECEIPTS.family, ["notify.v1.>"]):
        said: Event = codec.decode(message.body)
        if isinstance(said, Notified) and (place := (said.position.stream, said.position.sequence)) > behind:
            found.told[place] = Told(said.series, said.year, said.number)
    async for message in messages(bus, DEAD.family, ["dead.v1.register.*"]):
        found.refused.take(message)
    return found
