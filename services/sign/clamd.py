"""What ClamAV's daemon says of a letter: asked by the parent, beside the examination in the child.

The octets go as they are stored, by INSTREAM (clamd(8)); clamd undoes the mail itself. A letter never waits long for
it: what has no answer in time is labelled as not scanned, and goes on.
"""

import asyncio
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, Literal

import msgspec

from contracts.findings import Findings, Scan
from contracts.findings import Warning as Said
from contracts.values import instant
from services.runtime.config import host_port
from services.sign import log, metrics
from services.sign.thai import scrub, tidy
from services.sign.warnings import warning

GREETING_SECONDS: Final = 5.0
"""Deadline of the question whether it is there; it answers that one beside its scans."""

AGAIN_SECONDS: Final = 1.0
"""Pause before a clamd that does not answer is asked again."""

PROBE_SECONDS: Final = 10.0
"""A clamd that was waited for in vain is asked by one letter in this time; the others go on at once."""

SLOW: Final = 3
"""After so many scans in turn without a result a clamd that says its version counts as away all the same."""

ANSWER_OCTETS: Final = 4_096
PIECE_OCTETS: Final = 1 << 18

MAIL_MARK: Final = b"Received: by saraban\r\n"
"""Goes before the letter: clamd opens the parts of what begins like a mail, and a letter may begin with any field."""

Reason = Literal["too_large", "unreachable", "too_slow", "failed"]

REASONS: Final[dict[Reason, tuple[str, str]]] = {
    "too_large": ("ใหญ่เกินกว่าที่โปรแกรมตรวจรับได้", "it is too large for the scanner"),
    "unreachable": ("ติดต่อโปรแกรมตรวจไม่ได้", "the scanner did not answer"),
    "too_slow": ("โปรแกรมตรวจใช้เวลาเกินกำหนด", "the scanner took too long"),
    "failed": ("โปรแกรมตรวจทำงานไม่สำเร็จ", "the scanner failed"),
}

_LIMITS: Final = "Heuristics.Limits.Exceeded"
_PROPERTIES: Final = ("Heuristics.Encrypted.", "Heuristics.OLE2.ContainsMacros", "Heuristics.Structured.")
"""What clamd reports as found, if so configured, though it is no malware: locked, with macros, with card numbers."""

_FOUND: Final = re.compile(r"stream: (?P<name>.+?)(?:\([0-9a-f]{32}:\d+\))? FOUND")


def longest_seconds(seconds: float, wait: float) -> float:
    """The longest that `Clamd.scan` with these deadlines takes."""
    return wait + 2 * GREETING_SECONDS + 2 * seconds


