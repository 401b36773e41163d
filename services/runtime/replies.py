"""Answers to what we send: one inbox a connection, one future a request.

`nc.request` makes a token, a future and a timer task for every message and cannot wait for two answers to one
batch. Here a request is a future in a dictionary; a lost connection fails all of them at once instead of
letting each run into its deadline.
"""

import asyncio
import itertools
import math
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import headers as contract_headers
from services.runtime.errors import NotServed, Refused, Unavailable

HEADERS_BYTES: Final = 65_535
"""The server's limit for all headers of a message."""

PENDING_BYTES: Final = 2 * 1024 * 1024
"""Beyond this a publish waits until the socket has taken what is before it. Given to nats-py as `pending_size`."""

NO_RESPONDERS: Final = "503"

Answer = asyncio.Future[Msg]


class Replies:
    """The inbox of one connection."""

    def __init__(self) -> None:
        self._prefix = ""
        self._waiting: dict[str, Answer] = {}
        self._names = itertools.count()
        self._ready: asyncio.Task[None] | None = None
        self.stored_at = -math.inf
        """When the server last said that something is stored, in the loop's time."""

    @staticmethod
    async def of(nc: Client) -> "Replies":
        """The inbox of `nc`, subscribed; raises Unavailable where there is no connection."""
        replies = _OF.get(nc)
        if replies is None:
            replies = _OF[nc] = Replies()
        if not nc.is_connected:
            raise Unavailable("not connected to NATS")
        if not replies._prefix:
            await replies._subscribe(nc)
        return replies

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return len(self._waiting)

    async def _subscribe(self, nc: Client) -> None:
        if self._ready is None:
            self._ready = asyncio.create_task(self._open(nc))
        try:
            await asyncio.shield(self._ready)
        except (nats.errors.Error, OSError) as error:
            self._ready = None
            raise Unavailable(f"cannot subscribe to an inbox: {error}") from error

    async def _open(self, nc: Client) -> None:
        prefix = nc.new_inbox() + "."
        await nc.subscribe(prefix + "*", cb=self._answered)
        self._prefix = prefix

    async def _answered(self, message: Msg) -> None:
        answer = self._waiting.pop(message.subject[len(self._prefix) :], None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def expect(self) -> tuple[str, Answer]:
        """A reply subject and the future of its first answer. Whoever asks must `forget` it in the end."""
        name = str(next(self._names))
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        return self._prefix + name, answer

    def forget(self, reply: str, answer: Answer) -> None:
        """Stop waiting; an answer that comes later is let go."""
        self._waiting.pop(reply[len(self._prefix) :], None)
        if not answer.done():
            answer.cancel()
        elif not answer.cancelled():
            answer.exception()  # read, so that asyncio does not complain of one nobody looked at

    def lost(self) -> None:
        """The connection is gone: nobody will answer what was sent over it."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("connection to NATS lost; the outcome is unknown"))


if TYPE_CHECKING:
    _OF: WeakKeyDictionary[Client, Replies]
_OF = WeakKeyDictionary()


def lost(nc: Client) -> None:
    """To be called by whoever owns the connection when it breaks."""
    replies = _OF.get(nc)
    if replies is not None:
        replies.lost()


def stored(nc: Client) -> None:
    """To be called when the server has said that something is stored."""
    replies = _OF.get(nc)
    if replies is not None:
        replies.stored_at = asyncio.get_running_loop().time()


def stored_at(nc: Client) -> float:
    """When something was last stored through this connection, in the loop's time; long ago where nothing was."""
    replies = _OF.get(nc)
    return replies.stored_at if replies is not None else -math.inf


class Deadline:
    """A moment by which something has to be over; does not rest on cancellation, which nats-py swallows."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time() + seconds
        self._seconds = seconds

    @property
    def left(self) -> float:
        """Seconds that remain, never negative."""
        return max(0.0, self._at - self._loop.time())

    def check(self) -> None:
        """Raise Unavailable where it has passed."""
        if self._loop.time() >= self._at:
            raise Unavailable(f"no answer from NATS within {self._seconds:g} s; the outcome is unknown")


def check_size(nc: Client, subject: str, body: bytes, headers: dict[str, str]) -> None:
    """Raise Refused for a message that the server would answer by closing the connection for good."""
    size = contract_headers.size(headers) if headers else 0
    if size > HEADERS_BYTES:
        raise Refused(f"headers of {subject} take {size} octets, the server takes {HEADERS_BYTES}")
    if size + len(body) > nc.max_payload:
        raise Refused(f"{subject}: {size + len(body)} octets with headers, the server takes {nc.max_payload}")


async def send(nc: Client, subject: str, body: bytes, headers: dict[str, str], reply: str, deadline: Deadline) -> None:
    """Hand one message to the connection; waits while more than PENDING_BYTES are on their way.

    Raises Unavailable where there is no connection: nats-py would keep the message and send it after the reconnect.
    """
    if not nc.is_connected:
        raise Unavailable("not connected to NATS")
    try:
        if nc.pending_data_size + len(body) + HEADERS_BYTES < PENDING_BYTES:
            # Only appends; a task and a timer for each of 900 rows would cost more than the rows.
            await nc.publish(subject, body, reply, headers or None)
        else:
            await _send_and_wait(nc, subject, body, headers, reply, deadline)
    except TimeoutError:
        deadline.check()
        raise Unavailable("NATS does not read; the outcome is unknown") from None
    except (nats.errors.Error, OSError) as error:
        raise Unavailable(f"cannot send: {error!r}") from error


async def _send_and_wait(
    nc: Client, subject: str, body: bytes, headers: dict[str, str], reply: str, deadline: Deadline
) -> None:
    """The same where the socket has to take first what is before it."""
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    await asyncio.wait_for(nc.publish(subject, body, reply, headers or None), deadline.left)
    if task.cancelling() > cancelling:
        raise asyncio.CancelledError  # nats-py's flush swallows it
    deadline.check()


async def in_time(deadline: Deadline, answer: Answer) -> Msg:
    """Wait for an answer; raises Unavailable at the deadline, or what the future was given instead."""
    # A timer on the future itself: asyncio.wait and wait_for cost as much as everything else of a small publish.
    timer = asyncio.get_running_loop().call_later(deadline.left, _expire, answer)
    try:
        return await answer
    finally:
        timer.cancel()


def _expire(answer: Answer) -> None:
    if not answer.done():
        answer.set_exception(Unavailable("no answer from NATS in time; the outcome is unknown"))


async def request(nc: Client, subject: str, body: bytes, timeout: float, headers: dict[str, str] | None = None) -> Msg:
    """Send one message and return its answer.

    Raises:
        NotServed: nobody serves the subject.
        Unavailable: not connected, or no answer in `timeout` seconds.
        Refused: it is too large.
    """
    found = headers or {}
    check_size(nc, subject, body, found)
    deadline = Deadline(timeout)
    replies = await Replies.of(nc)
    reply, answer = replies.expect()
    try:
        await send(nc, subject, body, found, reply, deadline)
        message = await in_time(deadline, answer)
    finally:
        replies.forget(reply, answer)
    if not message.data and (message.headers or {}).get("Status") == NO_RESPONDERS:
        raise NotServed(f"nobody serves {subject}")
    return message
