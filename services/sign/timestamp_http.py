"""RFC 3161 section 3.4: the question to an authority by HTTP."""

import base64
from typing import Final
from urllib.parse import unquote, urlsplit

from services.sign import http_exchange
from services.sign.http_exchange import ExchangeError

ANSWER_BYTES: Final = 65_536
"""A token with its chain has 3 to 8 KB."""
_PORTS: Final = {"http": 80, "https": 443}


class Http:
    """A connection for each question: a head is stamped some times a minute. The deadline is the caller's."""

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer's body. No redirect is followed, nothing decompressed, and no more than ANSWER_BYTES are read.

        Raises:
            ValueError: there is none; one sentence.
            OSError: it could not be reached.
        """
        found = urlsplit(url)
        if found.scheme not in _PORTS or not found.hostname:
            raise ValueError("its URL is not of HTTP")
        secure = found.scheme == "https"
        reader, writer = await http_exchange.connect(
            found.hostname, found.port or _PORTS[found.scheme], found.hostname if secure else None
        )
        try:
            return await http_exchange.exchange(
                reader,
                writer,
                authority=found.netloc.rpartition("@")[2],
                path=(found.path or "/") + (f"?{found.query}" if found.query else ""),
                body=body,
                media_type="application/timestamp-query",
                accept="application/timestamp-reply",
                limit=ANSWER_BYTES,
                authorization=_authorization(found.username, found.password),
            )
        except ExchangeError as error:
            raise ValueError(str(error)) from error

    async def close(self) -> None:
        """There is nothing to let go of."""


def _authorization(user: str | None, password: str | None) -> str:
    """RFC 7617, for an authority whose URL names a user: some ask for one."""
    if user is None:
        return ""
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode("ascii")
