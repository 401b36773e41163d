"""Two receipts that cannot both be true: of one entry, of one letter, or of one book."""

from collections.abc import Iterator
from typing import Final

from contracts.receipt import Head, Receipt, Unknown
from services.verify.field import FIELDS
from services.verify.head import links
from services.verify.report import Finding
from services.verify.sentences import say

_ENTRY: Final = ("agency", "series", "year", "number")
_OF_ENTRY: Final = (
    *("register_number", "message_id", "subject", "letter_number", "letter_date", "sha256", "size", "files"),
    *("body_sha256", "text_sha256", "mail", "position", "remarks", "rules"),
)
"""What two receipts of one entry must agree on, as far as both know it."""


def check(one: Receipt, other: Receipt, sealers: tuple[str, str]) -> Iterator[Finding]:
    """What speaks against one of them being true if the other is."""
    sealer_1, sealer_2 = sealers
    entry = all(getattr(one, name) == getattr(other, name) for name in _ENTRY)
    letter = one.position is not None and one.position == other.position and one.agency == other.agency
    differs = list(_differences(one, other, of_entry=entry)) if entry or letter else []
    for field, said, against in differs:
        said_1, said_2 = _shown(said), _shown(against)
        yield say(
            "pair_contradicts",
            field=FIELDS[field].english,
            field_thai=FIELDS[field].thai,
            sealer_1=sealer_1,
            said_1=said_1,
            sealer_2=sealer_2,
            said_2=said_2,
        )
    forked = not differs and _forked(one, other)
    if forked:
        yield say("pair_forked", sealer_1=sealer_1, sealer_2=sealer_2)
    if not differs and not forked:
        yield say("pair_agrees" if entry else "pair_apart")


def _differences(one: Receipt, other: Receipt, *, of_entry: bool) -> Iterator[tuple[str, object, object]]:
    for name in _OF_ENTRY if of_entry else _ENTRY:
        said, against = getattr(one, name), getattr(other, name)
        if said != against and not isinstance(said, Unknown) and not isinstance(against, Unknown):
            yield name, said, against
    if not of_entry:
        return
    yield from (
        (name, said, against)
        for name, said, against in (
            ("received_at", one.clock.received_at, other.clock.received_at),
            ("bound_ms", one.clock.bound_ms, other.clock.bound_ms),
            ("deemed_at", one.deemed.at, other.deemed.at),
            ("calendar", one.deemed.calendar, other.deemed.calendar),
            ("link", one.proof.link, other.proof.link),
        )
        if said != against
    )
    if one.kind == other.kind == "final" and one.issued_at != other.issued_at:
        yield "issued_at", one.issued_at, other.issued_at


def _forked(one: Receipt, other: Receipt) -> bool:
    """Whether the same link is followed by two different rows, or a head of one length is two."""
    book = ("agency", "series", "year")
    if any(getattr(one, name) != getattr(other, name) for name in book):
        return False
    follows = dict([*links(one)])
    if any(follows.get(link, digest) != digest for link, digest in links(other)):
        return True
    heads = one.proof.head, other.proof.head
    if isinstance(heads[0], Head) and isinstance(heads[1], Head) and heads[0].length == heads[1].length:
        return heads[0].link != heads[1].link
    return False


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return (
            ", ".join(f"{file.name} {file.sha256[:16]}…" if hasattr(file, "sha256") else str(file) for file in value)
            or "-"
        )
    return str(getattr(value, "value", value))
