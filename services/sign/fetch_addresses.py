"""Which addresses may be asked for what a letter points to: the rules against server-side request forgery.

Whoever writes a letter writes the URLs in its certificates. So: HTTP to public addresses on its own ports, and what the
operator names in `sign.fetch_hosts`; nothing else.
"""

import asyncio
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.resolver
from msgspec import Struct

from services.runtime.config import host_port
from services.sign.fetch_questions import URL_OCTETS, NotFetchedError
from services.sign.questions import NoAnswerError
from services.sign.resolver import Resolver

PORTS: Final = {"http": 80, "https": 443}
ADDRESSES: Final = 8
"""Most addresses of one name that are looked at."""

Address = IPv4Address | IPv6Address

_URL: Final = re.compile(r"[!-\[\]-~]+")
"""What is printed in ASCII, without a backslash, which readers of URLs do not agree about."""
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")

# By name although `is_global` exists, whose meaning has changed between releases of Python: IANA's registries of
# special-purpose addresses (RFC 6890 and its updates), with what leads to IPv4 (6to4, Teredo).
_SPECIAL_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class Target(Struct, frozen=True):
    """Where a URL leads, before its name is looked up."""

    secure: bool
    host: str
    port: int
    path: str
    named: bool
    """The operator names this host and port: any address will do."""

    @property
    def authority(self) -> str:
        """The value of the Host field (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class Hosts:
    """What the operator names in `sign.fetch_hosts`: HOST (ports 80 and 443) or HOST:PORT."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Raises ValueError for an entry of another form."""
        self._ports: dict[str, set[int]] = {}
        for entry in entries:
            host, port = host_port(entry, default=0)
            host = host.lower().removesuffix(".")
            if literal(host) is None and _NAME.fullmatch(host) is None:
                raise ValueError(f"{entry!r} is not HOST or HOST:PORT")
            self._ports.setdefault(host, set()).update({port} if port else PORTS.values())

    def name(self, host: str, port: int) -> bool:
        """Whether this host and port is among them."""
        return port in self._ports.get(host, ())


def target(url: str, hosts: Hosts) -> Target:
    """Read a URL strictly.

    Raises:
        NotFetchedError: it is none of HTTP, names a user, or a port that is not HTTP's.
    """
    if len(url) > URL_OCTETS or _URL.fullmatch(url) is None:
        raise NotFetchedError("address", "is no URL")
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError as error:
        raise NotFetchedError("address", "is no URL") from error
    if found.scheme not in PORTS:
        raise NotFetchedError("address", f"{found.scheme[:20]}: is not asked")
    host = (found.hostname or "").removesuffix(".")
    if "@" in found.netloc or "%" in host or (literal(host) is None and _NAME.fullmatch(host) is None):
        raise NotFetchedError("address", "names no host")
    port = PORTS[found.scheme] if port is None else port
    named = hosts.name(host, port)
    if port not in PORTS.values() and not named:
        raise NotFetchedError("address", f"port {port} is not HTTP's")
    path = (found.path or "/") + (f"?{found.query}" if found.query else "")
    return Target(found.scheme == "https", host, port, path, named)


async def addresses(found: Target, resolver: Resolver, seconds: float) -> list[Address]:
    """The addresses of a target, IPv4 first, each one that may be asked. Connect to these and to no other.

    Raises:
        NotFetchedError: there is none; or one of them is not public, which no honest public name has.
    """
    own = literal(found.host)
    answers = [own] if own is not None else await _resolved(found.host, resolver, seconds)
    if not answers:
        raise NotFetchedError("name", f"{found.host} has no address")
    if not found.named:
        for answer in answers:
            if not public(answer):
                raise NotFetchedError("address", f"{found.host} is {answer}")
    return answers


def public(address: Address) -> bool:
    """Whether an address is one of the public network, and of nothing nearer."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _SPECIAL_4)
    if address.scope_id is not None:
        return False
    return address.is_global and address in _GLOBAL_6 and not any(address in network for network in _SPECIAL_6)


def literal(host: str) -> Address | None:
    """The address that a host is, if it is one. Other spellings of IPv4 (`127.1`, `0x7f000001`) are names, and fail."""
    try:
        return ip_address(host)
    except ValueError:
        return None


async def _resolved(host: str, resolver: Resolver, seconds: float) -> list[Address]:
    answers: list[Address] = []
    failed: Exception | None = None
    try:
        full = dns.name.from_text(host, dns.name.root)
    except (dns.exception.DNSException, UnicodeError, ValueError) as error:
        raise NotFetchedError("name", f"{host} is no name") from error
    asked = [resolver.resolve(full, kind, seconds) for kind in ("A", "AAAA")]
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(answer, dns.resolver.NXDOMAIN):
            continue
        if isinstance(answer, dns.exception.DNSException | NoAnswerError | TimeoutError | OSError):
            failed = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            answers += [ip_address(record.address) for record in answer.rrset or ()]
    if not answers and failed is not None:
        raise NotFetchedError("name", f"{host}: the DNS gives no answer") from failed
    return answers[:ADDRESSES]
