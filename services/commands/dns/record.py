"""A record as it should be, beside what is there now."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from services.commands.terminal import clean

TTL: Final = 3_600
TTL_MOVING: Final = 300
"""While the MX moves, a mistake must not last longer than this."""

_STRING: Final = 255
"""Octets of one character-string (RFC 1035 section 3.3.14)."""


class State(StrEnum):
    """What the look-up found."""

    OK = "ok"
    MISSING = "missing"
    DIFFERS = "differs"
    IN_THE_WAY = "in the way"
    SILENT = "temperror"


class Record(Struct, frozen=True, kw_only=True):
    """All records of one purpose under one name."""

    purpose: str
    """MX, SPF, DKIM, DMARC …"""
    name: str
    """In A-labels, without the last dot."""
    kind: str
    values: tuple[str, ...] = ()
    """What has to stand there, as a whole; empty where that is not ours to say."""
    found: tuple[str, ...] = ()
    state: State
    remedy: str
    """What to do, or why nothing."""
    ttl: int = TTL


class Step(Struct, frozen=True, kw_only=True):
    """One step of the cut-over."""

    number: int
    when: str
    what: str


class Policy(Struct, frozen=True, kw_only=True):
    """The file of MTA-STS (RFC 8461 section 3.2)."""

    url: str
    text: str


class Section(Struct, frozen=True, kw_only=True):
    """One domain."""

    domain: str
    title: str
    mode: str
    """only, shared or behind; `return` where nothing but our token addresses live."""
    records: tuple[Record, ...]
    duties: tuple[str, ...] = ()
    """Mode behind: what the agency's server has to do."""
    policy: Policy | None = None
    plan: tuple[Step, ...] = ()


def zone_lines(record: Record) -> list[str]:
    """The record in the form of zone files (RFC 1035 section 5)."""
    head = f"{record.name}. {record.ttl} IN {record.kind}"
    if record.kind == "MX":
        pairs = (value.partition(" ") for value in record.values)
        return [f"{head} {preference} {host}." for preference, _, host in pairs]
    return [f"{head} {_quoted(value)}" for value in record.values]


def _quoted(value: str) -> str:
    octets = value.encode()
    pieces = [octets[start : start + _STRING] for start in range(0, len(octets), _STRING)]
    strings = " ".join(f'"{"".join(_escaped(octet) for octet in piece)}"' for piece in pieces)
    return f"( {strings} )" if len(pieces) > 1 else strings


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def silent(purpose: str, name: str, kind: str, error: Exception, values: tuple[str, ...] = ()) -> Record:
    """A record that nobody told us about."""
    return Record(
        purpose=purpose,
        name=name,
        kind=kind,
        values=values,
        state=State.SILENT,
        remedy=f"{error}; ask again, or another resolver with --resolver",
    )


def tags(text: str) -> dict[str, str]:
    """A tag-value list such as DKIM's and DMARC's (RFC 6376 section 3.2); the first of a repeated tag holds."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def quoted(texts: tuple[str, ...] | list[str]) -> str:
    """Foreign records inside a sentence."""
    return ", ".join(f"“{clean(text[:120])}”" for text in texts)
