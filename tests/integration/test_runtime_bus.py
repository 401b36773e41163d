"""The connection, events on it, and letters read back, on a real nats-server with its permissions."""

import asyncio
import hashlib
import secrets

import pytest

from contracts import codec
from contracts.event import Position
from contracts.mail import HeaderLines, MailReceived, Peer, Recipient
from contracts.orders import ReleaseOrdered
from contracts.values import mail_id
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.errors import Missing, Refused, Unavailable
from services.runtime.letters import PART, parse_headers, read_letter, read_message
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer, free_port
from tests.waiting import until

MAIL = f"MAIL_{THIS_YEAR}"


def release(reason: str = "ขอรับใบตอบรับ") -> ReleaseOrdered:
    return ReleaseOrdered(
        agency="demo",
        id=secrets.token_hex(16),
        by="นายทะเบียน",
        reason=reason,
        given_at="2026-05-29T03:00:00.000000Z",
        series="received",
        year=2569,
        number=1,
    )


def received(body: bytes, parts: int = 0, subject: str = "ขอเชิญประชุม") -> MailReceived:
    return MailReceived(
        agency="demo",
        mail=mail_id(hashlib.sha256(body).digest()),
        sha256=hashlib.sha256(body).hexdigest(),
        size=len(body),
        parts=parts,
        received_at="2026-05-29T03:00:00.123456Z",
        bound_ms=1.5,
        within_bound=True,
        source="test",
        stratum=2,
        peer=Peer(address="192.0.2.1"),
        protocol="ESMTP",
        sender="a@sender.test",
        recipients=(Recipient(address="saraban@demo.localhost"),),
        lines=HeaderLines(subject=subject, message_id="<1@sender.test>"),
    )


async def keep(bus: Bus, body: bytes, *, parts: int = 0) -> tuple[MailReceived, Position]:
    event = received(body, parts)
    messages = [Outgoing(PART + "demo", body[n::parts], {}) for n in range(parts)]
    if parts:
        step = -(-len(body) // parts)
        messages = [Outgoing(PART + "demo", body[n * step : (n + 1) * step], {}) for n in range(parts)]
    own = b"" if parts else body
    messages.append(Outgoing(event.nats_subject, own, codec.encode_headers(event)))
    return event, await commit(bus.nc, messages, 30)


async def test_an_event_is_published_and_reads_back(nats_server: NatsServer, bus: Bus) -> None:
    officers = await Bus.connect(nats_server.settings(), "officers")
    order = release()
    position = await officers.publish(order)
    assert position == Position(stream="ORDERS", sequence=1)
    message = await read_message(bus.nc, "ORDERS", 1)
    assert message is not None
    assert codec.decode(message.body, ReleaseOrdered) == order
    assert message.subject == "order.v1.release.demo"
    assert message.headers == codec.encode_headers(order)
    await officers.close()


async def test_a_service_may_only_what_is_its_own(nats_server: NatsServer, bus: Bus) -> None:
    ingest = await Bus.connect(nats_server.settings(request_seconds=1), "ingest")
    with pytest.raises(Unavailable):
        await ingest.publish(release())
    with pytest.raises(Unavailable):
        await ingest.api("STREAM.DELETE.ORDERS")
    assert (await bus.api("STREAM.INFO.ORDERS"))["state"]["messages"] == 0
    await keep(ingest, b"Subject: x\r\n\r\n")
    await ingest.close()


@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_a_letter_reads_back_octet_for_octet(bus: Bus, size: int) -> None:
    body = secrets.token_bytes(size)
    event, position = await keep(bus, body)
    assert await read_letter(bus.nc, position, 10) == (event, body)


@pytest.mark.parametrize(("size", "parts"), [(10, 3), (20_000_001, 3)])
async def test_a_letter_in_parts_is_joined(nats_server: NatsServer, bus: Bus, size: int, parts: int) -> None:
    body = secrets.token_bytes(size)
    await keep(bus, b"another before")
    event, position = await keep(bus, body, parts=parts)
    sign = await Bus.connect(nats_server.settings(), "sign")
    assert await read_letter(sign.nc, position, 10) == (event, body)
    await sign.close()


async def test_what_was_erased_is_missing(nats_server: NatsServer, bus: Bus) -> None:
    _, whole = await keep(bus, b"one")
    _, parted = await keep(bus, b"in parts", parts=2)
    retention = await Bus.connect(nats_server.settings(), "retention")
    for sequence in (whole.sequence, parted.sequence - 1):
        await retention.api(f"STREAM.MSG.DELETE.{MAIL}", {"seq": sequence})
    assert await read_message(bus.nc, MAIL, whole.sequence) is None
    for position in (whole, parted):
        with pytest.raises(Missing):
            await read_letter(bus.nc, position, 10)
    await retention.close()


async def test_what_was_never_there(bus: Bus) -> None:
    assert await read_message(bus.nc, MAIL, 99) is None
    with pytest.raises(Unavailable):
        await read_message(bus.nc, "NOSUCH", 1, timeout=2)


async def test_what_is_no_letter_cannot_be_read_as_one(bus: Bus) -> None:
    position = await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"x", {"ce-type": "mail.received.v1"})], 10)
    with pytest.raises(codec.UndecodableError):
        await read_letter(bus.nc, position, 10)
    event = received(b"longer")
    position = await commit(bus.nc, [Outgoing(event.nats_subject, b"short", codec.encode_headers(event))], 10)
    with pytest.raises(Missing, match="5 octets, its event says 6"):
        await read_letter(bus.nc, position, 10)


