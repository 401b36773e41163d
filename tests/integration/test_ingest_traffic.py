"""What a session leaves in the traffic log and in the attempts, by the real ingress."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.subscription import Subscription

from contracts import codec
from contracts.mail import MailAttempted
from services.runtime.bus import Bus
from tests.servers import NatsServer
from tests.smtp.client import client
from tests.smtp.ingress import ingress
from tests.smtp.world import World, world

TO, TWO = "saraban@demo.test", "saraban@two.test"
LETTER = b"Message-ID: <one@client.test>\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
def place(nats_server: NatsServer, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, nats_server) as made:
        yield made


@asynccontextmanager
async def attempts(server: NatsServer) -> AsyncIterator[Subscription]:
    watcher = await Bus.connect(server.settings(), "test")
    try:
        subscription = await watcher.nc.subscribe("mail.v1.attempted.*")
        await watcher.nc.flush()
        yield subscription
    finally:
        await watcher.close()


def noted(folder: Path) -> list[dict[str, object]]:
    files = sorted((folder / "traffic").glob("traffic-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def test_every_answer_to_a_letter_or_a_recipient_is_a_line(place: World) -> None:
    with ingress(place.nats, place.folder, message_bytes=1_000_000) as running:
        async with client(running.port) as peer:
            kept = await peer.letter(LETTER, TO, TWO)
            assert (await peer.begin("nobody@demo.test")).startswith("550 5.1.1")
            await peer.say("RSET")
            assert (await peer.begin(TO, parameters="SIZE=1000001")).startswith("552 5.3.4")
            smuggled = await peer.letter(b"Message-ID: <two@client.test>\r\n\r\nx\n.\r\n", TO)
            await peer.say("QUIT")
    # The process is gone: everything is there.
    assert smuggled.startswith("554 5.6.0")
    mails = kept.removeprefix("250 2.6.0 Kept as ").split(", ")
    lines = noted(place.folder)
    assert [(line["stage"], line["recipients"], line["size"]) for line in lines] == [
        ("data", [TO, TWO], len(LETTER)),
        ("rcpt", ["nobody@demo.test"], 0),
        ("mail", [], 1_000_001),
        ("data", [TO], len(b"Message-ID: <two@client.test>\r\n\r\nx\n.\r\n")),
    ]
    assert {(line["peer"], line["helo"], line["sender"]) for line in lines} == {
        ("127.0.0.1", "client.test", "a@client.test")
    }
    assert [str(line["reply"])[:9] for line in lines] == ["250 2.6.0", "550 5.1.1", "552 5.3.4", "554 5.6.0"]
    assert [line["message_id"] for line in lines] == ["<one@client.test>", "", "", "<two@client.test>"]
    assert lines[0]["mails"] == mails
    assert [line["at"] for line in lines] == sorted(str(line["at"]) for line in lines)


async def test_it_can_be_off(place: World) -> None:
    with ingress(place.nats, place.folder, traffic="") as running:
        async with client(running.port) as peer:
            assert (await peer.letter(LETTER, TO)).startswith("250")
    assert not (place.folder / "traffic").exists()


async def test_a_folder_that_cannot_be_written_stops_no_mail(place: World) -> None:
    (place.folder / "traffic").write_text("in the way")
    with ingress(place.nats, place.folder) as running:
        assert running.readiness.ready
        async with client(running.port) as peer:
            assert (await peer.letter(LETTER, TO)).startswith("250")
    assert (place.folder / "traffic").read_text() == "in the way"


async def test_an_attempt_names_the_letter_that_was_seen(place: World) -> None:
    async with attempts(place.server) as subscription:
        with ingress(place.nats, place.folder, message_bytes=1_000_000) as running:
            async with client(running.port) as peer:
                # Too large, found out in the middle: its octets are dropped, its name is not.
                assert (await peer.letter(LETTER + b"x\r\n" * 340_000, TO)).startswith("552")
                assert (await peer.begin("nobody@demo.test")).startswith("550")
        found: dict[str, MailAttempted] = {}
        while len(found) < 2:  # at the very end one may be published twice
            event = codec.decode((await subscription.next_msg(timeout=20)).data, MailAttempted)
            found[event.id] = event
    large, unknown = found.values()
    assert (large.stage, large.message_id) == ("data", "<one@client.test>")
    assert (unknown.stage, unknown.message_id) == ("rcpt", "")
    assert large.size > 1_000_000


@pytest.mark.parametrize("size", [1, 300_000])
async def test_also_when_its_octets_were_on_their_way_to_a_store_that_went_away(place: World, size: int) -> None:
    letter = LETTER + b"x\r\n" * (size // 3)
    with ingress(place.nats, place.folder) as running:
        async with client(running.port) as peer:
            assert (await peer.begin(TO)).startswith("354")
            peer.writer.write(letter[:10])
            place.server.kill()
            peer.send(letter[10:])
            assert (await peer.reply()).startswith("451")
    place.server.start()
    async with attempts(place.server) as subscription:
        with ingress(place.nats, place.folder):
            event = codec.decode((await subscription.next_msg(timeout=20)).data, MailAttempted)
    assert (event.stage, event.message_id, event.size) == ("data", "<one@client.test>", len(letter))
