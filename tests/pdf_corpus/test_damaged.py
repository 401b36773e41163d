"""Octets changed at random in signed files: nothing breaks, and no change inside the signed ranges passes."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from contracts.findings import SignatureVerdict
from services.sign import signatures, trust
from tests.pdf_corpus import documents, octets, people
from tests.pdf_corpus.authorities import Desk, whole_second
from tests.pdf_corpus.making import Maker, certified

pytestmark = pytest.mark.slow

TURNS = 120
"""Changed files of each test."""


@pytest.fixture(scope="module")
def desk() -> Desk:
    desk = Desk(whole_second())
    people.settle(desk)
    desk.close()
    return desk


def tried(desk: Desk, pdf: bytes) -> list[SignatureVerdict] | None:
    """The verdicts; None where the file cannot be read, which is said and not raised any further."""
    try:
        return signatures.judge(pdf, "x", trust.of([desk.holders["Root"].der]), desk.now)
    except (signatures.UnreadableSignatureError, signatures.SignatureLimitError, RecursionError):
        return None


def signed_files(desk: Desk) -> list[bytes]:
    maker, who = Maker(desk), desk.holders["Plain"]
    return [
        maker.sign(documents.plain(), who),
        maker.sign(documents.plain(xref_streams=True), who),
        maker.sign(documents.plain(form=True), who, mdp=certified(2)),
    ]


def turn_one(pdf: bytes, chance: random.Random, start: int, end: int) -> bytes:
    at = chance.randrange(start, end)
    return pdf[:at] + bytes([pdf[at] ^ (1 << chance.randrange(8))]) + pdf[at + 1 :]


def test_no_changed_octet_of_the_signed_ranges_passes(desk: Desk) -> None:
    chance = random.Random(20_261_130)
    files = signed_files(desk)
    seen: Counter[str] = Counter()
    for _ in range(TURNS):
        pdf = chance.choice(files)
        numbers = octets.ranges(pdf)
        start, end = chance.choice([(0, numbers[1]), (numbers[2], len(pdf))])
        found = tried(desk, turn_one(pdf, chance, start, end))
        for verdict in found or []:
            assert verdict.indication != "TOTAL-PASSED"
        seen[str([each.sub_indication for each in found]) if found else "unreadable"] += 1
    assert seen["['HASH_FAILURE']"] > TURNS // 3


def insert(pdf: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(pdf))
    return (
        pdf[:at] + chance.choice([b"<<", b">>", b"[", b"null", b"0 R", b"/Kids", b"endobj", b"9999999999"]) + pdf[at:]
    )


def cut(pdf: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(pdf))
    return pdf[:at] + pdf[at + chance.randrange(1, 40) :]


def spoil_container(pdf: bytes, chance: random.Random) -> bytes:
    """Hex digits of the signature container, before its filling."""
    numbers = octets.ranges(pdf)
    at = chance.randrange(numbers[1] + 1, numbers[1] + 1500)
    return pdf[:at] + b"%x" % chance.randrange(16) + pdf[at + 1 :]


def spoil_ranges(pdf: bytes, chance: random.Random) -> bytes:
    numbers = octets.ranges(pdf)
    numbers[chance.randrange(4)] = chance.choice([0, 1, -1, 7, 99_999, numbers[1], len(pdf)])
    text = " ".join(map(str, numbers))
    return octets.with_ranges(pdf, text) if len(text) < 17 else octets.with_ranges(pdf, text[:16])


@pytest.mark.parametrize("spoil", [insert, cut, spoil_container, spoil_ranges])
def test_nothing_worse_than_unreadable(desk: Desk, spoil: Callable[[bytes, random.Random], bytes]) -> None:
    """Whatever is done to a file, judging it ends with verdicts or says that it cannot be read."""
    chance = random.Random(20_261_201)
    files = signed_files(desk)
    for _ in range(TURNS // 2):
        tried(desk, spoil(chance.choice(files), chance))
