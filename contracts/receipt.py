"""The receipt: what the system returns to the sender (DOMAIN: the rule's six fields, words of the receipt).

A field that is not known carries `Unknown` with a reason, never an empty string. What a receipt may claim: these
octets reached this system at this time within this bound, and are entry n of the book. Nothing more.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from contracts.event import Position
from contracts.values import BuddhistYear, Digest, Instant, LocalInstant, MailId, Number, Series

FORM: Final = "saraban.receipt.v1"


class Unknown(Struct, frozen=True, kw_only=True, tag="unknown", tag_field="known"):
    """Not known, and why."""

    reason: Annotated[str, Meta(min_length=1)]


class Text(Struct, frozen=True, kw_only=True, tag="text", tag_field="known"):
    """A known value, as read or as configured."""

    value: Annotated[str, Meta(min_length=1)]


Stated = Text | Unknown


class ClockStatement(Struct, frozen=True, kw_only=True):
    """How far received_at can be trusted, as numbers and in words."""

    received_at: Instant
    bound_ms: Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="None: not known, as in the row.")]
    within_bound: bool
    source: str
    stratum: Annotated[
        Annotated[int, Meta(ge=0, le=16)] | None, Meta(description="None: not known, the letter's event is gone.")
    ]
    words: Annotated[str, Meta(description="Thai: คลาดเคลื่อนไม่เกิน … มิลลิวินาที จากแหล่งเวลา ….")]


class Deemed(Struct, frozen=True, kw_only=True):
    """By rule and calendar version it counts as received at `at`."""

    at: LocalInstant
    calendar: Digest
    words: str


class Receiver(Struct, frozen=True, kw_only=True):
    """The officer responsible by the roster at the deemed time, never `received by` a person at 03:00."""

    name: Stated
    position: Stated
    telephone: Stated
    label: str = "เจ้าหน้าที่ผู้รับผิดชอบ"
    issued: str = "ออกโดยระบบอัตโนมัติ"


class ReceivedFile(Struct, frozen=True, kw_only=True):
    """A decoded attachment: the sender's own copy has it too."""

    name: str
    size: Annotated[int, Meta(ge=0)]
    sha256: Digest


class Head(Struct, frozen=True, kw_only=True, tag="head", tag_field="known"):
    """The newest signed head of the book before the receipt's own row."""

    link: Digest
    sequence: Annotated[int, Meta(ge=1)]
    length: Annotated[int, Meta(ge=1)]
    signed_at: Instant
    signature: Annotated[bytes, Meta(description="Base64 on the wire; see sign.checkpoint.v1.")]
    token: Annotated[
        bytes | None, Meta(description="None: no TSA had answered yet. A later checkpoint of the book has one.")
    ]


class Proof(Struct, frozen=True, kw_only=True):
    """What ties the receipt to the book: anyone can compute link(n) = SHA-256(link(n-1) ‖ SHA-256(row)) from it."""

    row: Annotated[bytes, Meta(description="The row's message body, exactly; base64 on the wire.")]
    link: Annotated[Digest, Meta(description="link of this row.")]
    head: Head | Unknown
    between: Annotated[
        tuple[Digest, ...], Meta(description="SHA-256 of each body after the head, up to but not with the row.")
    ] = ()


class Seal(Struct, frozen=True, kw_only=True):
    """By whom, on whose behalf. `test` says ทดสอบ across the page; `none` is a provisional receipt."""

    kind: Literal["operator", "agency", "none", "test"]
    by: Stated
    on_behalf_of: Stated


class Receipt(Struct, frozen=True, kw_only=True):
    """One receipt. `final` exists once per entry; `provisional` (ฉบับชั่วคราว) only says that the number was given."""

    form: Literal["saraban.receipt.v1"] = FORM
    kind: Literal["final", "provisional"]
    letter_number: Stated
    letter_date: Stated
    series: Series
    year: BuddhistYear
    number: Number
    register_number: Annotated[str, Meta(description="number_text of the row.")]
    clock: ClockStatement
    deemed: Deemed
    receiver: Receiver
    agency: str
    agency_name: str
    mail: MailId | None
    position: Position | None
    message_id: Stated
    subject: Stated
    sha256: Digest | None
    size: Annotated[int, Meta(ge=0)] | None
    body_sha256: Annotated[Text | Unknown, Meta(description="SHA-256 of the body in DKIM relaxed form, hex.")]
    text_sha256: Annotated[
        Text | Unknown,
        Meta(description="As in the findings: what ties a copy that relays encoded anew. Unknown in older receipts."),
    ] = Unknown(reason="not stated")
    files: tuple[ReceivedFile, ...] | Unknown
    signatures: Annotated[tuple[str, ...] | Unknown, Meta(description="Plain sentences: ผลตรวจทางเทคนิค ณ ….")]
    remarks: tuple[str, ...] = ()
    statements: Annotated[tuple[str, ...], Meta(description="What the receipt says and does not say, in Thai.")]
    proof: Proof
    seal: Seal
    rules: str
    software: str
    issued_at: Instant
