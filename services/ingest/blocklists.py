"""DNS block lists (RFC 5782): does one of them name an address? Loaded only where the operator asks some."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextvars import Context
from ipaddress import IPv4Address, IPv4Network
from typing import Final, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from services.ingest import metrics
from services.ingest.networks import parsed
from services.ingest.patience import Patience
from services.runtime.config import ConfigError
from services.runtime.nameserver import nameserver

REMEMBERED_SECONDS: Final = 60.0
"""A sender's server brings many letters at once; who is taken off a list must not wait long."""

TROUBLED_SECONDS: Final = 1.0
"""The same where a list said nothing: the letter that it was begun for need not ask twice, the next ones may."""

REMEMBERED: Final = 4_096
"""Addresses."""

LOOKUPS: Final = 100
"""Addresses asked about at once: each question is a socket."""

LISTED: Final = IPv4Network("127.0.0.0/8")
REFUSED: Final = IPv4Network("127.255.255.0/24")
"""Not listed, but: you may not ask (through a public resolver, or so often)."""


class _Known(NamedTuple):
    until: float
    naming: "asyncio.Task[tuple[str, ...]]"


class Blocklists:
    """Those that the operator asks."""

    def __init__(self, lists: Sequence[str], servers: Sequence[str], seconds: float) -> None:
        """`servers` are HOST or HOST:PORT; none: the host's own. Raises ConfigError where one has no address."""
        self._seconds = seconds
        self._lists = [(name, dns.name.from_text(name), Patience("blocklist", name)) for name in lists]
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise ConfigError(f"ingest.dns_servers: none are named, and this host has none: {error}") from error
        if servers:
            try:
                self._resolver.nameservers = [nameserver(server) for server in servers]
            except ValueError as error:
                raise ConfigError(f"ingest.dns_servers: {error}") from error
        self._resolver.timeout = max(0.1, seconds / 3)  # a datagram that was lost is sent again in time
        self._turns = asyncio.Semaphore(LOOKUPS)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._under_way: set[asyncio.Task[tuple[str, ...]]] = set()

    def begin(self, address: str) -> "asyncio.Task[tuple[str, ...]]":
        """The names of the lists that name `address`, asked at most once a minute. It never fails, and ends in time."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(address)
        if known is not None and now < known.until:
            return known.naming
        # In a context of its own: what it logs is about no session.
        naming = asyncio.create_task(self._naming(address), name="blocklists", context=Context())
        self._under_way.add(naming)
        naming.add_done_callback(self._under_way.discard)
        self._known[address] = _Known(now + REMEMBERED_SECONDS, naming)
        self._known.move_to_end(address)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return naming

    async def close(self) -> None:
        """End what is under way."""
        for naming in self._under_way:
            naming.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _naming(self, address: str) -> tuple[str, ...]:
        place = parsed(address)
        if place is None:
            return ()
        reversed_ = place.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        question = dns.name.from_text(reversed_, None)
        until = asyncio.get_running_loop().time() + self._seconds
        answers: list[bool | None] = [None]
        try:
            async with asyncio.timeout_at(until):
                await self._turns.acquire()
            try:
                answers = await asyncio.gather(
                    *(self._listed(question + zone, patience, until) for _, zone, patience in self._lists)
                )
            finally:
                self._turns.release()
        except TimeoutError:
            metrics.REPUTATION.labels("blocklist", "unasked").inc()  # too many before it
        if None in answers and (known := self._known.get(address)) is not None:
            self._known[address] = known._replace(until=asyncio.get_running_loop().time() + TROUBLED_SECONDS)
        return tuple(name for (name, _, _), listed in zip(self._lists, answers, strict=False) if listed)

    async def _listed(self, question: dns.name.Name, patience: Patience, until: float) -> bool | None:
        """What one list says; None where it says nothing."""
        if not patience.left():
            return None
        try:
            async with asyncio.timeout_at(until):
                answer = await self._resolver.resolve(
                    question, "A", lifetime=self._seconds, search=False, raise_on_no_answer=False
                )
        except dns.resolver.NXDOMAIN:
            patience.answered("clean")
            return False
        except (dns.exception.Timeout, TimeoutError):
            patience.tried("silent", "no answer in time")
            return None
        except (dns.exception.DNSException, OSError) as error:
            patience.tried("failed", str(error) or type(error).__name__)
            return None
        said = [IPv4Address(record.address) for record in answer.rrset or ()]
        if any(one in LISTED and one not in REFUSED for one in said):
            patience.answered("listed")
            return True
        if said:
            # A code of refusal, or an address that somebody puts in the place of "no such name".
            patience.tried("failed", f"it answers {said[0]}")
            return None
        patience.answered("clean")
        return False
