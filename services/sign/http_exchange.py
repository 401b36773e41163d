"""One question by HTTP/1.1 and its answer, for servers that may be anybody's.

Small and strict on purpose: nothing is decompressed, followed, remembered or taken from the environment, and memory is
bounded by what the caller says. Deadlines are the caller's. Not aiohttp: it reads heads with a parser in C, in the
process that holds the seal's key, and looks names up by itself.
"""

import asyncio
import re
import ssl
from functools import cache
from typing import Final

HEAD_OCTETS: Final = 16_384
"""Most of an answer's head, as much as of a line in a chunked body."""
_PIECE: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\Z")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\Z")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n\Z")


class ExchangeError(Exception):
    """No answer that can be used; one sentence about the server."""


class RedirectError(ExchangeError):
    """It says to ask elsewhere. Nobody does."""


class LengthError(ExchangeError):
    """Its answer is longer than what is read."""


@cache
def tls() -> ssl.SSLContext:
    """The host's authorities; certificate and name are checked."""
    return ssl.create_default_context()


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    authority: str,
    path: str,
    body: bytes,
    media_type: str,
    accept: str,
    limit: int,
    authorization: str = "",
) -> bytes:
    """Ask over a fresh connection, which is closed afterwards; POST if there is a body. The answer's body.

    `reader` must have been made with `limit=HEAD_OCTETS`.

    Raises:
        ExchangeError: the answer has another status than 200, is no HTTP, is encoded, or is longer than `limit` octets.
        OSError: the connection was lost.
    """
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        f"Host: {authority}",
        "User-Agent: saraban",
        f"Accept: {accept}",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        await writer.drain()
        return await answer(reader, limit)
    except (asyncio.IncompleteReadError, EOFError) as error:
        raise ExchangeError("its answer breaks off") from error
    except asyncio.LimitOverrunError as error:
        raise LengthError("its head does not end") from error
    except ssl.SSLError as error:
        raise ExchangeError(f"TLS: {error.reason}") from error
    finally:
        writer.transport.abort()  # nothing is owed to it: not a reply to its close_notify either


async def connect(
    address: str, port: int, server_name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to exactly this address; with TLS for `server_name` if that is given.

    Raises:
        OSError, ssl.SSLError: there is none.
    """
    context = tls() if server_name is not None else None
    return await asyncio.open_connection(address, port, limit=HEAD_OCTETS, ssl=context, server_hostname=server_name)


async def answer(reader: asyncio.StreamReader, limit: int) -> bytes:
    """The body of one answer. Raises ExchangeError, EOFError (IncompleteReadError), LimitOverrunError."""
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    status = _STATUS.match(head[0])
    if status is None:
        raise ExchangeError("its answer is no HTTP")
    code = int(status[1])
    if 300 <= code < 400:
        raise RedirectError(f"it answers {code}")
    if code != 200:
        raise ExchangeError(f"it answers {code}")
    fields: dict[bytes, list[bytes]] = {}
    for line in head[1:]:
        field = _FIELD.match(line)
        if field is None:
            raise ExchangeError("its answer is no HTTP")
        fields.setdefault(field[1].lower(), []).append(field[2])
    if any(value.lower() not in (b"", b"identity") for value in fields.get(b"content-encoding", ())):
        raise ExchangeError("its answer is encoded, which nobody asked for")
    if b"transfer-encoding" in fields:
        if [value.lower() for value in fields[b"transfer-encoding"]] != [b"chunked"] or b"content-length" in fields:
            raise ExchangeError("its answer has no length that can be told")
        return await _chunks(reader, limit)
    lengths = set(fields.get(b"content-length", ()))
    if not lengths:
        return await _rest(reader, limit)
    (text, *others) = lengths
    if others or not text.isdigit() or len(text) > 15:
        raise ExchangeError("its answer has no length that can be told")
    if int(text) > limit:
        raise LengthError(f"its answer has {int(text):,} octets")
    return await reader.readexactly(int(text))


async def _rest(reader: asyncio.StreamReader, limit: int) -> bytes:
    found = bytearray()
    while piece := await reader.read(_PIECE):
        found += piece
        if len(found) > limit:
            raise LengthError("its answer does not end")
    return bytes(found)


async def _chunks(reader: asyncio.StreamReader, limit: int) -> bytes:
    """RFC 9112 section 7.1; extensions and the trailer are not looked at, since the connection ends here."""
    found = bytearray()
    lines = 0
    while True:
        line = await reader.readuntil(b"\r\n")
        lines += len(line)
        if lines > limit:
            raise LengthError("its answer does not end")
        size = _SIZE.match(line)
        if size is None:
            raise ExchangeError("its answer is no HTTP")
        length = int(size[1], 16)
        if not length:
            return bytes(found)
        if len(found) + length > limit:
            raise LengthError("its answer does not end")
        found += await reader.readexactly(length)
        if await reader.readexactly(2) != b"\r\n":
            raise ExchangeError("its answer is no HTTP")
