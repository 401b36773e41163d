"""RFC 3161 section 3.4: the question to an authority by HTTP. Loaded only where the operator names one."""

import io
import sys
from typing import Final

if sys.modules.get("aiohttp", io) is None:
    del sys.modules["aiohttp"]  # services/cli.py keeps it from nats-py, which has no use for it

import aiohttp

ANSWER_BYTES: Final = 65_536
"""A token with its chain has 3 to 8 KB."""

_HEADERS: Final = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


class Http:
    """Connections to the authorities. Made inside a running loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer's body. No redirect is followed, and no more than ANSWER_BYTES are read.

        Raises:
            ValueError: there is none; one sentence.
            OSError: it could not be reached.
        """
        try:
            async with self._session.post(url, data=body, headers=_HEADERS, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise ValueError(f"it answers {answer.status}")
                said = bytearray()
                async for piece in answer.content.iter_any():
                    said += piece
                    if len(said) > ANSWER_BYTES:
                        raise ValueError("its answer does not end")
                return bytes(said)
        except aiohttp.ClientError as error:
            raise ValueError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Let go of them."""
        await self._session.close()
