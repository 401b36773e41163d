"""The two atomic writes of JetStream: one publish, or a batch that is all or nothing.

One message costs one publish and one fsync. Several go as an atomic batch: they are sent without waiting for each
other, the server answers the first (empty: go on) and the last (the PubAck of the whole), and an error can come in
either place. Whatever is raised but Unavailable means that nothing was stored.
"""

import secrets
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.event import Position
from contracts.streams import BATCH_MESSAGES
from services.runtime import errors, replies

BATCH_ID = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"


class Outgoing(Struct):
    """One message to be stored."""

    subject: str
    body: bytes
    headers: dict[str, str]


class _Failure(Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PubAck(Struct):
    stream: str = ""
    seq: int = 0
    error: _Failure | None = None


_DECODER = msgspec.json.Decoder(_PubAck)


async def commit(nc: Client, messages: Sequence[Outgoing], timeout: float) -> Position:
    """Store all of `messages` durably, or none; return the position of the last.

    The messages of a batch lie side by side: message i of n is at `sequence - (n - 1 - i)`.

    Raises:
        NotServed: no stream takes the subject at this moment; nothing is stored.
        Unavailable: no answer in `timeout` seconds, or no connection; it may be stored.
        StoreFull, Conflict, Busy, Refused: the server said so; nothing is stored.
    """
    if not messages:
        raise ValueError("nothing to store")
    if len(messages) == 1:
        only = messages[0]
        position = _position(await replies.request(nc, only.subject, only.body, timeout, only.headers))
    elif len(messages) > BATCH_MESSAGES:
        raise errors.Refused(f"a batch holds {BATCH_MESSAGES} messages, not {len(messages)}")
    else:
        position = await _batch(nc, messages, timeout)
    replies.stored(nc)
    return position


async def _batch(nc: Client, messages: Sequence[Outgoing], timeout: float) -> Position:
    name = secrets.token_hex(12)
    last = len(messages)
    marked = [m.headers | {BATCH_ID: name, BATCH_SEQUENCE: str(n)} for n, m in enumerate(messages, 1)]
    marked[-1][BATCH_COMMIT] = "1"
    for message, headers in zip(messages, marked, strict=True):
        # All before the first is sent: half a batch would hold one of the server's few places for 10 s.
        replies.check_size(nc, message.subject, message.body, headers)
    deadline = replies.Deadline(timeout)
    inbox = await replies.Replies.of(nc)
    to_first, first = inbox.expect()
    to_last, committed = inbox.expect()
    first.add_done_callback(lambda answer: _refuse(answer, committed))
    try:
        for n, (message, headers) in enumerate(zip(messages, marked, strict=True), 1):
            if committed.done():
                break  # the server said no to the first one
            reply = to_first if n == 1 else to_last if n == last else ""
            await replies.send(nc, message.subject, message.body, headers, reply, deadline)
        answer = await replies.in_time(deadline, committed)
        if first.done():
            _check_begun(first.result())  # both came at once: the first says why
        return _position(answer)
    finally:
        inbox.forget(to_first, first)
        inbox.forget(to_last, committed)


def _refuse(first: replies.Answer, committed: replies.Answer) -> None:
    """An error in answer to the first message is the answer to the batch; an empty body says: go on."""
    if first.cancelled() or committed.done():
        return
    try:
        _check_begun(first.result())
    except errors.BusError as error:
        committed.set_exception(error)


def _check_begun(answer: Msg) -> None:
    if (answer.headers or {}).get("Status") == replies.NO_RESPONDERS:
        raise errors.NotServed("no stream takes the subject")
    if answer.data:
        _position(answer)  # raises the error; an empty body says: go on


def _position(answer: Msg) -> Position:
    """Read a PubAck. An ack without a body is none: no stream took the message."""
    if not answer.data:
        status = (answer.headers or {}).get("Status", "none")
        if status == replies.NO_RESPONDERS:
            raise errors.NotServed("no stream takes the subject")
        raise errors.Unavailable(f"no stream takes the subject (status {status})")
    try:
        ack = _DECODER.decode(answer.data)
    except msgspec.MsgspecError as error:
        raise errors.Unavailable(f"an answer that is no PubAck: {answer.data[:200]!r}") from error
    if ack.error is not None:
        raise errors.from_answer(msgspec.structs.asdict(ack.error))
    if not ack.stream or not ack.seq:
        raise errors.Unavailable(f"an answer that is no PubAck: {answer.data[:200]!r}")
    return Position(stream=ack.stream, sequence=ack.seq)
