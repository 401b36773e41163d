"""Mode `behind`: the hop before the agency's own server, read from the Received fields that server wrote.

The newest field is the peer's, and we know the peer. While the host it names is one of the agency's own servers too,
the next field is believed as well; the first that names a host outside is the hop that SPF is judged on.

No two servers write the field alike. What they have in common (Postfix, sendmail, Exim, Exchange, qmail, OpenSMTPD,
Courier, Haraka and the appliances): what the server saw itself stands in round brackets, the address in square ones or
alone; what the client said of itself stands before them, or inside behind a keyword such as `helo=`.
"""

import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from contracts.mail import Upstream
from services.ingest.header_lines import decoded
from services.ingest.networks import contains, parsed

HOPS: Final = 20
"""So many fields of the agency's own servers are looked through; more would be somebody's invention."""

FIELD_CHARACTERS: Final = 4_000
"""Of a field; a server's own is shorter, and what is read here was written by strangers."""

WITHIN: Final = ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")
"""A server that names one of these speaks of itself or of its neighbour: a content filter, an Exchange role."""

_FROM: Final = re.compile(r"\s*from\s(.*)", re.IGNORECASE | re.DOTALL)
_BY: Final = re.compile(r"\sby\s|;", re.IGNORECASE)
_INNERMOST: Final = re.compile(r"\([^()]*\)")
_SAID: Final = re.compile(r"\b(?:[A-Za-z][A-Za-z-]*=|(?:HELO|EHLO)\s+)\S+", re.IGNORECASE)
"""What the client said of itself, inside the round brackets (Exim: helo=, ident=; qmail and others: HELO)."""
_LITERAL: Final = re.compile(r"\[(?:IPv6:)?([^\[\]\s]+)\]", re.IGNORECASE)
_ALONE: Final = re.compile(r"(?:\S*@)?(?:IPv6:)?([0-9A-Fa-f:.]+(?:%\w+)?)", re.IGNORECASE)
_HELO: Final = re.compile(r"\b(?:HELO|EHLO)[ =]([^\s()]+)", re.IGNORECASE)


def hop_before(received: Sequence[bytes], networks: tuple[str, ...]) -> Upstream:
    """The hop before the servers in `networks`; empty where no field names it."""
    for raw in received[:HOPS]:
        field = decoded(raw)
        said, seen = _from_part(field[:FIELD_CHARACTERS])
        address = _address(said, seen)
        if address and (contains(networks, address) or contains(WITHIN, address)):
            continue
        return Upstream(address=address, helo=_helo(said, seen), received_at=_time(field))
    return Upstream()


def _from_part(field: str) -> tuple[str, list[str]]:
    """What stands behind `from`: the words outside of round brackets, and what is in each of these (innermost gone)."""
    found = _FROM.match(field)
    if found is None:
        return "", []
    said: list[str] = []
    seen: list[str] = []
    depth = begins = 0
    text = found[1] + "("
    for at, letter in enumerate(text):
        if letter == "(":
            if depth == 0:
                words, by, _ = _BY.sub("\n", text[begins:at], count=1).partition("\n")
                said.append(words)
                if by:
                    break
                begins = at + 1
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
            if depth == 0:
                seen.append(_INNERMOST.sub(" ", text[begins:at]))
                begins = at + 1
    return " ".join(said), seen


def _address(said: str, seen: list[str]) -> str:
    """What the server saw; the client's own words only where the server (Exim without a name) writes nothing else."""
    looked_up = [_SAID.sub(" ", part) for part in seen]
    for part in looked_up:
        for word in _LITERAL.findall(part):
            if (place := parsed(word)) is not None:
                return str(place)
        alone = _ALONE.fullmatch(part.strip())
        if alone is not None and (place := parsed(alone[1])) is not None:
            return str(place)
    for word in _LITERAL.findall(said):
        if (place := parsed(word)) is not None:
            return str(place)
    return ""


def _helo(said: str, seen: list[str]) -> str:
    """What the client called itself."""
    named = next((found[1] for part in seen if (found := _HELO.search(part))), "")
    words = said.split()
    return (named or (words[0] if words else ""))[:255]


def _time(field: str) -> str:
    try:
        moment = parsedate_to_datetime(field.rpartition(";")[2].strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    if moment.tzinfo is None:  # `-0000`: UTC, by somebody who would not say where he is
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat()
