"""What may arrive: letters with the book that DOMAIN.md gives them, written down by hand, and orders of officers."""

from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from contracts import codec
from contracts.addresses import message_id, token_address
from contracts.directory import Agency, Domain
from contracts.event import Position
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.values import mail_id
from services.register import intake
from services.register.assessment import nobody
from services.register.intake import Letter
from tests.simulator.chance import Chance

MAILS: Final = ("MAIL_2569", "MAIL_2570")


def _agency(name: str, **changes: Any) -> Agency:
    domain = f"{name}.example"
    return Agency(id=name, name=name, domains=(Domain(name=domain),), addresses=(f"saraban@{domain}",), **changes)


AGENCIES: Final = {
    agency.id: agency
    for agency in (
        _agency("one"),
        _agency(
            "two", year_basis="entered", first={"received/2569": 8_432}, number_format="สพร ร/{year_th}/{number_th}"
        ),
        _agency("three", first={"general/2570": 77}, number_format="{broken"),
        nobody("gone"),
    )
}
FIRST: Final = {("two", "received", 2569): 8_432, ("three", "general", 2570): 77}
"""The directory's first numbers, once more, for the oracle."""

TIMES: Final = (
    # received_at, year of the book by deemed receipt, by entry (DOMAIN: the last row of its table, and New Year's Eve)
    ("2026-06-17T03:00:00.000000Z", 2569, 2569),
    ("2026-12-30T09:29:59.999999Z", 2569, 2569),
    ("2026-12-30T09:30:00.000000Z", 2570, 2569),
    ("2026-12-31T16:59:59.999999Z", 2570, 2569),
    ("2026-12-31T17:00:00.000000Z", 2570, 2570),
    ("2027-01-04T01:30:00.000000Z", 2570, 2570),
)

LOCAL: Final = (
    "2026-06-17T10:00:00+07:00",
    "2026-12-30T16:29:59.999999+07:00",
    "2026-12-30T16:30:00+07:00",
    "2026-12-31T23:59:59.999999+07:00",
    "2027-01-01T00:00:00+07:00",
    "2027-01-04T08:30:00+07:00",
)
"""The same instants as an officer writes them."""

_OUR_OWN: Final = message_id("final", "a" * 52, "MAIL_2569", 1, "one.example")

KINDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("received", {"subject": "ที่ นร ๑๒๐๐/๕ ขอเชิญประชุม"}),
    ("received", {}),
    ("received", {"subject": "=?utf-7?Q?+2AA-?=", "from_": "=?x?Q?\x00\x1b[2J?= <a@b>", "message_id": "<" + "x" * 900}),
    ("received", {"subject": "\u202e" + "ก" * 300, "content_type": "multipart/report; report-type=" + "y" * 200}),
    ("general", {"list_id": "<news.example>", "subject": "ข่าว"}),
    ("general", {"auto_submitted": "auto-replied", "in_reply_to": "<not-ours@example>"}),
    ("classified", {"subject": "ลับมาก เรื่องหนึ่ง"}),
    ("notice", {"auto_submitted": "auto-replied", "in_reply_to": _OUR_OWN}),
)
_REPORT: Final = KINDS[3][1]


class Sent(Struct, frozen=True):
    """A letter as it was sent, and what is to become of it."""

    event: MailReceived
    series: str
    year: int
    readable: bool


def letter(chance: Chance, number: int) -> Sent:
    """A letter like no other."""
    agency = tuple(AGENCIES)[chance(4)]
    received_at, deemed, entered = TIMES[chance(len(TIMES))]
    series, lines = KINDS[chance(len(KINDS))]
    recipient = f"saraban@{agency}.example"
    if series == "notice" and chance(2):
        recipient, lines = token_address("b" * 52, f"{agency}.example"), {}
    if lines is _REPORT:
        series = "general"  # a report about mail that is not ours
    event = MailReceived(
        agency=agency,
        mail=_mail(number),
        sha256=sha256(str(number).encode()).hexdigest(),
        size=number,
        received_at=received_at,
        bound_ms=1.5,
        within_bound=number % 7 != 0,
        source="simulated",
        stratum=2,
        peer=Peer(address="192.0.2.1"),
        protocol="ESMTP",
        sender="clerk@sender.example",
        recipients=(Recipient(address=recipient),),
        lines=HeaderLines(**lines),
    )
    return Sent(event, series, entered if AGENCIES[agency].year_basis == "entered" else deemed, chance(12) != 11)


def read(sent: Sent, position: Position) -> Letter:
    """The letter as the register reads it; one that is no event is salvaged from its headers."""
    event = sent.event
    if sent.readable:
        return intake.letter(event, position, 0)
    headers = codec.encode_headers(event)
    del headers["ce-size"]
    return intake.salvaged(event.nats_subject, headers, b"", position, 0)


def order(chance: Chance, number: int, about: tuple[str, dict[str, Any]] | None) -> tuple[str, bytes, bool]:
    """Subject and body of an order, and whether it can be read; `about` is an agency and an entry of its books."""
    agency = about[0] if about else tuple(AGENCIES)[chance(4)]
    common: dict[str, Any] = {
        "agency": agency,
        "id": f"{number:032x}",
        "by": "นางสาวผู้สั่ง",
        "reason": "เหตุผล",
        "given_at": "2027-01-05T02:00:00.000000Z",
    }
    series = ("received", "general", "classified")[chance(3)]
    book: dict[str, Any] = {"series": series, "year": 2569 + chance(2)}
    entry = about[1] if about else book | {"number": (1, 2, 3, 8_432, 100, 99_999)[chance(6)]}
    other = ("general", "received", "classified")[chance(3)]
    made: Order
    match chance(8):
        case 0:
            made = BookOpenOrdered(**common, **book, first=(1, 100, 2)[chance(3)])
        case 1:
            came = LOCAL[chance(len(LOCAL))]
            clear = {"sender": "", "subject": ""} if series == "classified" else {"sender": "a", "subject": "b"}
            made = EnterOrdered(**common, series=series, channel="paper", came_at=came, **clear)  # type: ignore[arg-type]  # one of its literals
        case 2:
            made = VoidOrdered(**common, **entry)
        case 3:
            made = CorrectOrdered(**common, **entry, subject="อีกเรื่อง", letter_number="๕/๒๕๖๙")
        case 4 | 5:
            made = MoveOrdered(**common, **entry, to_series=other)  # type: ignore[arg-type]  # one of its literals
        case _:
            made = NoteOrdered(**common, **entry, text="รับทราบ")
    body = codec.encode(made)
    match chance(12):
        case 10:
            return made.nats_subject, body[:-9], False
        case 11:
            return f"{made.nats_subject}-x", body, False
    return made.nats_subject, body, True


def _mail(number: int) -> str:
    return mail_id(sha256(number.to_bytes(8, "big")).digest())


def words(sent: Sent) -> str:
    """The letter in a few words."""
    return f"{sent.event.mail[:6]} {sent.event.agency} {sent.series} {sent.year}" + (
        "" if sent.readable else " damaged"
    )
