"""Messages read back by their position: one direct get at a time, so that memory has a bound."""

import base64
import binascii
from datetime import datetime

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from services.runtime import errors, replies

PART = "mail.v1.part."

_NOT_FOUND = "404"


class RawMessage(Struct, frozen=True, kw_only=True):
    """A message as the stream keeps it."""

    stream: str
    sequence: int
    subject: str
    headers: dict[str, str]
    body: bytes
    stored_at: datetime
    """When the stream stored it; the same at every delivery."""


async def read_letter(nc: Client, position: Position, timeout: float) -> tuple[MailReceived, bytes]:
    """The event at `position` and the letter's bytes, joined where they lie in parts.

    Raises:
        Missing: it, or one of its parts, was erased.
        UndecodableError: there is no letter's event at this position.
        Unavailable: no answer; ask again.
    """
    message = await read_message(nc, position.stream, position.sequence, timeout)
    if message is None:
        raise errors.Missing(f"{position} is erased")
    event = codec.decode_received(message.headers)
    body = message.body
    if event.parts:
        found: list[bytes] = []
        for sequence in range(position.sequence - event.parts, position.sequence):
            part = await read_message(nc, position.stream, sequence, timeout)
            if part is None or part.subject != PART + event.agency:
                raise errors.Missing(f"{position}: its part at {sequence} is erased")
            found.append(part.body)
        body = b"".join(found)
    if len(body) != event.size:
        raise errors.Missing(f"{position} has {len(body)} octets, its event says {event.size}")
    return event, body


async def read_message(nc: Client, stream: str, sequence: int, timeout: float = 10.0) -> RawMessage | None:
    """The message at a position, or None where there is none (any more).

    A replica that lags may not have it yet, so the stream's leader has the last word.
    Raises Unavailable where nobody answers.
    """
    request = msgspec.json.encode({"seq": sequence})
    answer = await replies.request(nc, f"$JS.API.DIRECT.GET.{stream}", request, timeout)
    found = answer.headers or {}
    status = found.get("Status")
    if status is None:
        return _direct(stream, sequence, answer, found)
    if status != _NOT_FOUND:
        raise errors.Unavailable(f"direct get of {stream}:{sequence}: {status} {found.get('Description', '')}")
    return await _from_leader(nc, stream, sequence, request, timeout)


def _direct(stream: str, sequence: int, answer: Msg, found: dict[str, str]) -> RawMessage:
    own = {"Nats-Stream", "Nats-Sequence", "Nats-Subject", "Nats-Time-Stamp"}
    if found.get("Nats-Sequence") != str(sequence):
        raise errors.Unavailable(f"direct get of {stream}:{sequence} gave {found.get('Nats-Sequence')!r}")
    return RawMessage(
        stream=stream,
        sequence=sequence,
        subject=found["Nats-Subject"],
        headers={name: value for name, value in found.items() if name not in own},
        body=answer.data,
        stored_at=moment(found["Nats-Time-Stamp"]),
    )


async def _from_leader(nc: Client, stream: str, sequence: int, request: bytes, timeout: float) -> RawMessage | None:
    answer = await replies.request(nc, f"$JS.API.STREAM.MSG.GET.{stream}", request, timeout)
    reply = msgspec.json.decode(answer.data)
    if "error" in reply:
        error = errors.from_answer(reply["error"])
        if error.code == errors.MESSAGE_NOT_FOUND:
            return None
        raise error
    message = reply["message"]
    try:
        block = base64.b64decode(message.get("hdrs", ""))
        body = base64.b64decode(message.get("data", ""))
    except binascii.Error as error:
        raise errors.Unavailable(f"{stream}:{sequence}: {error}") from error
    return RawMessage(
        stream=stream,
        sequence=sequence,
        subject=message["subject"],
        headers=parse_headers(block),
        body=body,
        stored_at=moment(message["time"]),
    )


def parse_headers(block: bytes) -> dict[str, str]:
    """Headers of a message as the server stores them: `NATS/1.0`, then a line each."""
    found: dict[str, str] = {}
    for line in block.decode("utf-8", "surrogateescape").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found[name] = value.strip()
    return found


def moment(text: str) -> datetime:
    """Read the server's time stamp; its nanoseconds are cut to microseconds, since datetime has no more."""
    return datetime.fromisoformat(text)
