"""One score of rspamd (https://rspamd.com/doc/developers/protocol.html). Loaded only where the operator asks one."""

import asyncio
import io
import sys
from typing import Final

import msgspec
from msgspec import Struct

if sys.modules.get("aiohttp", io) is None:
    del sys.modules["aiohttp"]  # services/cli.py keeps it from nats-py, which has no use for it

import aiohttp

from services.ingest.content import Content
from services.ingest.patience import Patience
from services.ingest.transaction import Transaction

LETTER_BYTES: Final = 2_097_152
"""Larger letters are not shown: spam is small, and of a part of a letter every DKIM signature would be broken."""

QUESTIONS: Final = 16
"""At once: each holds a second copy of its letter."""

ANSWER_BYTES: Final = 1_048_576
RECIPIENTS: Final = 100
"""So many are named."""


class _Verdict(Struct):
    """What of the answer counts. `is_skipped` does not: it is true for a letter that is rejected at first sight."""

    score: float


class Rspamd:
    """A worker of rspamd. Made inside a running loop."""

    def __init__(self, url: str, limit: float, seconds: float) -> None:
        self._url = url.rstrip("/") + "/checkv2"
        self._limit = limit
        self._seconds = seconds
        self._patience = Patience("rspamd", url)
        self._turns = asyncio.Semaphore(QUESTIONS)
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def score(
        self, address: str, helo: str, tls: str, transaction: Transaction, content: Content
    ) -> float | None:
        """The letter's score; None without an answer in time. Never fails; the content stays as it is."""
        if content.size > LETTER_BYTES or not self._patience.left():
            return None
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                found = await self._ask(_envelope(address, helo, tls, transaction), content)
        except TimeoutError:
            self._patience.tried("silent", "no answer in time")
            return None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._patience.tried("failed", str(error) or type(error).__name__)
            return None
        self._patience.answered("listed" if found >= self._limit else "clean")
        return found

    async def close(self) -> None:
        """Let go of its connections."""
        await self._session.close()

    async def _ask(self, envelope: list[tuple[str, str]], content: Content) -> float:
        letter = io.BytesIO(b"".join(content.pieces()))
        async with self._session.post(self._url, data=letter, headers=envelope, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            said = bytearray()
            async for piece in answer.content.iter_any():
                said += piece
                if len(said) > ANSWER_BYTES:
                    raise ValueError("its answer does not end")
        return msgspec.json.decode(said, type=_Verdict).score


def _envelope(address: str, helo: str, tls: str, transaction: Transaction) -> list[tuple[str, str]]:
    named = [to for addressee in transaction.addressees.values() for to in addressee.recipients]
    said = [
        ("IP", address),
        ("Helo", helo),
        ("From", transaction.sender or "<>"),
        *(("Rcpt", to) for to in named[:RECIPIENTS]),
        ("TLS-Version", tls),
        ("Content-Type", "message/rfc822"),
    ]
    return [(name, value) for name, value in said if value]
