"""The NATS client with its header lines written and read in one pass: the only place that knows nats-py's inside.

nats-py checks and copies each header by itself and looks at each character of each name: a third of the register's
time went there. One pass takes a third of that. Whatever is not plain (a value with a line break, a name never seen)
goes nats-py's own way; `tests/unit/test_wire.py` holds both side by side.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from nats.aio import client
from nats.aio.client import _HEADER_KEY_RE
from nats.aio.subscription import Subscription
from nats.protocol import command

from services.runtime.bulk import Parser, Raw

_KNOWN_NAMES: Final = 1_000
_LARGE: Final = 16_384
"""From here a payload is handed to the socket as it is."""
_VERSION: Final = b"NATS/1.0\r\n"
_SPACES: Final = " \t\n\r\x0b\x0c"


class Client(client.Client):
    """nats-py's client; same behaviour, less time."""

    _names: set[str] = set()  # noqa: RUF012 - header names that are known to be tokens; the same for all connections

    def __init__(self) -> None:
        super().__init__()
        self._ps: Parser = Parser(self)

    def take(self, subscription: Subscription, into: Callable[[Raw], None]) -> None:
        """Hand the messages of a subscription to `into` as they stand on the wire, from now on."""
        self._ps.take(subscription._id, into)

    def leave(self, subscription: Subscription) -> None:
        """Stop that; to be called before the subscription ends."""
        self._ps.leave(subscription._id)

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        block = _block(headers) if headers and subject and headers.keys() <= self._names else None
        if block is None:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            if headers and len(self._names) < _KNOWN_NAMES:
                self._names.update(name for name in headers if _HEADER_KEY_RE.fullmatch(name))
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        if payload_size < _LARGE:
            await self._send_command(command.hpub_cmd(subject, reply, block, payload))
        else:
            # hpub_cmd would copy the payload twice. No await between the pieces: another message must not get in.
            head = f"{command.HPUB_OP} {subject} {reply} {len(block)} {len(block) + payload_size}\r\n".encode()
            self._pending += (head + block, payload, b"\r\n")
            self._pending_data_size += len(head) + len(block) + payload_size + 2
            if self._pending_data_size > self._max_pending_size > 0:
                await self._flush_pending(force_flush=True)
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    async def _connect_to_server(self, s: client.Srv) -> None:
        # Connecting swallows a cancellation that meets a refused connection, and then never ends. That the client is
        # closed says nothing: it is, too, between the attempts of its first connect.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await super()._connect_to_server(s)

    async def _attempt_reconnect(self) -> None:
        # nats-py closes the old socket in order and waits for it: towards a machine that is gone, until TCP gives up.
        _abort(self)
        await super()._attempt_reconnect()

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        try:
            lines = raw.decode("ascii").rstrip("\r\n").split("\r\n")
            found = {name: value.strip(_SPACES) for name, value in [line.split(":", 1) for line in lines]}
        except ValueError:  # not ASCII, or a line without a colon
            return client.Client._parse_header_lines(raw)
        if found.keys() <= Client._names:
            return found
        found = client.Client._parse_header_lines(raw)
        if len(Client._names) < _KNOWN_NAMES:
            Client._names.update(name for name in found if _HEADER_KEY_RE.fullmatch(name))
        return found


def _block(headers: dict[str, Any]) -> bytes | None:
    """The headers as they stand on the wire; None where nats-py would change a value."""
    try:
        values = "".join(headers.values())
    except TypeError:
        return None
    if not (values.isascii() and values.isprintable()):
        return None
    # Added, not formatted: nats-py's own names are members of an enumeration, which formatting writes as such, and a
    # sequence check that is not written is not made.
    lines = "".join([name + ": " + value + "\r\n" for name, value in headers.items()])
    if ":  " in lines or " \r" in lines:  # it strips spaces around a value
        return None
    return _VERSION + lines.encode() + b"\r\n"


async def leave(nc: client.Client) -> None:
    """Drop a connection as it is, and connect to the next server."""
    if nc.is_connected:
        _abort(nc)
        await nc.force_reconnect()


def _abort(nc: client.Client) -> None:
    """End the socket at once; what is still in its buffer is lost, and whoever waits for an answer is told so."""
    writer = getattr(nc._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
