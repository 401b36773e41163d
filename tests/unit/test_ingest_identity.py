"""Which letters are the same letter. The vectors are for ever: another one is a second number."""

import hashlib

import pytest

from services.ingest import header_lines
from services.ingest.header_lines import HEAD_BYTES
from services.ingest.identity import digests, identify

LETTER = (
    b"Message-ID: <1@client.test>\r\nFrom: A <a@client.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0700\r\n"
    b"Subject: =?utf-8?B?4LmA4Lij4Li34LmI4Lit4LiH?=\r\n\r\nbody\r\n"
)


def name(letter: bytes, agency: str = "demo", block: int = 1_000_000) -> str:
    blocks = tuple(letter[at : at + block] for at in range(0, len(letter), block))
    section = header_lines.read(letter[:HEAD_BYTES])
    return identify(agency, section, digests(blocks, section.body)[1])


def test_the_vectors_hold() -> None:
    assert name(LETTER) == "tqfpty5tpmjs7h4ljlzok2be5xpnsbrcadck3bgevjsvzts7yoqa"
    assert name(b"no header at all\r\n") == "nt5ruisf6bnvl7v7v36pxwdrnx7ljg7n6uueyh5o5gznmnnyvyxa"


def test_the_preimage_is_what_the_module_says() -> None:
    words = [
        b"saraban mail 1",
        b"demo",
        b"named",
        b"<1@client.test>",
        b"A <a@client.test>",
        b"Fri, 20 Nov 2026 10:00:00 +0700",
        b"=?utf-8?B?4LmA4Lij4Li34LmI4Lit4LiH?=",
        hashlib.sha256(b"body\r\n").digest(),
    ]
    preimage = b"".join(len(word).to_bytes(8, "big") + word for word in words)
    assert int(hashlib.sha256(preimage).hexdigest(), 16) == _number(name(LETTER))


@pytest.mark.parametrize(
    "copy",
    [
        b"Received: from x by y; now\r\n" + LETTER,
        b"Return-Path: <a@client.test>\r\nDelivered-To: b\r\n" + LETTER,
        b"X-Spam-Score: 3\r\n" + LETTER,
        LETTER.replace(b"From: A <a", b"From: A\r\n <a"),
        LETTER.replace(b"From: A <a", b"From: A \r\n\t <a"),
        LETTER.replace(b"Message-ID: <", b"message-id:   <"),
    ],
)
def test_a_copy_that_came_another_way_is_the_same_letter(copy: bytes) -> None:
    assert name(copy) == name(LETTER)


@pytest.mark.parametrize(
    "other",
    [
        LETTER.replace(b"body", b"bodY"),
        LETTER.replace(b"<1@", b"<2@"),
        LETTER.replace(b"From: A", b"From: B"),
        LETTER.replace(b"10:00:00", b"10:00:01"),
        LETTER.replace(b"4LmA", b"4LmB"),
        LETTER + b"\r\n",
    ],
)
def test_a_reused_message_id_with_other_content_is_another_letter(other: bytes) -> None:
    assert name(other) != name(LETTER)


def test_agencies_do_not_share_an_id() -> None:
    assert name(LETTER, "two") != name(LETTER)


def test_without_a_message_id_everything_but_the_trace_counts() -> None:
    letter = b"Subject: x\r\nX-A: 1\r\n\r\nbody\r\n"
    assert name(b"Received: from x by y\r\n\tby z\r\n" + letter) == name(letter)
    assert name(letter.replace(b"X-A: 1", b"X-A: 2")) != name(letter)
    assert name(letter) != name(letter.replace(b"X-A", b"Message-ID: <1@x>\r\nX-A"))


@pytest.mark.parametrize("block", [1, 10, 150, 1_000_000])
def test_blocks_do_not_matter(block: int) -> None:
    assert name(LETTER, block=block) == name(LETTER)
    blocks = tuple(LETTER[at : at + block] for at in range(0, len(LETTER), block))
    assert digests(blocks, LETTER.index(b"body"))[0] == hashlib.sha256(LETTER).digest()


def _number(mail: str) -> int:
    number = 0
    for letter in mail:
        number = number * 32 + "abcdefghijklmnopqrstuvwxyz234567".index(letter)
    return number >> 4
