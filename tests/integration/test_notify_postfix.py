"""A letter through a Postfix, as to a real mailbox: what arrives is, octet for octet, what came."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.directory import Relay
from contracts.notices import LetterDelivered, SenderReceipted
from contracts.values import sha256_hex
from services.runtime.bus import Bus
from tests.dispatch import LETTER, Dispatch
from tests.postfix import postfix
from tests.servers import NatsServer
from tests.sinks import Sink, Taken, sink

HEAD = b"From: Clerk <clerk@sender.example>\r\nSubject: x\r\n\r\n"
ORIGINALS = {
    "plain": LETTER,
    "dots": HEAD + b".\r\n..\r\n...x\r\n",
    "thai": HEAD + "เรียน ผู้อำนวยการ\r\n".encode(),
    "raw thai header": b"Subject: " + "ขอเชิญ".encode("tis-620") + b"\r\n\r\nx\r\n",
    "bare newlines": HEAD + b"a\nb\n",
    "nul": HEAD + b"a\0b\r\n",
    "long line": HEAD + b"a" * 5000 + b"\r\n",
    "from": HEAD + b"From me to you\r\n",
    "every octet": bytes(range(256)) * 10,
    "trailing blanks": HEAD + b"a \t\r\n \r\n\r\n\r\n",
    "no end of line": HEAD + b"end",
    "no letter at all": b"",
    "large": HEAD + (b"A" * 76 + b"\r\n") * 20_000,
}


@pytest.fixture
def world(bus: Bus, tmp_path: Path) -> Dispatch:
    return Dispatch(bus, tmp_path / "state")


@pytest.fixture
async def mailbox() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


def attached(mail: Taken) -> bytes:
    """The attachment, by a mail program's parser where it was encoded, by its boundary where it was not."""
    boundary = mail.octets.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    part = mail.octets.split(b"\r\n--" + boundary)[2].removeprefix(b"\r\n")
    head, _, body = part.partition(b"\r\n\r\n")
    if b"message/rfc822" in head:
        return body
    (found,) = mail.message.iter_attachments()
    content = found.get_content()
    assert isinstance(content, bytes)
    return content


@pytest.mark.slow
@pytest.mark.system("postfix")
async def test_every_original_arrives_octet_exact(world: Dispatch, nats_server: NatsServer, mailbox: Sink) -> None:
    with postfix(f"relayhost = [127.0.0.1]:{mailbox.port}") as relay:
        await world.agency(relay=Relay(host=relay.host, port=relay.port, tls="none"))
        letters = {name: await world.letter(octets) for name, octets in ORIGINALS.items()}
        for letter in letters.values():
            await world.sealed(letter)
        async with world.running(nats_server.settings()):
            for letter in letters.values():
                await world.tells(SenderReceipted, letter, 60)
                await world.tells(LetterDelivered, letter, 60)
            mails = await mailbox.mails(2 * len(letters), 60)
    covers = {mail.header("Message-ID").split(".")[1]: mail for mail in mails if "<cover." in mail.header("Message-ID")}
    for name, letter in letters.items():
        found = attached(covers[letter.event.mail])
        assert sha256_hex(found) == sha256_hex(ORIGINALS[name]), name
    receipts = [mail for mail in mails if "<final." in mail.header("Message-ID")]
    assert len(receipts) == len(letters)
    assert all(re.fullmatch(r"receipt-[a-z2-7]{52}@demo\.example", mail.sender) for mail in receipts)
