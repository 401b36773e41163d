"""Questions to the DNS, each with a deadline. No answer is said as such: it is never taken for "there is none"."""

import asyncio
from typing import Final, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from services.runtime.nameserver import nameserver

_AT_ONCE: Final = 8
_RECORDS: Final = 50
"""Most records of one answer that are looked at."""


class Answer(NamedTuple):
    """What the DNS has under a name; no records where the name or the type does not exist."""

    records: tuple[str, ...] = ()
    ttl: int = 0
    """As the answer had it: a cache counts down, so the zone's own may be larger."""
    alias: str = ""
    """The name that it is an alias (CNAME) of."""


class SilenceError(Exception):
    """No answer; whether there is a record is not known."""


class Lookup:
    """Asks one resolver, or the host's own."""

    def __init__(self, server: str, seconds: float) -> None:
        """`server` is HOST or HOST:PORT; empty: the host's own. Raises ValueError where there is no such server."""
        self._seconds = seconds
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not server)
        except dns.resolver.NoResolverConfiguration as error:
            raise ValueError("this host names no resolver") from error
        if server:
            self._resolver.nameservers = [nameserver(server)]
        self._resolver.cache = dns.resolver.LRUCache(1_000)
        self._resolver.timeout = max(0.2, seconds / 3)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of a name.

        Raises:
            SilenceError: the servers failed, refused, or did not answer in time.
        """
        try:
            full = dns.name.from_text(name, dns.name.root)
        except (dns.exception.DNSException, UnicodeError, ValueError):
            return Answer()  # what is no name has no records
        try:
            async with self._places, asyncio.timeout(self._seconds + 1):
                answer = await self._resolver.resolve(
                    full, kind, lifetime=self._seconds, search=False, raise_on_no_answer=False
                )
        except dns.resolver.NXDOMAIN:
            return Answer()
        except (dns.exception.Timeout, TimeoutError) as error:
            raise SilenceError(f"no answer to {name} {kind} in {self._seconds:g} s") from error
        except (dns.exception.DNSException, OSError) as error:
            raise SilenceError(f"{name} {kind}: {_reason(error)}") from error
        alias = "" if answer.canonical_name == full else answer.canonical_name.to_text(True).lower()
        if answer.rrset is None:
            return Answer(alias=alias)
        return Answer(tuple(sorted(_text(kind, one) for one in answer.rrset))[:_RECORDS], answer.rrset.ttl, alias)

    async def addresses(self, name: str) -> Answer:
        """A and AAAA of a name together. Raises SilenceError."""
        four, six = await asyncio.gather(self.ask(name, "A"), self.ask(name, "AAAA"))
        return Answer(four.records + six.records, min(four.ttl, six.ttl), four.alias or six.alias)


def _reason(error: Exception) -> str:
    if isinstance(error, dns.resolver.NoNameservers):
        said = {str(entry[3]) for entry in error.kwargs.get("errors", ())}
        return "the resolver says " + ", ".join(sorted(said)) if said else "no resolver answers"
    return str(error) or type(error).__name__


def _text(kind: str, record: object) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]  # dnspython types by name only
    if kind == "MX":
        host = record.exchange.to_text(True).lower()  # type: ignore[attr-defined]  # the same
        return f"{record.preference} {'.' if host == '@' else host}"  # type: ignore[attr-defined]  # the same
    return str(record.address)  # type: ignore[attr-defined]  # the same
