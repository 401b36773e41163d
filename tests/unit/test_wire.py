"""The fast ways of our NATS client do what nats-py's own do: held side by side."""

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio import client
from nats.js import api
from nats.protocol import parser as nats_parser

from contracts import codec
from services.runtime.bulk import Parser
from services.runtime.bus import Bus
from services.runtime.wire import Client
from tests.books import received
from tests.servers import NatsServer

EVENT = codec.encode_headers(received())
texts = st.one_of(st.text(max_size=12), st.sampled_from(["", " a", "a ", "a\r\nb", "a\tb", "a:  b", "ก", "\u2028"]))
headers = st.dictionaries(st.one_of(st.sampled_from([*EVENT, "X", "Nats-TTL"]), texts), texts, max_size=6)


def sent(kind: type[client.Client], found: dict[str, Any]) -> list[bytes] | str:
    """What goes to the socket, or the name of the error."""
    one, written = kind(), []

    async def collect(cmd: bytes, priority: bool = False) -> None:
        written.append(cmd)

    one._send_command = collect  # type: ignore[method-assign]  # the end of the line
    one._flush_queue = None
    try:
        asyncio.run(one._send_publish("subject", "reply", b"body", 4, found))
    except Exception as error:  # noqa: BLE001 - which one is what we compare
        return type(error).__name__
    return written


@given(headers)
def test_the_same_octets_go_out(found: dict[str, str]) -> None:
    expected = sent(client.Client, found)
    assert sent(Client, found) == expected
    assert sent(Client, found) == expected, "the second time its names are known"


def test_the_octets_of_an_event() -> None:
    first = sent(client.Client, EVENT)
    assert sent(Client, EVENT) == sent(Client, EVENT) == first
    assert sent(Client, {}) == sent(client.Client, {})


def test_names_that_are_members_of_an_enumeration() -> None:
    """As nats-py itself passes them: `Nats-Expected-Last-Subject-Sequence` of a key-value create."""
    for name in api.Header:
        expected = sent(client.Client, {name: "0"})
        assert sent(Client, {name: "0"}) == sent(Client, {name: "0"}) == expected
        assert name.value.encode() in expected[0]


@given(
    st.one_of(st.binary(max_size=60), headers.map(lambda h: "".join(f"{k}: {v}\r\n" for k, v in h.items()).encode()))
)
def test_the_same_headers_come_in(raw: bytes) -> None:
    assert Client._parse_header_lines(raw) == client.Client._parse_header_lines(raw)
    assert Client._parse_header_lines(raw) == client.Client._parse_header_lines(raw)


@pytest.mark.parametrize(
    "raw", [b"A:b\r\nA: c\r\n", b" A : b \r\n", b"no colon\r\nA:\tb\r\n", b": nameless\r\n", b"A B: c\r\n"]
)
def test_odd_lines(raw: bytes) -> None:
    assert Client._parse_header_lines(raw) == client.Client._parse_header_lines(raw)


async def test_an_event_over_a_real_server(nats_server: NatsServer) -> None:
    bus = await Bus.connect(nats_server.settings(), "test")
    try:
        subscription = await bus.nc.subscribe("x")
        for _ in range(2):
            await bus.nc.publish("x", b"body", headers=dict(EVENT))
            message = await subscription.next_msg(5)
            assert (message.headers, message.data) == (EVENT, b"body")
    finally:
        await bus.close()


async def test_a_cancelled_task_connects_no_more(nats_server: NatsServer) -> None:
    """Whatever became of its cancellation: the next attempt ends it."""
    one = Client()

    async def swallow_and_connect() -> None:
        with contextlib.suppress(asyncio.CancelledError):  # as nats-py does where it meets a refused connection
            await asyncio.Event().wait()
        await one.connect(nats_server.url)

    task = asyncio.create_task(swallow_and_connect())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not one.is_connected


PIECES = (
    b"MSG one.subject 1 4\r\nbody\r\n",
    b"MSG one 1 $JS.ACK.x.1 0\r\n\r\n",
    b"HMSG other.subject 2 $JS.ACK.y.2 22 26\r\nNATS/1.0\r\na: b\r\nc: d\r\n" + b"\r\nbo" + b"\r\n",
    b"HMSG other 2 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    b"MSG other 2 6\r\n\r\nMSG \r\n",
    b"+OK\r\n",
    b"PING\r\n",
)


class Heard:
    """Stands where nats-py's client does: what the parser tells it."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, hdr: bytes | None) -> None:
        self.found.append((sid, subject, reply, hdr or b"", data))

    async def _process_ping(self) -> None:
        self.found.append("ping")


def parsed(kind: type[nats_parser.Parser], chunks: list[bytes], taken: tuple[int, ...]) -> list[Any]:
    heard = Heard()
    parser = kind(heard)
    for sid in taken:
        assert isinstance(parser, Parser)
        parser.take(sid, lambda raw, sid=sid: heard.found.append((sid, raw[0], raw[1], raw[2], raw[3])))  # type: ignore[misc]  # a lambda's default

    async def run() -> None:
        for chunk in chunks:
            await parser.parse(chunk)

    asyncio.run(run())
    assert not parser.buf, "all of it was taken apart"
    return heard.found


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_what_comes_in_is_cut_as_nats_py_cuts_it(pieces: list[bytes], sizes: list[int], both: bool) -> None:
    """However the socket cuts it, and whether one subscription is taken or both."""
    wire, chunks = b"".join(pieces), []
    for size in sizes:
        chunks.append(wire[:size])
        wire = wire[size:]
    chunks = [chunk for chunk in [*chunks, wire] if chunk]
    expected = parsed(nats_parser.Parser, chunks, ())
    assert parsed(Parser, chunks, ()) == expected
    assert parsed(Parser, chunks, (1, 2) if both else (2,)) == expected
