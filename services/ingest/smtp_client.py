"""An SMTP client for handing a letter on while its sender waits: octet-exact, a deadline and a bound on everything.

Not aiosmtplib: a PROXY header has to go before the greeting, its `data` rewrites line ends (which breaks DKIM), it has
no BDAT, and it wants a letter in one piece.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple, cast

CONNECT_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 5.0
"""A server that does not read our QUIT is dropped."""

LINE_OCTETS: Final = 4_096
REPLY_LINES: Final = 100
INPUT_OCTETS: Final = 65_536
"""Of replies that nobody has read yet; more is no SMTP server."""
BLOCK_OCTETS: Final = 262_144

_REPLY: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_STATUS: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|\Z)")
_NOT_SHOWN: Final = re.compile(r"[^\x20-\x7e]")
_NOT_ONE_LINE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class GoneError(Exception):
    """The server does not answer, or not as SMTP does; the text says what happened."""


class Answer(NamedTuple):
    """A whole reply."""

    code: int
    status: str
    """Enhanced status code of its first line, empty where it has none."""
    lines: tuple[str, ...]
    """Printable ASCII, without the status."""

    @property
    def text(self) -> str:
        """Its lines as one."""
        return " ".join(line for line in self.lines if line)


class SmtpClient(asyncio.Protocol):
    """One connection. Every method that waits has a deadline and raises GoneError."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._wire = asyncio.Transport()
        self._input = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._choked = False
        self._over = ""
        self._in_content = False
        self.extensions: dict[str, str] = {}
        """What EHLO offered: keyword in capitals, and what stands behind it."""
        self.name = ""
        """What the server calls itself in its answer to EHLO."""

    # --- what the loop calls ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class

    def data_received(self, data: bytes) -> None:
        """Replies wait until somebody reads them."""
        self._input += data
        if len(self._input) > INPUT_OCTETS:
            self._over = "sends without end"
            self._wire.abort()
        self._wake()

    def eof_received(self) -> None:
        """The server has closed; what it has said is still read."""
        self._over = self._over or "closed the connection"
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._over = self._over or (repr(error) if error else "closed the connection")
        self._wake()

    def pause_writing(self) -> None:
        """The server does not read."""
        self._choked = True

    def resume_writing(self) -> None:
        """The server reads again."""
        self._choked = False
        self._wake()

    # --- a session ----------------------------------------------------------------------------------------------------

    @staticmethod
    async def connect(host: str, port: int, seconds: float) -> "SmtpClient":
        """Connect; `seconds` is the deadline of each command to come."""
        client = SmtpClient(seconds)
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, seconds)):
                await asyncio.get_running_loop().create_connection(lambda: client, host, port)
        except (OSError, TimeoutError) as error:
            client.abort()
            raise GoneError(f"cannot be reached: {error!r}") from error
        return client

    @property
    def quiet(self) -> bool:
        """Whether the connection stands and the server has said nothing that it was not asked for (such as 421)."""
        return not self._over and not self._input

    @property
    def place(self) -> str:
        """The server's address."""
        return str((self._wire.get_extra_info("peername") or ("",))[0])

    def say(self, octets: bytes) -> None:
        """Send octets that have no reply of their own."""
        if not self._over:
            self._wire.write(octets)

    async def ask(self, command: str, seconds: float | None = None) -> Answer:
        """Send a command and return the reply."""
        if _NOT_ONE_LINE.search(command):
            raise GoneError("was not asked: the command would not be one line")
        if self._input and not self._input.startswith(b"4"):
            raise GoneError("said something that it was not asked")  # its answers would be one behind for ever
        self.say(command.encode() + b"\r\n")
        return await self.answer(seconds)

    async def answer(self, seconds: float | None = None) -> Answer:
        """The next whole reply."""
        lines: list[str] = []
        code = 0
        try:
            async with asyncio.timeout(seconds or self._seconds):
                while True:
                    found = _REPLY.fullmatch(await self._line())
                    if found is None or (lines and int(found[1]) != code):
                        raise GoneError("does not speak SMTP")
                    if len(lines) >= REPLY_LINES:
                        raise GoneError("says a reply without end")
                    code = int(found[1])
                    lines.append((found[3] or b"").decode("utf-8", "replace").rstrip())
                    if found[2] != b"-":
                        break
        except TimeoutError:
            raise GoneError("does not answer in time") from None
        status = _STATUS.match(lines[0])
        shown = (_NOT_SHOWN.sub("?", _STATUS.sub("", line, count=1)) for line in lines)
        return Answer(code, status[1] if status else "", tuple(shown))

    async def hello(self, name: str) -> Answer:
        """EHLO, or HELO where the server knows no other (RFC 5321 section 3.2); take in what it offers."""
        said = await self.ask(f"EHLO {name}")
        if said.code >= 500:
            helo = await self.ask(f"HELO {name}")
            said = helo if helo.code == 250 else said
        offered = [line.split(None, 1) for line in said.lines[1:] if line.strip()]
        self.extensions = {words[0].upper(): words[1] if len(words) > 1 else "" for words in offered}
        self.name = said.lines[0].split(" ")[0]
        return said

    async def begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; what was said in clear behind the reply to STARTTLS would be taken as said under TLS."""
        if self._input:
            raise GoneError("said something before the TLS handshake")
        try:
            async with asyncio.timeout(self._seconds):
                transport = await asyncio.get_running_loop().start_tls(
                    self._wire, self, context, server_hostname=host, ssl_handshake_timeout=min(60.0, self._seconds)
                )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            raise GoneError(f"has no TLS that can be trusted: {error!r}") from error
        if transport is None or self._over:
            raise GoneError(self._over or "closed the connection")
        self._wire = transport

    # --- the letter ---------------------------------------------------------------------------------------------------

    async def hand_over(self, octets: int, pieces: Iterable[bytes], wanted: Callable[[], bool], last: float) -> Answer:
        """Send a letter and return the reply: by BDAT where that is offered, so that no octet changes, else by DATA.

        `wanted` is asked before the very end goes out: where it says no, the letter is left unfinished, so that the
        server forgets it, and GoneError is raised. `last` is the deadline of the final reply.
        """
        if "CHUNKING" in self.extensions:
            self._in_content = True
            self.say(f"BDAT {octets} LAST\r\n".encode())
        else:
            said = await self.ask("DATA")
            if said.code < 400 and said.code != 354:
                raise GoneError(f"answered DATA with {said.code}")  # as a reply to the letter it would lose it
            if said.code != 354:
                return said
            self._in_content = True
            pieces = stuffed(pieces)
        whole = await self._send(pieces, wanted)
        said = await self.answer(last if whole else None)
        if not whole and said.code < 400:
            raise GoneError("ended in the middle of the letter")
        self._in_content = False
        return said

    async def _send(self, pieces: Iterable[bytes], wanted: Callable[[], bool]) -> bool:
        """Write at the pace that the server reads; say whether all of it went out."""
        held = b""
        for block in chain(_blocks(pieces), (b"",)):
            if not block and not wanted():
                raise GoneError("was not told the end: nobody waits for the answer")
            if not block and self._input:
                return False  # it answers what it has not heard yet
            self.say(held)
            held = block
            if self._choked:
                try:
                    async with asyncio.timeout(self._seconds):
                        while self._choked and not self._over:
                            await self._wait()
                except TimeoutError:
                    raise GoneError("does not read") from None
            if self._over:
                return False
        return True

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Say QUIT and leave without waiting; in the middle of a letter leave at once, so that it is no letter."""
        if self._in_content or self._over:
            self.abort()
            return
        self.say(b"QUIT\r\n")
        self._over = "was left"
        self._wire.close()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._wire.abort)

    def abort(self) -> None:
        """Leave at once."""
        self._over = self._over or "was left"
        if type(self._wire) is not asyncio.Transport:  # there never was a connection
            self._wire.abort()

    # --- hearing ------------------------------------------------------------------------------------------------------

    async def _line(self) -> bytes:
        while True:
            end = self._input.find(b"\n", 0, LINE_OCTETS) + 1
            if end:
                line = bytes(self._input[:end])
                del self._input[:end]
                return line.rstrip(b"\r\n")
            if self._over or len(self._input) >= LINE_OCTETS:
                raise GoneError(self._over or "says a line without end")
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A letter as DATA carries it, with its end: dots that begin a line doubled, nothing else touched.

    A letter that does not end with CRLF gets one; DATA cannot say it otherwise (RFC 5321 section 4.1.1.4).
    """
    before = b"\r\n"
    for piece in pieces:
        joined = before + piece
        yield joined.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = joined[-2:]
    yield b".\r\n" if before == b"\r\n" else b"\r\n.\r\n"


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for at in range(0, len(piece), BLOCK_OCTETS):
            yield piece if len(piece) <= BLOCK_OCTETS else piece[at : at + BLOCK_OCTETS]
