"""RECEIPTS: what `notify` sent, held back, or could not send."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from contracts.event import Event, Position
from contracts.values import BuddhistYear, Digest, Instant, MailId, Number, Series

ReceiptKind = Literal["provisional", "final"]
Errand = Annotated[
    Literal["receipt", "cover", "alert"],
    Meta(
        description="receipt: to the sender; cover: the letter to the agency's mailbox; alert: to a person in charge."
    ),
]


class Notified(Event, frozen=True, kw_only=True):
    """What all of them have: which entry, and when."""

    stream: ClassVar[str] = "RECEIPTS"
    occurred: ClassVar[str] = "at"

    mail: MailId
    position: Position
    series: Series
    year: BuddhistYear
    number: Number
    at: Instant


class SenderReceipted(Notified, tag="notify.receipted.v1", frozen=True, kw_only=True):
    """The receipt mail was taken by the relay (or the folder), or need not go because machines are not answered."""

    form: ClassVar[str] = "notify.v1.receipted.{agency}"
    key_form: ClassVar[str] = "{kind}:{position}"

    kind: ReceiptKind
    sent: Annotated[
        bool, Meta(description="False: RFC 3834 or the sender asked for no answer; the event is the receipt.")
    ]
    why: Annotated[str, Meta(description="Code of the reason where sent is false, otherwise empty.")] = ""
    message_id: Annotated[str, Meta(description="Fixed for the kind and the entry; a repeat after a crash keeps it.")]
    relay: Annotated[str, Meta(description="Where it was handed over: host:port, or folder.")] = ""


class ReceiptHeld(Notified, tag="notify.held.v1", frozen=True, kw_only=True):
    """No mail left: the reverse-path's domain is not authenticated, or a cap is reached. It can be released."""

    form: ClassVar[str] = "notify.v1.held.{agency}"
    key_form: ClassVar[str] = "{kind}:{position}"

    kind: ReceiptKind
    why: Annotated[
        Literal["unauthenticated", "cap_address", "cap_domain", "cap_agency"], Meta(description="What held it.")
    ]
    receipt: Annotated[
        Position | None, Meta(description="Where the sealed receipt lies in FINDINGS; None for a provisional one.")
    ]


class LetterDelivered(Notified, tag="notify.delivered.v1", frozen=True, kw_only=True):
    """The cover mail, with the original octet-exact inside, was taken for the agency's mailbox."""

    form: ClassVar[str] = "notify.v1.delivered.{agency}"
    key_form: ClassVar[str] = "{position}"

    message_id: str
    relay: str
    original: Annotated[
        Digest | None,
        Meta(
            description="SHA-256 of the attached original; None: announced without it, since it was too large for the "
            "mailbox or infected."
        ),
    ]


class MailDelayed(Notified, tag="notify.delayed.v1", frozen=True, kw_only=True):
    """Not sent yet, will be tried again."""

    form: ClassVar[str] = "notify.v1.delayed.{agency}"
    key_form: ClassVar[str] = "{errand}:{position}:{attempt}"

    errand: Errand
    attempt: Annotated[int, Meta(ge=1)]
    retry_at: Instant
    code: Annotated[int | None, Meta(description="SMTP reply code, None if there was no reply.")]


class MailFailed(Notified, tag="notify.failed.v1", frozen=True, kw_only=True):
    """Given up: a permanent reply, or the time for retries is over."""

    form: ClassVar[str] = "notify.v1.failed.{agency}"
    key_form: ClassVar[str] = "{errand}:{position}"

    errand: Errand
    code: int | None
    reason: str


class RegistrarAlerted(Notified, tag="notify.alerted.v1", frozen=True, kw_only=True):
    """Somebody responsible was told: a classified letter came, or a mail could not be delivered."""

    form: ClassVar[str] = "notify.v1.alerted.{agency}"
    key_form: ClassVar[str] = "{why}:{position}"

    why: Literal["classified", "undeliverable", "infected"]
    sent: bool
