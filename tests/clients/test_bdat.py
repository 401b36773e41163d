"""A client that sends chunks (RFC 3030), cut anywhere and sent ahead of every reply."""

import asyncio
import random

import pytest

from tests.clients.arrivals import Arrivals
from tests.clients.letters import LONG_LINES, ODD, ORDERLY
from tests.smtp.client import client
from tests.smtp.ingress import Ingress

LETTERS = ORDERLY | LONG_LINES | ODD


def chunks(octets: bytes, seed: int) -> list[bytes]:
    """The letter in up to nine chunks of any length, none included; line ends are cut through as well."""
    dice = random.Random(seed)
    cuts = sorted(dice.choices(range(len(octets) + 1), k=dice.randint(0, 8)))
    return [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]


def bdat(octets: bytes, seed: int) -> tuple[bytes, int]:
    """What to send for a letter, and how many replies follow."""
    pieces = chunks(octets, seed)
    commands = [f"BDAT {len(piece)}".encode() for piece in pieces]
    if seed % 2:
        commands[-1] += b" LAST"
    else:
        pieces, commands = [*pieces, b""], [*commands, b"BDAT 0 LAST"]
    said = b"".join(command + b"\r\n" + piece for command, piece in zip(commands, pieces, strict=True))
    return said, len(commands)


async def test_every_octet_arrives_however_it_is_cut(mx: Ingress, arrivals: Arrivals) -> None:
    async with client(mx.port) as peer:
        for seed, octets in enumerate([*LETTERS.values(), *LETTERS.values()]):
            content, replies = bdat(octets, seed)
            envelope = b"MAIL FROM:<clerk@sender.test> BODY=8BITMIME\r\nRCPT TO:<saraban@demo.test>\r\n"
            peer.writer.write(envelope + content)
            said = [await peer.reply() for _ in range(2 + replies)]
            assert [reply[:3] for reply in said] == ["250"] * (2 + replies)
            arrival = await arrivals.next()
            assert arrival.octets == octets, seed


@pytest.mark.slow
async def test_many_sessions_at_once(mx: Ingress, arrivals: Arrivals) -> None:
    octets = list(LETTERS.values())

    async def session(number: int) -> None:
        async with client(mx.port) as peer:
            for at in range(10):
                content, replies = bdat(octets[(number + at) % len(octets)], number * 100 + at)
                assert (await peer.say("MAIL FROM:<clerk@sender.test> BODY=8BITMIME")).startswith("250")
                assert (await peer.say("RCPT TO:<saraban@demo.test>")).startswith("250")
                peer.writer.write(content)
                assert [(await peer.reply())[:3] for _ in range(replies)] == ["250"] * replies

    await asyncio.gather(*(session(number) for number in range(20)))
    found = [(await arrivals.next()).octets for _ in range(200)]
    sent = [octets[(number + at) % len(octets)] for number in range(20) for at in range(10)]
    assert sorted(found) == sorted(sent)
