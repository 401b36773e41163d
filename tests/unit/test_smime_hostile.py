"""The corpus with octets changed at random: whatever is in a mail, it is judged or labelled, and the rest goes on."""

import base64
import random
import re
import time

import pytest

from services.sign import examine, trust
from tests.corpus_smime.cases import CASES
from tests.corpus_smime.world import World

pytestmark = pytest.mark.slow

ROUNDS = 300
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/=]{60,76}\r\n)+[A-Za-z0-9+/=]*\r\n")


def inside(mail: bytes, chance: random.Random) -> bytes:
    """With octets of one of its files changed, or its end cut off."""
    found = list(_BASE64.finditer(mail))
    if not found:
        return outside(mail, chance)
    block = chance.choice(found)
    octets = bytearray(base64.b64decode(block.group().replace(b"\r\n", b"") + b"=="))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(octets))
        octets[at] = chance.choice([0, 0x30, 0x80, 0xFF, octets[at] ^ (1 << chance.randrange(8))])
    if chance.random() < 0.1:
        del octets[chance.randrange(len(octets)) :]
    return mail[: block.start()] + base64.encodebytes(bytes(octets)).replace(b"\n", b"\r\n") + mail[block.end() :]


def outside(mail: bytes, chance: random.Random) -> bytes:
    """With octets of it changed, or a piece taken out."""
    octets = bytearray(mail)
    for _ in range(chance.randint(1, 6)):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    if chance.random() < 0.2:
        first, last = sorted((chance.randrange(len(octets)), chance.randrange(len(octets))))
        del octets[first:last]
    return bytes(octets)


def test_nothing_in_a_mail_ends_its_examination() -> None:
    world, chance = World(), random.Random(20261130)
    store = trust.of([world.root.der])
    mails = [case.make(world) for case in CASES]
    for number in range(ROUNDS):
        mail = chance.choice(mails)
        changed = inside(mail, chance) if chance.random() < 0.7 else outside(mail, chance)
        found = examine.examine_mail(changed, trust=store, now_ns=time.time_ns(), software="test")
        ended = [said.english for said in found.warnings if said.code in ("examination_failed", "resource_limit")]
        assert not ended, (ended, number, changed)
