"""Fetches for letters what their certificates point to: by the rules of fetch_addresses.py, within a letter's budget.

In the parent, since the child has no network. What comes back is only carried: who reads it is the child.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from typing import Final

from services.sign import fetch_addresses, http_exchange, log, metrics
from services.sign.fetch_addresses import Hosts, Target
from services.sign.fetch_questions import BODY_OCTETS, FETCHES, Cause, Kind, NotFetchedError
from services.sign.http_exchange import ExchangeError, LengthError, RedirectError
from services.sign.resolver import Resolver
from services.sign.revocation_cache import RevocationCache

AT_ONCE: Final = 16
"""Connections at once. A letter asks one thing after the other, so this is seldom reached."""
WAITING: Final = 64
"""Most answers that are under way or waited for; beyond it there is none."""
ATTEMPTS: Final = 2
"""Most addresses of one name that are tried."""
SILENT_SECONDS: Final = 60.0
"""For so long an answer that did not come is not asked for again."""
REMEMBERED: Final = 1_000

_ACCEPT: Final[dict[Kind, str]] = {
    "crl": "application/pkix-crl",
    "ocsp": "application/ocsp-response",
    "issuer": "application/pkix-cert, application/pkcs7-mime",
}
_OCTETS: Final[dict[Kind, int]] = {"ocsp": 65_536, "issuer": 262_144}
"""Where no answer is ever as long as a CRL: an OCSP answer with its responder's chain has 2 to 8 KB."""
_REQUEST_TYPE: Final = "application/ocsp-request"


