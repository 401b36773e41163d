"""postmaster and abuse: what the operator's own server is handed, and what it never is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.bus import Bus
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer
from tests.smtp.client import client
from tests.smtp.ingress import Ingress, ingress
from tests.smtp.operator_mailbox import OperatorMailbox, operator_mailbox
from tests.smtp.world import world


@pytest.fixture
def mailbox() -> Iterator[OperatorMailbox]:
    with operator_mailbox() as made:
        yield made


@pytest.fixture
def running(nats_server: NatsServer, tmp_path: Path, mailbox: OperatorMailbox) -> Iterator[Ingress]:
    relay = f"127.0.0.1:{mailbox.port}"
    with (
        world(tmp_path, nats_server) as place,
        ingress(
            place.nats,
            tmp_path,
            postmaster="operator@operator.test",
            postmaster_relay=relay,
            postmaster_tls="none",
        ) as made,
    ):
        yield made


async def test_the_operator_gets_the_letter_once_with_a_received_field(
    running: Ingress, mailbox: OperatorMailbox, bus: Bus
) -> None:
    letter = b"Subject: your server\r\n\r\n.leading dot\r\n\xe0\xb8\x81\r\n"
    async with client(running.port) as peer:
        assert (await peer.begin("postmaster@demo.test", "abuse@two.test")).startswith("354")
        peer.send(letter.replace(b"\r\n.", b"\r\n.."))
        assert (await peer.reply()).startswith("250 2.0.0")
    assert len(mailbox.letters) == 1
    arrived = mailbox.letters[0]
    assert (arrived.mail_from, arrived.rcpt_tos) == ("a@client.test", ["operator@operator.test"])
    content = arrived.content
    assert isinstance(content, bytes)
    received, rest = content[: -len(letter)], content[-len(letter) :]
    assert rest == letter
    by = rb"Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n by mx\.test with ESMTP\r\n"
    trace = by + rb" for <postmaster@demo\.test>; .*\r\n"
    assert re.fullmatch(trace, received)
    assert (await bus.js.stream_info(f"MAIL_{THIS_YEAR}")).state.messages == 0


@pytest.mark.parametrize(
    ("sender", "reply"), [("refused@client.test", "550 5.7.1 We"), ("deferred@client.test", "451 4.3.0")]
)
async def test_its_refusal_is_ours_and_leaves_nothing_behind(
    running: Ingress, mailbox: OperatorMailbox, sender: str, reply: str
) -> None:
    async with client(running.port) as peer:
        assert (await peer.letter(b"Subject: x\r\n", "postmaster@demo.test", sender=sender)).startswith(reply)
        assert (await peer.letter(b"Subject: x\r\n", "saraban@demo.test", sender=sender)).startswith("250 2.6.0")
    assert mailbox.letters == []