async def test_the_leader_is_asked_where_a_direct_get_knows_nothing(bus: Bus) -> None:
    """A lagging replica answers 404; here direct gets are off, which looks the same to the caller."""
    event, position = await keep(bus, b"body\r\n")
    direct = await read_message(bus.nc, MAIL, position.sequence)
    from services.runtime import letters

    request = b'{"seq":%d}' % position.sequence
    led = await letters._from_leader(bus.nc, MAIL, position.sequence, request, 10)
    assert led == direct
    assert led is not None
    assert codec.decode_received(led.headers) == event


def test_headers_as_the_server_keeps_them() -> None:
    assert parse_headers(b"NATS/1.0\r\na: 1\r\nb:  x: y \r\n\r\n") == {"a": "1", "b": "x: y"}
    assert parse_headers(b"") == {}


async def test_an_api_error_has_its_kind_and_code(bus: Bus) -> None:
    with pytest.raises(Missing) as missing:
        await bus.api("STREAM.INFO.NOSUCH")
    assert missing.value.code == 10059
    with pytest.raises(Refused):
        await bus.api("STREAM.CREATE.ORDERS", {"name": "OTHER"})


async def test_connecting_does_not_wait_for_ever(nats_server: NatsServer) -> None:
    loop = asyncio.get_running_loop()
    for settings in (
        nats_server.settings(servers=(f"nats://127.0.0.1:{free_port()}",), request_seconds=1),
        nats_server.settings(users={"test": "test:wrong"}, request_seconds=1),
        nats_server.settings(users={}, request_seconds=1),
    ):
        begun = loop.time()
        with pytest.raises(Unavailable, match="cannot connect to nats://"):
            await Bus.connect(settings, "test")
        assert loop.time() - begun < 4
    before = {task.get_name() for task in asyncio.all_tasks()}
    await until(lambda: len(asyncio.all_tasks()) <= len(before))


async def test_a_connection_that_ends_for_good_is_told_once(nats_server: NatsServer) -> None:
    told: list[bool] = []
    bus = await Bus.connect(nats_server.settings(), "test", on_closed=lambda: told.append(True))
    await bus.nc.publish("x", b"", headers={"x": "y" * 9_000_000})  # larger than max_payload: cut off
    await until(lambda: told)
    assert bus.nc.is_closed
    with pytest.raises(Unavailable):
        await bus.publish(release())
    await bus.close()
    assert told == [True]


async def test_closing_is_not_told(nats_server: NatsServer) -> None:
    told: list[bool] = []
    bus = await Bus.connect(nats_server.settings(), "test", on_closed=lambda: told.append(True))
    await bus.close()
    await bus.close()
    assert told == []


async def test_it_comes_back_however_often_the_server_goes(nats_server: NatsServer, bus: Bus) -> None:
    for n in range(1, 4):
        nats_server.kill()
        await until(lambda: not bus.connected)
        with pytest.raises(Unavailable):
            await bus.publish(release())
        nats_server.start()
        await until(lambda: bus.connected)
        assert (await bus.publish(release())).sequence == n


async def test_a_server_that_takes_connections_and_says_nothing(nats_server: NatsServer) -> None:
    nats_server.pause()
    try:
        async with asyncio.timeout(6):
            with pytest.raises(Unavailable, match="cannot connect"):
                await Bus.connect(nats_server.settings(request_seconds=1), "test")
    finally:
        nats_server.resume()
