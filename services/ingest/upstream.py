"""Mode `behind`: the hop before the agency's own server, read from the Received fields that server wrote.

The newest field is the peer's, and we know the peer. While the host it names is one of the agency's own servers too,
the next field is believed as well; the first that names a host outside is the hop that SPF is judged on.
"""

import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from contracts.mail import Upstream
from services.ingest.header_lines import decoded
from services.ingest.networks import contains, parsed

_FROM: Final = re.compile(r"\s*from\s+(.*?)(?:\s+by\s|;|\Z)", re.IGNORECASE | re.DOTALL)
_ADDRESS: Final = re.compile(r"(?:IPv6:)?([0-9A-Fa-f:.]{2,45}[0-9A-Fa-f])", re.IGNORECASE)
_LOOKED_UP: Final = re.compile(r"\(([^()]*)\)")
_LITERAL: Final = re.compile(r"\[([^\[\]]*)\]")
_HELO: Final = re.compile(r"\bhelo[ =]([^\s()]+)", re.IGNORECASE)
HOPS: Final = 10
"""So many fields of the agency's own servers are looked through; more would be somebody's invention."""


def hop_before(received: Sequence[bytes], networks: tuple[str, ...]) -> Upstream:
    """The hop before the servers in `networks`; empty where no field names it."""
    for raw in received[:HOPS]:
        field = decoded(raw)
        address = _address(field)
        if address and contains(networks, address):
            continue
        return Upstream(address=address, helo=_helo(field), received_at=_time(field))
    return Upstream()


def _from_part(field: str) -> str:
    found = _FROM.match(field)
    return found[1] if found else ""


def _address(field: str) -> str:
    part = _from_part(field)
    # What stands in round brackets was looked up by the server. The word behind `from` may be the client's HELO,
    # which can be any address in square brackets; it counts only where the server (Exim) writes no other.
    for place in _LOOKED_UP.findall(part) + _LITERAL.findall(part):
        for word in re.split(r"[\s\[\]=]+", place):
            found = _ADDRESS.fullmatch(word)
            if found and (place := parsed(found[1])) is not None:
                return str(place)
    return ""


def _helo(field: str) -> str:
    part = _from_part(field)
    found = _HELO.search(part)
    word = found[1] if found else part.partition(" ")[0].partition("(")[0]
    return word[:255]


def _time(field: str) -> str:
    try:
        moment = parsedate_to_datetime(field.rpartition(";")[2].strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    if moment.tzinfo is None:  # `-0000`: UTC, by somebody who would not say where he is
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat()
