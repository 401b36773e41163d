"""A thousand inputs by number: every kind in turn, each time with other sizes and other chances."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.hostile import mails

LARGEST = 30_000_000
"""No ingress takes more."""


@dataclass(frozen=True)
class Input:
    """One hostile mail."""

    number: int
    kind: str
    octets: bytes


@cache
def kinds() -> dict[str, mails.Make]:
    return dict(sorted(mails.every().items()))


def make(seed: int, number: int, largest: int = LARGEST) -> Input:
    """The input of this seed and number; cut where it is larger than `largest`."""
    names = list(kinds())
    kind = names[number % len(names)]
    return Input(number, kind, kinds()[kind](Random(f"{seed}/{number}"))[:largest])


@dataclass(frozen=True)
class Kept:
    """A hostile mail in a file."""

    number: int
    kind: str
    size: int
    file: Path


def keep(folder: Path, seed: int, number: int, largest: int = LARGEST) -> Kept:
    """Make one into a file of `folder`."""
    made = make(seed, number, largest)
    file = folder / str(number)
    file.write_bytes(made.octets)
    return Kept(number, made.kind, len(made.octets), file)
