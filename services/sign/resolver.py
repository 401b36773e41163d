"""The DNS, asked by the parent on the loop: explicit servers, a deadline for each letter, nothing searched."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextvars import Context

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver

from services.runtime.nameserver import nameserver
from services.sign import log
from services.sign.evidence import (
    ANSWERED,
    LIMIT,
    NODATA,
    NXDOMAIN,
    SERVFAIL,
    TIMEOUT,
    UNREACHABLE,
    Evidence,
)
from services.sign.questions import QUESTIONS, TYPES, NoAnswerError, Records

_ANSWERS = 50
"""Most records of one answer that are handed on."""
_PROBE_SECONDS = 2.0
"""How long the root's name may take, and the pause between two looks whether a server is there again."""
_FAILED_SECONDS = 10.0
"""How long a question that got no answer is not asked again (RFC 9520 section 3.2: 1 s to 5 minutes), so that a
hundred letters of one dead domain do not each wait for it."""
_FAILED = 2_000
"""Most such questions that are remembered."""
_OCTETS = 8_192
"""Most of one record; a DKIM key has half a KiB."""


class Resolver:
    """Answers the questions of letters, each within its own budget of time and number."""

    def __init__(self, servers: Sequence[str], seconds: float) -> None:
        """`servers` are HOST or HOST:PORT (IPv6 in brackets where a port follows); none: the host's own.

        Raises:
            ValueError: a server's name cannot be found, or its port is no number.
        """
        self._seconds = seconds
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = [nameserver(server) for server in servers]
        self._resolver.cache = dns.resolver.LRUCache(2_000)
        self._resolver.timeout = max(0.5, seconds / 4)
        self._resolver.set_flags(dns.flags.RD | dns.flags.AD)  # asks whether DNSSEC proves it (RFC 6840 section 5.7)
        self._failed: OrderedDict[tuple[dns.name.Name, str], tuple[float, str]] = OrderedDict()
        self._silent = False
        self._probing: asyncio.Task[None] | None = None

    @property
    def servers(self) -> bool:
        """Whether there is any server to ask."""
        return bool(self._resolver.nameservers)

    def letter(self, sender: str = "", seconds: float | None = None) -> "LetterQuestions":
        """The questions of one letter with this reverse-path, from now on; `seconds`, if it shall have fewer."""
        return LetterQuestions(self, time.monotonic() + min(seconds or self._seconds, self._seconds), Evidence(sender))

    async def resolve(self, name: dns.name.Name, kind: str, seconds: float) -> dns.resolver.Answer:
        """Ask. While no server answers anything, letters are not made to wait for each of their questions.

        Raises:
            NoAnswerError: no server is there at the moment.
            DNSException, TimeoutError, OSError: this question got no answer.
        """
        if self._silent:
            raise NoAnswerError(f"{kind}: no DNS server answers")
        until, status = self._failed.get((name, kind), (0.0, ""))
        if time.monotonic() < until:
            raise _FailedBeforeError(kind, status)
        try:
            async with asyncio.timeout(seconds):
                return await self._resolver.resolve(
                    name, kind, lifetime=seconds, search=False, raise_on_no_answer=False
                )
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.exception.DNSException, TimeoutError, OSError) as error:
            if seconds >= self._resolver.timeout:  # a letter whose time is nearly over proves nothing about the server
                self._remember(name, kind, _trouble(error))
            if isinstance(error, (dns.exception.Timeout, TimeoutError)) and (
                self._probing is None or self._probing.done()
            ):
                # The servers of one domain may be dead, or all of ours: the root's name tells which.
                # In a context of its own: its log lines are about no letter.
                self._probing = asyncio.create_task(self._probe(), name="dns", context=Context())
            raise

    def _remember(self, name: dns.name.Name, kind: str, status: str) -> None:
        self._failed[name, kind] = (time.monotonic() + _FAILED_SECONDS, status)
        self._failed.move_to_end((name, kind))
        if len(self._failed) > _FAILED:
            self._failed.popitem(last=False)

    async def close(self) -> None:
        """Stop looking for servers that do not answer."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait({self._probing})

    async def _probe(self) -> None:
        while not await self._answers():
            if not self._silent:
                self._silent = True
                log.dns_silent()
            await asyncio.sleep(_PROBE_SECONDS)
        if self._silent:
            self._silent = False
            self._failed.clear()
            log.dns_back()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._resolver.resolve(dns.name.root, "NS", lifetime=_PROBE_SECONDS, raise_on_no_answer=False)
        except (dns.exception.Timeout, TimeoutError, OSError):
            return False
        except dns.exception.DNSException:
            return True  # a refusal is an answer, and comes at once
        return True


class _FailedBeforeError(NoAnswerError):
    """The same question got no answer a moment ago."""

    def __init__(self, kind: str, status: str) -> None:
        super().__init__(f"{kind}: {status} a moment ago")
        self.status = status


class LetterQuestions:
    """What one letter may ask: so many questions, until this instant."""

    def __init__(self, resolver: Resolver, deadline: float, evidence: Evidence) -> None:
        self._resolver, self._deadline, self._left = resolver, deadline, QUESTIONS
        self.evidence = evidence

    async def ask(self, name: str, kind: str) -> Records:
        """The records; empty if there is none. What was said stays in `evidence`.

        Raises:
            NoAnswerError: the budget is used up, or no server answered.
        """
        self._left -= 1
        left = self._deadline - time.monotonic()
        if self._left < 0 or kind not in TYPES:
            self.evidence.note(name[:255], kind[:8], LIMIT)
            raise NoAnswerError(f"{kind}: no more questions for this letter")
        try:
            full = dns.name.from_text(name, dns.name.root)
        except (dns.exception.DNSException, UnicodeError, ValueError):
            return ()  # what is no name has no records
        shown = full.to_text(omit_final_dot=True)
        if left <= 0:
            self.evidence.note(shown, kind, TIMEOUT)
            raise NoAnswerError(f"{kind}: no more time for this letter")
        try:
            answer = await self._resolver.resolve(full, kind, left)
        except dns.resolver.NXDOMAIN:
            self.evidence.note(shown, kind, NXDOMAIN)
            return ()
        except (NoAnswerError, dns.exception.DNSException, TimeoutError, OSError) as error:
            self.evidence.note(shown, kind, _trouble(error))
            if isinstance(error, NoAnswerError):
                raise
            raise NoAnswerError(f"{kind}: {type(error).__name__}") from error
        records = tuple(_text(kind, record)[:_OCTETS] for record in list(answer.rrset or ())[:_ANSWERS])
        proven = bool(answer.response.flags & dns.flags.AD)
        self.evidence.note(shown, kind, ANSWERED if records else NODATA, records, authentic=proven)
        return records


def _trouble(error: Exception) -> str:
    if isinstance(error, _FailedBeforeError):
        return error.status
    if isinstance(error, (dns.exception.Timeout, TimeoutError)):
        return TIMEOUT
    if isinstance(error, dns.resolver.NoNameservers):
        return SERVFAIL
    return UNREACHABLE


def _text(kind: str, record: object) -> str:
    if kind in ("TXT", "SPF"):
        return b"".join(record.strings).decode("latin-1")  # type: ignore[attr-defined]  # dnspython types by name only
    if kind == "MX":
        return f"{record.preference} {record.exchange.to_text(True)}"  # type: ignore[attr-defined]  # the same
    if kind == "PTR":
        return str(record.target.to_text(True))  # type: ignore[attr-defined]  # the same
    return str(record.address)  # type: ignore[attr-defined]  # the same
