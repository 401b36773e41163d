"""The peer's name in the DNS, for a next hop that hears of the peer by XCLIENT and does not look it up itself any more.

Postfix refuses clients without a verified name where its administrator wants that; told `[UNAVAILABLE]` for all, it
would refuse everybody.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from services.ingest.networks import Address, parsed
from services.ingest.xclient import UNAVAILABLE, UNDECIDED

if TYPE_CHECKING:
    import dns.asyncresolver

SECONDS: Final = 5.0
NAMES: Final = 3
"""An address may have many names; so many are looked at."""

_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_.-]{1,255}")


class PeerNames:
    """Looks names up."""

    def __init__(self, servers: Sequence[str]) -> None:
        """`servers` are HOST or HOST:PORT; none: the host's own."""
        self._servers = servers
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def of(self, address: str) -> str:
        """The name of `address` that leads back to it; UNAVAILABLE where none does, UNDECIDED without an answer."""
        place = parsed(address)
        if place is None:
            return UNAVAILABLE
        import dns.exception  # takes 3 MB, which an ingress without a next hop need not hold

        try:
            async with asyncio.timeout(SECONDS):
                return await self._verified(place)
        except (dns.exception.DNSException, TimeoutError, OSError, ValueError):
            return UNDECIDED

    async def _verified(self, place: Address) -> str:
        for name in (await self._answers(place.reverse_pointer, "PTR"))[:NAMES]:
            name = name.rstrip(".")
            if not _NAME.fullmatch(name):
                continue
            back = await self._answers(name, "A" if place.version == 4 else "AAAA")
            if place in {parsed(one) for one in back}:
                return name
        return UNAVAILABLE

    async def _answers(self, name: str, kind: str) -> list[str]:
        import dns.resolver

        if self._resolver is None:
            self._resolver = await asyncio.to_thread(_resolver, self._servers)
        try:
            answer = await self._resolver.resolve(
                f"{name}.", kind, lifetime=SECONDS, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        return [record.to_text() for record in answer.rrset or ()]


def _resolver(servers: Sequence[str]) -> "dns.asyncresolver.Resolver":
    import dns.asyncresolver

    from services.runtime.nameserver import nameserver

    made = dns.asyncresolver.Resolver(configure=not servers)
    if servers:
        made.nameservers = [nameserver(server) for server in servers]
    made.timeout = SECONDS / 3  # a datagram that was lost is sent again in time
    return made
