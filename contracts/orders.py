"""ORDERS: what an officer decides, with name and reason. The register and notify carry them out."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from contracts.event import Event
from contracts.values import BuddhistYear, Instant, LocalInstant, Number, Series

Enveloped = Annotated[
    str | None,
    Meta(
        description="CMS EnvelopedData (RFC 5652) in DER and base64 for the registrar's certificate, made where the "
        "officer works, of the JSON of letter_number, letter_date, sender, addressee and subject. In the classified "
        "series it stands in place of these fields, which are empty then: nothing secret lies in ORDERS."
    ),
]


class Order(Event, frozen=True, kw_only=True):
    """What every order has. The id is made where the officer works, so that a repeated publish is one order."""

    stream: ClassVar[str] = "ORDERS"
    key_form: ClassVar[str] = "{id}"
    occurred: ClassVar[str] = "given_at"

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    by: Annotated[str, Meta(min_length=1, description="The person who decided (ชื่อผู้สั่ง).")]
    reason: Annotated[str, Meta(min_length=1)]
    given_at: Instant


class EntryOrder(Order, frozen=True, kw_only=True):
    """An order about a book or an entry of it."""

    series: Series
    year: BuddhistYear


class BookOpenOrdered(EntryOrder, tag="order.open.v1", frozen=True, kw_only=True):
    """Open a book at a number, before its first entry."""

    form: ClassVar[str] = "order.v1.open.{agency}"

    first: Number


class EnterOrdered(Order, tag="order.enter.v1", frozen=True, kw_only=True):
    """Enter a letter that came on paper or through e-CMS; the year of its book follows from `came_at`.

    In the classified series of an agency with a registrar certificate it carries `enveloped`, otherwise it is refused.
    Without a certificate nobody could read an envelope: the entry gets its number and an empty record, as a classified
    letter does, and what the officer wrote stands in this order alone.
    """

    form: ClassVar[str] = "order.v1.enter.{agency}"

    series: Series = "received"
    channel: Literal["paper", "ecms"]
    came_at: LocalInstant
    letter_number: str | None = None
    letter_date: str | None = None
    sender: str
    addressee: str | None = None
    subject: str
    enveloped: Enveloped = None


class VoidOrdered(EntryOrder, tag="order.void.v1", frozen=True, kw_only=True):
    """Void an entry; the number stays and shows as ยกเลิก."""

    form: ClassVar[str] = "order.v1.void.{agency}"

    number: Number


class CorrectOrdered(EntryOrder, tag="order.correct.v1", frozen=True, kw_only=True):
    """Replace what the record of an entry says. None leaves a field as it is.

    A classified record cannot be read by the register: there `enveloped` is the whole of what holds from now on.
    """

    form: ClassVar[str] = "order.v1.correct.{agency}"

    number: Number
    letter_number: str | None = None
    letter_date: str | None = None
    sender: str | None = None
    addressee: str | None = None
    subject: str | None = None
    enveloped: Enveloped = None


class MoveOrdered(EntryOrder, tag="order.move.v1", frozen=True, kw_only=True):
    """Move an entry to another series, where it gets a number of that book."""

    form: ClassVar[str] = "order.v1.move.{agency}"

    number: Number
    to_series: Series


class NoteOrdered(EntryOrder, tag="order.note.v1", frozen=True, kw_only=True):
    """Say what was done with a letter (การปฏิบัติ)."""

    form: ClassVar[str] = "order.v1.note.{agency}"

    number: Number
    text: Annotated[str, Meta(min_length=1)]


class ReleaseOrdered(EntryOrder, tag="order.release.v1", frozen=True, kw_only=True):
    """Send a receipt that was held back."""

    form: ClassVar[str] = "order.v1.release.{agency}"

    number: Number


class AttendOrdered(Order, tag="order.attend.v1", frozen=True, kw_only=True):
    """Say that the box was looked at (at least twice every working day)."""

    form: ClassVar[str] = "order.v1.attend.{agency}"
