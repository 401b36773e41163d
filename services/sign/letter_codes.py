"""Who the letters of a letter's number belong to (letter_codes.toml), by name and by mail domain. Pure.

Ministries and provinces are two kinds: offices of a ministry in a province write with the province's letters, so a
ministry is never measured against a province.
"""

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, convert

Kind = Literal["ministry", "province"]

_DATA: Final = Path(__file__).with_name("letter_codes.toml")
_LETTERS: Final = re.compile(r"(?:ที่\s*)?(?P<letters>[ก-ฮ]{2,6})\.?(?![ก-๙])")
_SHORTEST: Final = 6
"""Shorter names are found in others by chance."""


class Owner(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who has letters of his own."""

    letters: str
    name: str
    also: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    basis: str = ""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: str
    basis: Literal["source", "secondary", "unverified"]
    ministry: tuple[Owner, ...]
    province: tuple[Owner, ...]

    def owners(self) -> list[tuple[Kind, Owner]]:
        """All of them, each with its kind."""
        found: list[tuple[Kind, Owner]] = [("ministry", owner) for owner in self.ministry]
        return found + [("province", owner) for owner in self.province]


class Known(Struct, frozen=True):
    """An owner that was recognised."""

    kind: Kind
    letters: str
    name: str


@cache
def table() -> Table:
    """The table, read once. Raises what is wrong in it at the first letter; the tests read it before that."""
    return convert(tomllib.loads(_DATA.read_text(encoding="utf-8")), Table)


def by_number(number: str) -> Known | None:
    """Whose letters a letter's number begins with; None if it has none, or they are in no table."""
    match = _LETTERS.match(unicodedata.normalize("NFC", number).strip())
    return _by_letters().get(match["letters"]) if match else None


def by_domain(domain: str) -> Known | None:
    """Whose mail domain this is, or is below."""
    labels = domain.lower().split(".")
    return next((known for n in range(len(labels) - 1) if (known := _by_domain().get(".".join(labels[n:])))), None)


def by_name(name: str) -> Known | None:
    """Who is named; None where nobody is, or more than one."""
    words = _words(name)
    text = words.replace(" ", "")
    found = {known for part, known in _by_part() if part in text}
    found |= {known for unit, known in _by_unit() if f" {unit} " in f" {words} "}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=16_384)
def plain(name: str) -> str:
    """A name for comparing: NFC, no spaces, points or case, no legal form."""
    return _words(name).replace(" ", "")


def _words(name: str) -> str:
    text = unicodedata.normalize("NFC", name).casefold().replace("(องค์การมหาชน)", " ")
    return re.sub(r"[\s,()\u200b]+", " ", re.sub(r"[.'’]", "", re.sub(r"^\s*the\s", "", text))).strip()


@cache
def _by_letters() -> dict[str, Known]:
    return {owner.letters: Known(kind, owner.letters, owner.name) for kind, owner in table().owners()}


@cache
def _by_domain() -> dict[str, Known]:
    return {
        domain: Known(kind, owner.letters, owner.name) for kind, owner in table().owners() for domain in owner.domains
    }


@cache
def _by_part() -> tuple[tuple[str, Known], ...]:
    return tuple(
        (part, Known(kind, owner.letters, owner.name))
        for kind, owner in table().owners()
        for name in (owner.name, *owner.also)
        if len(part := plain(name)) >= _SHORTEST
    )


@cache
def _by_unit() -> tuple[tuple[str, Known], ...]:
    return tuple(
        (unit, Known(kind, owner.letters, owner.name))
        for kind, owner in table().owners()
        for name in owner.units
        if len(unit := _words(name)) >= _SHORTEST
    )
