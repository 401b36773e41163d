"""What the ingress stores, and when it says so."""

import asyncio
import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.values import from_instant, instant
from services.runtime.bus import Bus
from services.runtime.clock import Stamp
from services.runtime.letters import RawMessage, read_letter, read_message
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.smtp.client import client
from tests.smtp.ingress import ingress
from tests.smtp.world import World, world

MAIL = f"MAIL_{THIS_YEAR}"
LETTER = b"Message-ID: <1@client.test>\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


def large(octets: int) -> bytes:
    noise = random.Random(octets).randbytes(octets // 2).hex().encode()
    lines = [noise[at : at + 76] for at in range(0, len(noise), 76)]
    return b"Message-ID: <large@client.test>\r\nSubject: large\r\n\r\n" + b"\r\n".join(lines) + b"\r\n"


async def messages(bus: Bus) -> list[RawMessage]:
    found = []
    for sequence in range(1, 1_000):
        message = await read_message(bus.nc, MAIL, sequence)
        if message is None:
            break
        found.append(message)
    return found


async def test_a_letter_larger_than_a_message_comes_back_octet_for_octet(place: World, bus: Bus) -> None:
    letter = large(20_000_000)
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            assert (await peer.letter(letter, "saraban@demo.test")).startswith("250 2.6.0")
    stored = await messages(bus)
    assert [message.subject for message in stored] == ["mail.v1.part.demo"] * 10 + ["mail.v1.received.demo"]
    event, octets = await read_letter(bus.nc, Position(stream=MAIL, sequence=11), 10)
    assert octets == letter
    assert (event.parts, event.size) == (10, len(letter))
    assert event.sha256 == hashlib.sha256(letter).hexdigest()


async def test_parts_of_each_agency_lie_directly_before_its_event(place: World, bus: Bus) -> None:
    letter = large(9_000_000)
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            assert (await peer.letter(letter, "saraban@demo.test", "saraban@two.test")).startswith("250")
    subjects = [message.subject.removeprefix("mail.v1.") for message in await messages(bus)]
    assert subjects == [*["part.demo"] * 5, "received.demo", *["part.two"] * 5, "received.two"]
    for sequence in (6, 12):
        _, octets = await read_letter(bus.nc, Position(stream=MAIL, sequence=sequence), 10)
        assert octets == letter


async def test_a_repeat_has_the_same_id_and_another_key(place: World, bus: Bus) -> None:
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            replies = [await peer.letter(LETTER, "saraban@demo.test") for _ in range(2)]
            replies.append(await peer.letter(b"Received: another way\r\n" + LETTER, "saraban@demo.test"))
    assert len(set(replies)) == 1
    events = [codec.decode_received(message.headers) for message in await messages(bus)]
    assert len({event.mail for event in events}) == 1
    assert len({event.key for event in events}) == 3


async def test_250_comes_after_the_write_and_the_time_is_that_of_the_last_octet(place: World, bus: Bus) -> None:
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            assert (await peer.begin("saraban@demo.test")).startswith("354")
            place.server.pause()
            try:
                peer.send(LETTER)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(peer.reply(), 1.0)
            finally:
                place.server.resume()
            assert (await peer.reply()).startswith("250")
    stored = (await messages(bus))[0]
    event = codec.decode_received(stored.headers)
    assert stored.stored_at - from_instant(event.received_at) > timedelta(seconds=0.9)


async def test_a_client_that_drops_does_not_stop_the_write(place: World, bus: Bus) -> None:
    subscription = await bus.nc.subscribe("mail.v1.received.demo")
    await bus.nc.flush()
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            assert (await peer.begin("saraban@demo.test")).startswith("354")
            place.server.pause()
            try:
                peer.send(LETTER)
                await peer.writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(peer.reply(), 0.5)  # until it waits for the ack
                peer.writer.transport.abort()
            finally:
                place.server.resume()
        await subscription.next_msg(timeout=10)
    assert [message.body for message in await messages(bus)] == [LETTER]


class FixedClock:
    """A clock whose every reading is told apart."""

    def __init__(self) -> None:
        self.readings = 0

    def now(self) -> Stamp:
        self.readings += 1
        return Stamp(1_795_000_000_000_000_000 + self.readings, 4.25, True, f"reading {self.readings}", 2)


async def test_the_clock_is_read_once_and_its_words_stand_in_the_event(place: World, bus: Bus) -> None:
    clock = FixedClock()
    with ingress(place.nats, place.folder, clock=clock, traffic="") as running:  # the traffic log reads it for itself
        async with client(running.port) as peer:
            assert (await peer.letter(LETTER, "saraban@demo.test", "saraban@two.test")).startswith("250")
    assert clock.readings == 1
    events: list[MailReceived] = [codec.decode_received(message.headers) for message in await messages(bus)]
    assert [event.agency for event in events] == ["demo", "two"]
    for event in events:
        assert event.received_at == instant(1_795_000_000_000_000_001)
        assert (event.bound_ms, event.within_bound, event.source, event.stratum) == (4.25, True, "reading 1", 2)


class BrokenClock:
    """A fault of our own in the middle of everything."""

    def now(self) -> Stamp:
        raise RuntimeError("the clock has stopped")


async def test_a_fault_of_our_own_is_451_and_tells_nothing(place: World) -> None:
    with ingress(place.nats, place.folder, clock=BrokenClock()) as running:
        async with client(running.port) as peer:
            assert await peer.letter(LETTER, "saraban@demo.test") == "451 4.3.0 Try again later"
            assert await peer.reply() == ""
        async with client(running.port) as peer:
            assert (await peer.begin("nobody@demo.test")).startswith("550 5.1.1")
            assert (await peer.say("QUIT")).startswith("221")