class Clamd:
    """One clamd, by its socket's path or by HOST:PORT."""

    def __init__(self, place: str, seconds: float, wait: float) -> None:
        """Letters wait `wait` seconds for one that is away, counted from its first silence; a scan takes `seconds`.

        Raises:
            ValueError: `place` is neither.
        """
        self._place, self._seconds, self._wait = place, seconds, wait
        self._address = None if place.startswith("/") else host_port(place)
        self._silent_since: float | None = None
        self._asked = 0.0
        self._slow = 0

    async def scan(self, octets: bytes) -> tuple[Scan, Said | None]:
        """What it says of these octets, and what an officer should be warned of. Raises for nothing."""
        if self._slow >= SLOW and time.monotonic() - self._asked < PROBE_SECONDS:
            return _not_scanned("unreachable", "")
        scanner = await self._greeted()
        if not scanner:
            return _not_scanned("unreachable", "")
        with metrics.SCANNING.time():
            for left in (1, 0):
                try:
                    async with asyncio.timeout(self._seconds):
                        found = _judged(await self._ask(b"zINSTREAM\0", octets), scanner)
                    self._slow = 0
                except TimeoutError:
                    self._slow += 1
                    log.not_scanned("too_slow", f"{self._seconds:g} s")
                    return _not_scanned("too_slow", scanner)
                except (OSError, ValueError) as error:
                    # It may have been ended in the middle of this letter: once more, if it is there.
                    if not left or not await self._greeted():
                        log.not_scanned("failed", str(error))
                        return _not_scanned("failed", scanner)
                else:
                    return found
        raise AssertionError("the second attempt returns")

    async def _greeted(self) -> str:
        """What it says it is; empty if it does not answer, after waiting for it as long as letters may."""
        while True:
            now = time.monotonic()
            given_up = self._silent_since is not None and now >= self._silent_since + self._wait
            if given_up and now - self._asked < PROBE_SECONDS:
                return ""
            self._asked = now
            try:
                async with asyncio.timeout(GREETING_SECONDS):
                    said = await self._version()
            except (OSError, ValueError) as error:  # TimeoutError is an OSError
                if self._silent_since is None:
                    self._silent_since = now
                    log.scanner_silent(self._place, str(error) or type(error).__name__)
                left = self._silent_since + self._wait - time.monotonic()
                if left <= 0:
                    return ""
                await asyncio.sleep(min(AGAIN_SECONDS, left))
                continue
            if self._silent_since is not None:
                self._silent_since = None
                log.scanner_back(self._place)
            return said

    async def _version(self) -> str:
        said = (await self._ask(b"zVERSION\0", None)).decode("utf-8", "replace")
        if not said.startswith("ClamAV"):
            raise ValueError(f"no clamd: {said[:80]!r}")
        return tidy(scrub(said))[:200]

    async def _ask(self, command: bytes, body: bytes | None) -> bytes:
        """Its answer to one command on a connection of its own. Raises OSError, or ValueError for an empty one."""
        loop = asyncio.get_running_loop()
        with await self._connected(loop) as connection:
            try:
                await loop.sock_sendall(connection, command)
                if body is not None:
                    for piece in _pieces(body):
                        await loop.sock_sendall(connection, piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has answered before it had everything: too large
            said = bytearray()
            while b"\0" not in said and len(said) < ANSWER_OCTETS:
                piece = await loop.sock_recv(connection, ANSWER_OCTETS)
                if not piece:
                    break
                said += piece
        answer = bytes(said).partition(b"\0")[0]
        if not answer:
            raise ValueError("clamd ended the connection without an answer")
        return answer

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        if self._address is None:
            return await _connect(loop, socket.AF_UNIX, self._place)
        host, port = self._address
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, _, _, _, address in found[:-1]:
            try:
                return await _connect(loop, family, address)
            except OSError:
                continue  # the next of its addresses
        family, _, _, _, address = found[-1]
        return await _connect(loop, family, address)


class Scanning:
    """A scan that runs beside the examination."""

    def __init__(self, running: "asyncio.Task[tuple[Scan, Said | None]] | None") -> None:
        self._running = running

    async def added_to(self, found: Findings) -> Findings:
        """The findings with what the scanner said, once it has."""
        if self._running is None:
            return found
        scan, said = await self._running
        metrics.SCANS.labels(scan.reason or scan.outcome).inc()
        warnings = (said, *found.warnings) if said is not None else found.warnings
        return msgspec.structs.replace(found, scan=scan, warnings=warnings)


@asynccontextmanager
async def scanned(scanner: Clamd | None, octets: bytes) -> AsyncIterator[Scanning]:
    """Scan octets while the block runs; what is not finished when it is left is given up."""
    running = asyncio.create_task(scanner.scan(octets)) if scanner is not None else None
    try:
        yield Scanning(running)
    finally:
        if running is not None and not running.done():
            running.cancel()
            await asyncio.wait({running})


async def _connect(loop: asyncio.AbstractEventLoop, family: int, address: object) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await loop.sock_connect(connection, address)  # type: ignore[arg-type]  # a path or an address, as the family has it
    except BaseException:
        connection.close()
        raise
    return connection


def _pieces(octets: bytes) -> Iterator[bytes | memoryview]:
    """The stream: pieces with their lengths, and an empty one at the end."""
    yield struct.pack(">I", len(MAIL_MARK)) + MAIL_MARK
    whole = memoryview(octets)
    for begin in range(0, len(octets), PIECE_OCTETS):
        piece = whole[begin : begin + PIECE_OCTETS]
        yield struct.pack(">I", len(piece))
        yield piece
    yield struct.pack(">I", 0)


def _judged(answer: bytes, scanner: str) -> tuple[Scan, Said | None]:
    """The answer to INSTREAM. Raises ValueError for one that says nothing of the letter."""
    said = answer.decode("utf-8", "replace")
    if said == "stream: OK":
        return Scan(outcome="clean", scanner=scanner, scanned_at=instant(time.time_ns())), None
    if said.startswith("INSTREAM size limit exceeded"):
        return _not_scanned("too_large", scanner)
    match = _FOUND.fullmatch(said)
    if match is None:
        raise ValueError(said[:200])
    name = tidy(scrub(match["name"]))[:200]
    if name.startswith(_LIMITS):
        return _not_scanned("too_large", scanner)
    if name.startswith(_PROPERTIES):
        clean = Scan(outcome="clean", scanner=scanner, scanned_at=instant(time.time_ns()))
        return clean, warning("malware_scanner_noted", name=name)
    infected = Scan(outcome="infected", malware=name, scanner=scanner, scanned_at=instant(time.time_ns()))
    return infected, warning("malware_found", name=name)


def _not_scanned(reason: Reason, scanner: str) -> tuple[Scan, Said]:
    thai, english = REASONS[reason]
    scan = Scan(outcome="not_scanned", reason=reason, scanner=scanner, scanned_at=instant(time.time_ns()))
    return scan, warning("malware_not_scanned", thai=thai, english=english)
