"""The letters of a chaos run: sizes, agencies and repeats follow from the seed alone."""

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

SMALLEST = 1_024
LARGEST = 25 * 1024 * 1024
MEDIAN = 40 * 1024
SPREAD = 1.35
"""Standard deviation of the logarithm: one letter in forty is over 560 KiB, one in some thousands over 4 MiB."""

LINE = b"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gMDEyMzQ1Njc4OTAx\r\n"


@dataclass(frozen=True)
class Letter:
    """One letter to send; its octets are made when they are needed, so that 5,000 of them cost no memory."""

    number: int
    to: str
    size: int
    twice: bool
    salt: int
    chunks: tuple[int, ...] = ()
    """How it is cut for BDAT; empty: sent by DATA."""

    @property
    def sender(self) -> str:
        """Reverse-path, different for each letter: the sink counts receipts by it."""
        return f"clerk{self.number}@ministry.example"

    def octets(self) -> bytes:
        """The letter as an MTA sends it, before dot-stuffing; the same at every attempt."""
        head = (
            f"Message-ID: <{self.salt:x}.{self.number}@ministry.example>\r\nFrom: <{self.sender}>\r\n"
            f"To: <{self.to}>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0700\r\n"
            "Subject: =?utf-8?b?4LiX4Li14LmIIOC4meC4oyDguZHguZLguZDguZAv?= " + str(self.number) + "\r\n"
            'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="us-ascii"\r\n\r\n'
            f"..letter {self.number}\r\n"
        ).encode()
        body = random.Random(self.salt).randbytes(24).hex().encode() + b"\r\n"
        lines = max(0, self.size - len(head) - len(body)) // len(LINE)
        return head + body + LINE * lines

    def digest(self) -> str:
        """SHA-256 of the octets, as every event must carry it."""
        return hashlib.sha256(self.octets()).hexdigest()


def letters(seed: int, count: int, addresses: list[str], largest: int = LARGEST, large: int = 1) -> Iterator[Letter]:
    """The supply of one run, with one letter of the smallest size and so many of the largest; a third comes by BDAT."""
    dice = random.Random(seed)
    extremes = {count * (place + 1) // (large + 1): largest for place in range(large)} | {0: SMALLEST}
    for number in range(count):
        drawn = round(MEDIAN * math.exp(dice.gauss(0, SPREAD)))
        yield Letter(
            number=number,
            to=dice.choice(addresses),
            size=extremes.get(number, min(max(drawn, SMALLEST), largest)),
            twice=dice.random() < 0.10,
            salt=dice.getrandbits(64),
            chunks=tuple(dice.choice((700, 65_536, 1_000_000)) for _ in range(dice.randint(1, 3)))
            if dice.random() < 1 / 3
            else (),
        )
