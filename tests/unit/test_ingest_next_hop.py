"""What a next hop is told of a letter and of its sender, and that no server of any kind can hold us up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.mail import Peer
from services.ingest import peer_name, proxy_header, trace_field, xclient
from services.ingest.peer_name import PeerNames
from services.ingest.smtp_client import GoneError, SmtpClient, stuffed
from tests.dns_server import dns_server, silent_dns_server

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NOON = 1_795_150_800_000_000_000


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    """A server that does as `talk` says with its one connection, and is heard no more when the test is over."""
    began: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def run() -> None:
            try:
                await talk(reader, writer)
            finally:
                writer.transport.abort()

        began.append(asyncio.create_task(run()))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        for task in began:
            task.cancel()
        await asyncio.gather(*began, return_exceptions=True)


# -- the letter by DATA ---------------------------------------------------------------------------------------------


@given(st.lists(st.text("a.\r\n", max_size=6).map(str.encode)))
def test_stuffing_is_undone_by_any_server(pieces: list[bytes]) -> None:
    letter = b"".join(pieces)
    sent = b"".join(stuffed(pieces))
    lines = sent.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    assert b"." not in lines[:-2], "the end is at the end alone"
    received = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])
    assert received == (letter if not letter or letter.endswith(b"\r\n") else letter + b"\r\n")


# -- who the peer is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "peer", "command"),
    [
        (
            "NAME ADDR PROTO HELO",
            Peer(address="192.0.2.1", helo="mail.x.test"),
            "XCLIENT NAME=name.x.test ADDR=192.0.2.1 HELO=mail.x.test PROTO=ESMTP",
        ),
        ("ADDR", Peer(address="192.0.2.1", helo="mail.x.test"), "XCLIENT ADDR=192.0.2.1"),
        ("addr helo", Peer(address="2001:db8::7"), "XCLIENT ADDR=IPV6:2001:db8::7 HELO=[UNAVAILABLE]"),
        ("ADDR HELO", Peer(address="", helo="a=b+c é"), "XCLIENT ADDR=[UNAVAILABLE] HELO=a+3Db+2Bc+20+C3+A9"),
    ],
)
def test_xclient(offered: str, peer: Peer, command: str) -> None:
    assert xclient.command(offered, peer, "name.x.test") == command


@pytest.mark.parametrize(
    ("address", "towards"),
    [("192.0.2.1", "198.51.100.1"), ("2001:db8::7", "2001:db8::1"), ("192.0.2.1", "::1"), ("2001:db8::7", "10.0.0.1")],
)
def test_a_proxy_header_is_read_as_it_was_written(address: str, towards: str) -> None:
    header = proxy_header.written(address, towards)
    assert proxy_header.read(header + b"220 ") == (address, len(header))


def test_a_proxy_header_without_an_address_names_none() -> None:
    header = proxy_header.written("", "192.0.2.1")
    assert proxy_header.read(header) == ("", 16)


@pytest.mark.parametrize(
    ("peer", "to", "field"),
    [
        (
            Peer(address="192.0.2.1", helo="mail.x.test"),
            "a@b.test",
            "Received: from mail.x.test ([192.0.2.1])\r\n by mx.test with ESMTPS\r\n for <a@b.test>; ",
        ),
        (
            Peer(address="2001:db8::7", helo="x(y) <z>\u0e01"),
            "",
            "Received: from x?y???z?? ([IPv6:2001:db8::7])\r\n by mx.test with ESMTPS; ",
        ),
    ],
)
def test_the_received_field(peer: Peer, to: str, field: str) -> None:
    made = trace_field.received(peer, "mx.test", "ESMTPS", to, NOON).decode()
    assert made == field + "Fri, 20 Nov 2026 05:00:00 +0000\r\n"


@pytest.mark.system("dnsmasq-base")
async def test_a_name_counts_where_it_leads_back(tmp_path: Path) -> None:
    more = [
        "ptr-record=9.2.0.192.in-addr.arpa,elsewhere.test",
        "ptr-record=8.2.0.192.in-addr.arpa,nowhere.test",
        "ptr-record=6.2.0.192.in-addr.arpa,192.0.2.6",
    ]
    hosts = {"mail.x.test": "192.0.2.7", "six.x.test": "2001:db8::7", "elsewhere.test": "198.51.100.9"}
    with dns_server(tmp_path, {}, hosts, more) as server:
        names = PeerNames([server])
        found = [await names.of(f"192.0.2.{last}") for last in (7, 9, 8, 6, 5)]
        assert found == ["mail.x.test", *[xclient.UNAVAILABLE] * 4]
        assert await names.of("2001:db8::7") == "six.x.test"
        assert await names.of("nonsense") == xclient.UNAVAILABLE


async def test_a_resolver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_name, "SECONDS", 0.1)
    with silent_dns_server() as server:
        assert await PeerNames([server]).of("192.0.2.1") == xclient.UNDECIDED


# -- servers of all kinds -------------------------------------------------------------------------------------------


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def other_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


async def line_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 " + b"x" * 10_000)
    await reader.read()


async def lines_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-x\r\n" * 1_000)
        await writer.drain()


async def two_codes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220-x\r\n250 y\r\n")
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (silent, "does not answer in time"),
        (closing, "closed the connection|reset"),
        (other_protocol, "does not speak SMTP"),
        (line_without_end, "a line without end"),
        (lines_without_end, "without end|does not answer in time"),
        (two_codes, "does not speak SMTP"),
    ],
)
async def test_a_server_that_is_none(talk: Talk, why: str) -> None:
    async with server(talk) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 1.0)
        with pytest.raises(GoneError, match=why):
            await client.answer()
        client.close()


async def test_nobody_there() -> None:
    with pytest.raises(GoneError, match="cannot be reached"):
        await SmtpClient.connect("127.0.0.1", 1, 1.0)
    with pytest.raises(GoneError, match="cannot be reached"):
        await SmtpClient.connect("no.such.host.invalid", 25, 5.0)


async def test_a_command_is_one_line_whatever_is_in_it() -> None:
    async with server(silent) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 1.0)
        for hostile in ("RCPT TO:<a\r\nQUIT>", "RCPT TO:<a\nb>", "RCPT TO:<a\0b>", "RCPT TO:<a\udc80>"):
            with pytest.raises(GoneError, match="one line"):
                await client.ask(hostile)
        client.close()


async def test_helo_where_ehlo_is_not_known() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"EHLO mx.test\r\n"
        writer.write(b"502 what\r\n")
        assert await reader.readline() == b"HELO mx.test\r\n"
        writer.write(b"250 old.test hello\r\n")
        await reader.read()

    async with server(old) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 5.0)
        assert (await client.hello("mx.test")).code == 250
        assert (client.name, client.extensions) == ("old.test", {})
        client.close()


async def test_a_server_that_does_not_read_is_given_up_and_little_is_held_for_it() -> None:
    asked = 0

    def pieces() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(1_000):
            asked += 1
            yield b"x" * 65_536

    stay = asyncio.Event()

    async def choked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        await stay.wait()

    async with server(choked) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 1.0)
        client.extensions = {"CHUNKING": ""}
        with pytest.raises(GoneError, match="does not read"):
            await client.hand_over(65_536_000, pieces(), lambda: True, 5.0)
        assert asked < 500
        client.close()


async def unasked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"250 first\r\n250 second\r\n")
    await reader.read()


async def test_a_server_that_answers_unasked_is_not_believed() -> None:
    """Its answers would be one behind: the 250 of a recipient would be taken for the letter's."""
    async with server(unasked) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 5.0)
        assert (await client.answer()).text == "first"
        with pytest.raises(GoneError, match="not asked"):
            await client.ask("RCPT TO:<a@b.test>")
        client.close()


