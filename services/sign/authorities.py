"""The time-stamping authorities: asked in the order of the settings, left alone for a while when they fail."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from services.sign import log, metrics
from services.sign.press import Press
from services.sign.timestamp_token import Request, TokenError
from services.sign.trust import TrustStore

AT_ONCE: Final = 4
FIRST_PAUSE_SECONDS: Final = 5.0
LAST_PAUSE_SECONDS: Final = 120.0
TOTAL_SECONDS: Final = 20.0
"""What all authorities together may take of the minute that a head has."""


class Transport(Protocol):
    """How an authority is reached (timestamp_http.py)."""

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer's body. Raises OSError or ValueError."""

    async def close(self) -> None:
        """Let go of the connections."""


class _Authority:
    """One of them, and how it did."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.silent_until = 0.0
        self._pause = 0.0

    def failed(self, index: int, cause: str, reason: str) -> None:
        metrics.TIMESTAMP_FAILURES.labels(str(index), cause).inc()
        if not self._pause:
            log.timestamp_failed(self.url, reason)
        self._pause = min(LAST_PAUSE_SECONDS, self._pause * 2 or FIRST_PAUSE_SECONDS)
        self.silent_until = time.monotonic() + self._pause

    def answered(self, index: int) -> None:
        metrics.TIMESTAMPS.labels(str(index)).inc()
        if self._pause:
            log.timestamp_back(self.url)
        self._pause = self.silent_until = 0.0


class Authorities:
    """Tokens from whichever answers first in the order of the settings."""

    def __init__(
        self, urls: Sequence[str], seconds: float, trust: TrustStore, press: Press, transport: Transport
    ) -> None:
        self._authorities = [_Authority(url) for url in urls]
        self._seconds = seconds
        self._trust = trust.for_agency("")  # heads are no agency's letters
        self._press = press
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._transport = transport

    @property
    def willing(self) -> bool:
        """Whether one of them would be asked at this moment."""
        return any(one.silent_until <= time.monotonic() for one in self._authorities)

    def trust(self, store: TrustStore) -> None:
        """From the next token on their certificates must chain to this store."""
        self._trust = store.for_agency("")

    async def stamp(self, octets: bytes) -> bytes | None:
        """A checked token over `octets`; None if nobody gives one in time. Never fails."""
        if not self.willing:
            return None
        try:
            async with asyncio.timeout(TOTAL_SECONDS), self._turns:
                for index, authority in enumerate(self._authorities):
                    if authority.silent_until > time.monotonic():
                        continue
                    token = await self._ask(index, authority, octets)
                    if token is not None:
                        return token
        except TimeoutError:
            return None
        return None

    async def close(self) -> None:
        """Let go of their connections."""
        await self._transport.close()

    async def _ask(self, index: int, authority: _Authority, octets: bytes) -> bytes | None:
        request = Request(octets)
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._transport.post(authority.url, request.body)
        except TimeoutError:
            authority.failed(index, "silent", f"no answer within {self._seconds:g} s")
            return None
        except (OSError, ValueError) as error:
            authority.failed(index, "failed", str(error) or type(error).__name__)
            return None
        try:
            token = await self._press.beside(request.token, answer, self._trust, datetime.now(UTC))
        except TokenError as error:
            authority.failed(index, "refused", str(error))
            return None
        authority.answered(index)
        return token
