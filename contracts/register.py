"""REGISTER: one subject is one book, its messages are its rows, chained by their links.

A row holds no personal data and nothing secret (invariant 12): those are in the erasable `LetterRecorded` beside
it, to which the row is bound by `record`, the SHA-256 of that message's body, which holds 32 random octets.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from contracts.event import Event, Position, Reached
from contracts.values import (
    BuddhistYear,
    Digest,
    Instant,
    LocalInstant,
    MailId,
    Number,
    Remark,
    Series,
)

LastNumber = Annotated[
    int,
    Meta(ge=0, description="Newest number of the book at this point: its end can be read from its last message alone."),
]

Channel = Annotated[
    Literal["mail", "paper", "ecms"],
    Meta(description="How the letter came: through the ingress, or entered by an officer."),
]


class BookRow(Event, frozen=True, kw_only=True):
    """What every message of a book has: its book, the link to the message before it, how far the register had read."""

    stream: ClassVar[str] = "REGISTER"
    form: ClassVar[str] = "register.v1.entered.{agency}.{series}.{year}"

    series: Series
    year: BuddhistYear
    previous: Annotated[
        Digest, Meta(description="link of the message before it; of the first: SHA-256 of the subject.")
    ]
    reached: Reached


class BookOpened(BookRow, tag="register.opened.v1", frozen=True, kw_only=True):
    """The book begins at `first`: the agency may already be at 8,431 in its old register."""

    key_form: ClassVar[str] = "{agency}:{series}:{year}"
    occurred: ClassVar[str] = "opened_at"

    first: Number
    number_format: Annotated[str, Meta(description="How the book's numbers are written; see contracts/directory.py.")]
    order: Annotated[Position | None, Meta(description="The order that opened it; None where the directory did.")] = (
        None
    )
    opened_at: Instant


class LetterEntered(BookRow, tag="register.entered.v1", frozen=True, kw_only=True):
    """One letter has its row in the book, for ever."""

    key_form: ClassVar[str] = "{agency}:{series}:{year}:{number}"

    number: Number
    number_text: Annotated[str, Meta(description="The number in the agency's own format, such as สพร ร/๒๕๖๙/๑๕๗๗.")]
    channel: Channel = "mail"
    mail: MailId | None
    sha256: Digest | None
    size: Annotated[int, Meta(ge=0)] | None
    received_at: Instant
    bound_ms: Annotated[float, Meta(ge=0)] | None
    within_bound: bool | None
    deemed_at: LocalInstant
    calendar: Annotated[Digest, Meta(description="Hash of the calendar and hours that deemed_at was computed with.")]
    rules: Annotated[str, Meta(description="Version of the series rule and of the deeming rule.")]
    record: Annotated[Digest, Meta(description="SHA-256 of the body of the erasable record beside this row.")]
    position: Annotated[
        Position | None, Meta(description="Where the letter lies in MAIL; None if it did not come by mail.")
    ]
    order: Annotated[Position | None, Meta(description="The order that entered it, if an officer did.")] = None
    moved_from: Annotated[str | None, Meta(description="number_text of the entry this one continues.")] = None
    remarks: tuple[Remark, ...] = ()


class EntryVoided(BookRow, tag="register.voided.v1", frozen=True, kw_only=True):
    """The entry shows as ยกเลิก; its number stays used. Person and reason are in the order."""

    key_form: ClassVar[str] = "{order}"

    number: Number
    order: Position
    last: LastNumber = 0


class EntryCorrected(BookRow, tag="register.corrected.v1", frozen=True, kw_only=True):
    """The entry's record is replaced by another; the first one stays until it is erased."""

    key_form: ClassVar[str] = "{order}"

    number: Number
    record: Annotated[Digest, Meta(description="SHA-256 of the body of the record that holds from now on.")]
    order: Position
    last: LastNumber = 0


class EntryMoved(BookRow, tag="register.moved.v1", frozen=True, kw_only=True):
    """The letter goes on under another number in another series; this number stays used."""

    key_form: ClassVar[str] = "{order}"

    number: Number
    to_series: Series
    to_year: BuddhistYear
    to_number: Number
    order: Position
    last: LastNumber = 0


class EntryNoted(BookRow, tag="register.noted.v1", frozen=True, kw_only=True):
    """What was done with the letter (การปฏิบัติ); the text is in the order."""

    key_form: ClassVar[str] = "{order}"

    number: Number
    order: Position
    last: LastNumber = 0


class LetterRecorded(Event, tag="register.recorded.v1", frozen=True, kw_only=True):
    """The personal part of a row, erasable by the retention role; the audit holds without it.

    In the classified series the clear fields are None and `enveloped` is a CMS EnvelopedData of the clear record's
    JSON for the registrar's certificate (None too where the directory names no certificate: the letter itself,
    in MAIL, is then the only copy).
    """

    stream: ClassVar[str] = "REGISTER"
    form: ClassVar[str] = "register.v1.record.{agency}"
    key_form: ClassVar[str] = "{salt}"

    series: Series
    year: BuddhistYear
    number: Number
    mail: MailId | None
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="32 random octets, hex.")]
    message_id: str | None
    sender: Annotated[str | None, Meta(description="Reverse-path; of a paper letter, who it is from.")]
    author: Annotated[str | None, Meta(description="The From line, decoded.")] = None
    subject: Annotated[str | None, Meta(description="The Subject line, decoded.")]
    letter_number: Annotated[
        str | None, Meta(description="Its own number, where an officer entered or corrected it.")
    ] = None
    letter_date: str | None = None
    addressee: str | None = None
    enveloped: Annotated[str | None, Meta(description="CMS EnvelopedData in base64 (classified series).")] = None


class LetterGuarded(Event, tag="register.guarded.v1", frozen=True, kw_only=True):
    """This letter has its number: written with the row, expires with its TTL."""

    stream: ClassVar[str] = "REGISTER"
    form: ClassVar[str] = "register.v1.letter.{agency}.{mail}"
    key_form: ClassVar[str] = "{agency}:{mail}:{series}:{year}:{number}"

    mail: MailId
    series: Series
    year: BuddhistYear
    number: Number


class NoticeKept(Event, tag="register.noticed.v1", frozen=True, kw_only=True):
    """Mail that takes no number: it answers our own mail, or it is a letter that has its number already.

    Notices of an agency are no book and have no links; with the rows they account for every message of MAIL.
    """

    stream: ClassVar[str] = "REGISTER"
    form: ClassVar[str] = "register.v1.notice.{agency}"
    key_form: ClassVar[str] = "{position}"

    kind: Literal["delivery_report", "read_receipt", "automatic_answer", "repeated"]
    mail: MailId
    matches: Annotated[MailId | None, Meta(description="The letter whose receipt it speaks of, or that it repeats.")]
    received_at: Instant
    position: Position
    reached: Reached