@pytest.mark.parametrize(("early", "outcome"), [(b"250 taken\r\n", None), (b"552 5.3.4 Too large\r\n", 552)])
async def test_an_answer_before_the_letter_is_whole(early: bytes, outcome: int | None) -> None:
    async with server(silent) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 5.0)
        client.extensions = {"CHUNKING": ""}

        def wanted() -> bool:
            client.data_received(early)  # it comes in just now, with the last octets not sent yet
            return True

        if outcome is None:
            with pytest.raises(GoneError, match="middle of the letter"):
                await client.hand_over(10, [b"Subject: x"], wanted, 5.0)
        else:
            assert (await client.hand_over(10, [b"Subject: x"], wanted, 5.0)).code == outcome
        client.close()


@pytest.mark.parametrize("extensions", [{"CHUNKING": ""}, {}])
async def test_of_a_letter_that_nobody_waits_for_the_end_is_not_sent(extensions: dict[str, str]) -> None:
    heard = bytearray()
    over = asyncio.Event()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not extensions:
            assert await reader.readline() == b"DATA\r\n"
            writer.write(b"354 go on\r\n")
        try:
            while data := await reader.read(65_536):
                heard.extend(data)
        except ConnectionError:
            pass
        over.set()

    async with server(listens) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 5.0)
        client.extensions = extensions
        with pytest.raises(GoneError, match="nobody waits"):
            await client.hand_over(20, [b"Subject: x\r\n", b"\r\ntext\r\n"], lambda: False, 5.0)
        client.close()
        await over.wait()
    assert b"\r\n.\r\n" not in heard
    assert b"QUIT" not in heard
    content = heard.partition(b"LAST\r\n")[2] if extensions else heard
    assert len(content) < (20 if extensions else 21), "of BDAT an octet is missing, of DATA the dot"


async def test_a_refusal_in_the_middle_is_heard() -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.write(b"552 5.3.4 Too large\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with server(refuses) as port:
        client = await SmtpClient.connect("127.0.0.1", port, 5.0)
        client.extensions = {"CHUNKING": ""}
        said = await client.hand_over(100_000, chain([b"x" * 60_000], [b"y" * 40_000]), lambda: True, 5.0)
        assert (said.code, said.status, said.text) == (552, "5.3.4", "Too large")
        client.close()