class Fetcher:
    """Asks servers for letters. Nothing is asked twice at once, and nothing again that just failed."""

    def __init__(
        self,
        resolver: Resolver,
        cache: RevocationCache,
        *,
        seconds: float,
        octets: int,
        hosts: Sequence[str] = (),
    ) -> None:
        """`seconds`: of waiting a letter may cost; `octets`: most of one answer; `hosts`: those the operator names.

        Raises:
            ValueError: an entry of `hosts` is not HOST or HOST:PORT.
        """
        self._resolver, self._cache, self._octets = resolver, cache, octets
        self.seconds = seconds
        self._hosts = Hosts(hosts)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        self._failed: OrderedDict[str, tuple[float, Cause]] = OrderedDict()

    async def open(self) -> None:
        """Take up what was fetched before."""
        await self._cache.open()

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def letter(self) -> "LetterFetches":
        """What one letter may ask for, from now on."""
        return LetterFetches(self)

    async def fetch(self, kind: Kind, url: str, body: bytes, seconds: float) -> bytes:
        """The answer, from the cache or from where the URL leads.

        Raises:
            NotFetchedError: there is none within `seconds`, or it is not asked for.
        """
        try:
            found, outcome = await self._fetched(kind, url, body, seconds)
        except NotFetchedError as error:
            metrics.FETCHES.labels(kind, error.cause).inc()
            raise
        metrics.FETCHES.labels(kind, outcome).inc()
        return found

    async def keep(self, kind: Kind, url: str, body: bytes, seconds: float) -> None:
        """An answer proved useful, and will for so long."""
        await self._cache.keep(_key(kind, url, body), seconds)

    async def _fetched(self, kind: Kind, url: str, body: bytes, seconds: float) -> tuple[bytes, str]:
        if len(body) > BODY_OCTETS or (kind == "ocsp") != bool(body):
            raise NotFetchedError("address", "is no question of this kind")
        key = _key(kind, url, body)
        if (found := await self._cache.get(key)) is not None:
            return found, "cached"
        try:
            target = fetch_addresses.target(url, self._hosts)
        except NotFetchedError as error:
            log.not_fetched("", error.cause, f"{kind}: {error}")
            raise
        self._check_remembered(key, target)
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= WAITING:
                raise NotFetchedError("number", "too much is under way")
            # In a context of its own: it may be waited for by several letters.
            task = asyncio.create_task(self._ask(key, kind, target, body), name="fetch", context=Context())
            self._under_way[key] = task
            task.add_done_callback(lambda ended: self._ended(key, ended))
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise NotFetchedError("silent", f"{target.host}: no answer in time")
        if task.cancelled():
            raise NotFetchedError("failed", "the service ends")
        return task.result(), "fetched"

    def _ended(self, key: str, task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited may have left

    async def _ask(self, key: str, kind: Kind, target: Target, body: bytes) -> bytes:
        """Look the name up, connect to what was checked, ask."""
        connected = False
        # Not what the letter has left: a host that was given no time would be called silent, and left alone for others.
        seconds = self.seconds / 2
        try:
            async with asyncio.timeout(seconds), self._turns:
                found = await fetch_addresses.addresses(target, self._resolver, seconds * 0.6)
                reader, writer = await self._connected(target, found[:ATTEMPTS], seconds / 2)
                connected = True
                answer = await http_exchange.exchange(
                    reader,
                    writer,
                    authority=target.authority,
                    path=target.path,
                    body=body,
                    media_type=_REQUEST_TYPE,
                    accept=_ACCEPT[kind],
                    limit=min(_OCTETS.get(kind, self._octets), self._octets),
                )
        except NotFetchedError as error:
            raise self._remember(key, target, error, everything=False) from error
        except TimeoutError as error:
            failed = NotFetchedError("silent", f"{target.host}: no answer within {seconds:g} s")
            raise self._remember(key, target, failed, everything=not connected) from error
        except OSError as error:
            failed = NotFetchedError("failed", f"{target.host}: {error.strerror or type(error).__name__}")
            raise self._remember(key, target, failed, everything=not connected) from error
        except ExchangeError as error:
            cause: Cause = (
                "redirect"
                if isinstance(error, RedirectError)
                else "size"
                if isinstance(error, LengthError)
                else "failed"
            )
            failed = NotFetchedError(cause, f"{target.host}: {error}")
            raise self._remember(key, target, failed, everything=False) from error
        await self._cache.put(key, answer)
        return answer

    async def _connected(
        self, target: Target, found: Sequence[fetch_addresses.Address], seconds: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failed: OSError | None = None
        for address in found:
            try:
                async with asyncio.timeout(seconds / len(found)):
                    reader, writer = await http_exchange.connect(
                        str(address), target.port, target.host if target.secure else None
                    )
            except (OSError, TimeoutError) as error:
                failed = error
                continue
            if not target.named and writer.get_extra_info("sockname")[0] == writer.get_extra_info("peername")[0]:
                writer.transport.abort()
                raise NotFetchedError("address", f"{target.host} is this machine")
            return reader, writer
        raise failed or OSError("no address")

    def _check_remembered(self, key: str, target: Target) -> None:
        for one in (key, f"{target.host}:{target.port}"):
            until, cause = self._failed.get(one, (0.0, "failed"))
            if until > time.monotonic():
                raise NotFetchedError(cause, f"{target.host}: asked a moment ago")

    def _remember(self, key: str, target: Target, error: NotFetchedError, *, everything: bool) -> NotFetchedError:
        """Not again for a while; nothing at all from a host where nobody was reached."""
        self._failed[f"{target.host}:{target.port}" if everything else key] = (
            time.monotonic() + SILENT_SECONDS,
            error.cause,
        )
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)
        log.not_fetched(target.host, error.cause, str(error))
        return error


class LetterFetches:
    """What one letter may ask for: so many answers, so many octets, so much waiting."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._left = FETCHES
        self._seconds = fetcher.seconds

    async def fetch(self, kind: Kind, url: str, body: bytes) -> bytes:
        """The answer.

        Raises:
            NotFetchedError: there is none, or the budget is used up.
        """
        self._left -= 1
        if self._left < 0 or self._seconds <= 0:
            metrics.FETCHES.labels(kind, "number").inc()
            raise NotFetchedError("number", "no more for this letter")
        began = time.monotonic()
        try:
            return await self._fetcher.fetch(kind, url, body, self._seconds)
        finally:
            self._seconds -= time.monotonic() - began

    async def keep(self, kind: Kind, url: str, body: bytes, seconds: float) -> None:
        """See `Fetcher.keep`."""
        with suppress(OSError):
            await self._fetcher.keep(kind, url, body, seconds)


def _key(kind: Kind, url: str, body: bytes) -> str:
    parts = (kind.encode(), url.encode("utf-8", "surrogatepass"), body)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
