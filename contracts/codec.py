"""Bodies to events and back, strictly: no coercion, the type must be one we know, unknown fields are let pass.

Unknown fields are tolerated because of the version rule: a newer publisher may have added one with a default.
"""

from functools import cache
from typing import TypeVar, Union

import msgspec

from contracts import headers
from contracts.event import Event
from contracts.events import EVENTS
from contracts.mail import MailReceived

E = TypeVar("E", bound=Event)

_ENCODER = msgspec.json.Encoder()
_DAMAGED = (msgspec.MsgspecError, ValueError, KeyError, RecursionError)
"""What reading damaged octets raises; nested deeply enough, JSON ends in a RecursionError."""


class UndecodableError(ValueError):
    """The message is none of ours, or damaged. Permanent: it will not read better at the next attempt."""


def encode(event: Event) -> bytes:
    """The body octets of an event. Raises TypeError for MailReceived, whose body is the letter."""
    if isinstance(event, MailReceived):
        raise TypeError("the body of mail.received.v1 is the letter itself")
    return _ENCODER.encode(event)


@cache
def _decoder(kinds: tuple[type[Event], ...]) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(Union[kinds], strict=True)  # noqa: UP007 - a union built at run time


JSON_EVENTS: tuple[type[Event], ...] = tuple(kind for kind in EVENTS if kind is not MailReceived)


def decode(body: bytes, *kinds: type[E]) -> E:
    """Read a body as one of `kinds` (any event with a JSON body, if none is named).

    Raises:
        UndecodableError: it is none of them.
    """
    try:
        return _decoder(tuple(kinds) or JSON_EVENTS).decode(body)  # type: ignore[return-value]  # decoder is built of `kinds`
    except _DAMAGED as error:
        raise UndecodableError(str(error)) from error


def encode_headers(event: Event) -> dict[str, str]:
    """All headers an event is published with: CloudEvents attributes, and for MailReceived its fields."""
    return headers.attributes(event) | (headers.fields(event) if isinstance(event, MailReceived) else {})


def decode_received(message_headers: dict[str, str] | None) -> MailReceived:
    """Read the event of a MAIL message from its headers.

    Raises:
        UndecodableError: the headers are not those of mail.received.v1.
    """
    try:
        return headers.read(message_headers or {}, MailReceived)
    except _DAMAGED as error:
        raise UndecodableError(str(error)) from error
