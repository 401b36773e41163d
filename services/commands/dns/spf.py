"""SPF (RFC 7208) for who sends our mails: one record, merged with what is there, within the limit of look-ups."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.commands.dns.domain import public_host

VERSION: Final = "v=spf1"
_NEWCOMER: Final = "~all"
"""Of a record that we propose anew: who else sends for the domain is not ours to know."""

_MECHANISM: Final = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:](.*?))?((?:/\d+)?(?://\d+)?)", re.I
)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Mechanism(NamedTuple):
    """One term of a record: `-ip4:192.0.2.0/24` is ("-", "ip4", "192.0.2.0/24", "")."""

    qualifier: str
    name: str
    value: str
    prefix: str


def mechanism(term: str) -> Mechanism | None:
    """A term that is a mechanism of RFC 7208; None for a modifier, and for what is neither."""
    if term.lower().lstrip("+?~-").startswith(("ip4:", "ip6:")):
        head, _, value = term.partition(":")
        return Mechanism(head[:-3], head[-3:].lower(), value, "")
    match = _MECHANISM.fullmatch(term)
    return Mechanism(match[1], match[2].lower(), match[3] or "", match[4]) if match else None


def modifier(term: str) -> tuple[str, str] | None:
    """A term that is a modifier: its name and value."""
    match = _MODIFIER.fullmatch(term)
    return (match[1].lower(), match[2]) if match else None


def of(texts: Sequence[str]) -> tuple[str, ...]:
    """Those TXT records that are SPF (section 4.5)."""
    return tuple(text for text in texts if text.lower() == VERSION or text.lower().startswith(f"{VERSION} "))


def sender(text: str) -> str:
    """The term for one of our outgoing servers: an address or a network, or a name whose SPF record is included.

    Raises:
        ValueError: it is none of these.
    """
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        name = public_host(text.removeprefix("include:"))
        if name is None:
            raise ValueError(
                f"{text!r}: is no address, no network, and no name whose SPF record can be included"
            ) from None
        return f"include:{name}"
    if network.prefixlen == network.max_prefixlen:
        return f"ip{network.version}:{network.network_address}"
    return f"ip{network.version}:{network}"


def merged(records: Sequence[str], needed: Sequence[str]) -> str:
    """One record that says what all of these say, and `needed` before it.

    Before, since the first mechanism that matches decides. Of several `all` the mildest that is no `+all` stays: two
    records were an error before, so nobody relied on the stricter one.
    """
    kept: dict[str, None] = {}
    ends: list[str] = []
    redirects: list[str] = []
    for record in records:
        terms = record.split()[1:]
        last = [term for term in terms if (found := mechanism(term)) is not None and found.name == "all"][:1]
        leaves = [term for term in terms if (modifier(term) or ("",))[0] == "redirect"]
        kept.update(dict.fromkeys(term for term in terms if term not in (*last, *leaves, *needed)))
        ends += last
        redirects += leaves if not last else []  # section 6.1: `all` makes a redirect void
    if len(records) == 1:
        return " ".join([VERSION, *needed, *kept, *(ends or redirects or [_NEWCOMER])])
    kept.update(dict.fromkeys(f"include:{term.partition('=')[2]}" for term in redirects))
    mild = [end.lower() for sign in "?~-" for end in ends if end.startswith(sign)]
    return " ".join([VERSION, *needed, *kept, *(mild or [_NEWCOMER])[:1]])
