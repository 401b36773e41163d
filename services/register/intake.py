"""What the register takes in: letters of MAIL and orders, each with the position it was read at."""

import re
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from contracts import codec, headers
from contracts.event import Position
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.orders import BookOpenOrdered, CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, VoidOrdered
from contracts.values import UNASSIGNED, from_instant, instant, mail_id, sha256_hex

RegisterOrder = BookOpenOrdered | EnterOrdered | VoidOrdered | CorrectOrdered | MoveOrdered | NoteOrdered
"""Orders that change a book; release and attend are none of the register's business."""

ORDER_KINDS: tuple[type[RegisterOrder], ...] = (
    BookOpenOrdered,
    EnterOrdered,
    VoidOrdered,
    CorrectOrdered,
    MoveOrdered,
    NoteOrdered,
)


_AGENCY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Letter(Struct, frozen=True, kw_only=True):
    """A message of MAIL. What its headers did not say is None, and it is numbered all the same."""

    event: MailReceived
    position: Position
    stored_ns: Annotated[int, Meta(description="When MAIL stored it; the same at every delivery.")]
    unreadable: bool = False
    sha256: str | None
    size: int | None
    bound_ms: float | None
    within_bound: bool | None
    sender: str | None


class OrderRead(Struct, frozen=True, kw_only=True):
    """A message of ORDERS; `order` is None where it cannot be read, and `problem` says why."""

    agency: str
    subject: str
    position: Position
    order: RegisterOrder | None
    problem: str = ""


def letter(event: MailReceived, position: Position, stored_ns: int) -> Letter:
    """A letter whose headers were read whole."""
    return Letter(
        event=event,
        position=position,
        stored_ns=stored_ns,
        sha256=event.sha256,
        size=event.size,
        bound_ms=event.bound_ms,
        within_bound=event.within_bound,
        sender=event.sender,
    )


def order(subject: str, body: bytes, position: Position) -> OrderRead:
    """An order as it lies in the stream."""
    token = subject.rpartition(".")[2]
    agency = token if _AGENCY.fullmatch(token) else UNASSIGNED
    try:
        found = codec.decode(body, *ORDER_KINDS)
    except codec.UndecodableError as error:
        return OrderRead(agency=agency, subject=subject, position=position, order=None, problem=f"no order: {error}")
    if found.nats_subject != subject:
        problem = f"published on {subject}, but it is an order for {found.nats_subject}"
        return OrderRead(agency=agency, subject=subject, position=position, order=None, problem=problem)
    return OrderRead(agency=agency, subject=subject, position=position, order=found)


def salvaged(subject: str, message_headers: dict[str, str], body: bytes, position: Position, stored_ns: int) -> Letter:
    """A letter whose headers are no event: whatever can be read of them, the rest from the message itself.

    Its agency is the subject's. Without a time of its own it gets the instant at which the stream stored it, with
    no bound. Never raises: one odd letter never stops the mailbox.
    """
    lower = {name.lower(): value for name, value in message_headers.items()}
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(MailReceived):
        value = lower.get(headers.attribute_name(field.name))
        if value is not None:
            try:
                found[field.name] = _field(value, field.type)
                if field.name == "received_at":
                    from_instant(str(found[field.name]))  # a month 13 passes the pattern
            except (msgspec.MsgspecError, ValueError):
                found.pop(field.name, None)
    found["agency"] = agency = subject.rpartition(".")[2]
    if body:
        found.setdefault("sha256", sha256_hex(body))
        found.setdefault("size", len(body))
    # Without octets nothing names the letter but its place.
    own = body or str(position).encode()
    sha256, size, parts = found.get("sha256"), found.get("size"), found.get("parts", 0)
    timed = "received_at" in found
    defaults: dict[str, object] = {
        "mail": mail_id(bytes.fromhex(sha256_hex(agency.encode() + b"\0" + own))),
        "sha256": sha256_hex(body),
        "size": len(body),
        "received_at": instant(stored_ns),
        "bound_ms": 0.0,
        "within_bound": False,
        "source": "",
        "stratum": 16,
        "peer": Peer(address=""),
        "protocol": "SMTP",
        "sender": "",
        "recipients": (Recipient(address=""),),
        "lines": HeaderLines(),
    }
    values = defaults | found
    return Letter(
        event=MailReceived(**values),  # type: ignore[arg-type]  # each was converted to its field's type above
        position=msgspec.structs.replace(position, parts=parts),
        stored_ns=stored_ns,
        unreadable=True,
        sha256=sha256,  # type: ignore[arg-type]  # as above
        size=size,  # type: ignore[arg-type]  # as above
        bound_ms=found.get("bound_ms") if timed else None,  # type: ignore[arg-type]  # as above
        within_bound=found.get("within_bound") if timed else None,  # type: ignore[arg-type]  # as above
        sender=found.get("sender"),  # type: ignore[arg-type]  # as above
    )


def _field(value: str, kind: object) -> object:
    text = headers.percent_decode(value)
    try:
        return msgspec.convert(text, kind, strict=True)
    except msgspec.ValidationError:
        return msgspec.json.decode(text.encode(), type=kind, strict=True)
