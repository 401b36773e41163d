"""The certificate for STARTTLS, and how we speak TLS. Read again when its files change: a renewal needs no restart."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Final

from services.ingest import log, metrics
from services.ingest.expiry import expires

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption alone (RFC 9325 section 4.2). TLS 1.3 has no others."""

CONTEXT_SECONDS: Final = 86_400.0
"""A context's keys for session tickets open the TLS 1.2 sessions that were resumed with them: not longer than a day."""

LOOK_SECONDS: Final = 60.0
"""Between looks at the files where nobody shakes hands, so that the metric follows a renewal."""

SETTLED_SECONDS: Final = 2.0
"""Files changed less long ago are read again at the next look: a write right after ours may leave the same time."""

_Stamps = tuple[int, ...]


class Certificate:
    """A certificate chain and its key, in PEM files."""

    def __init__(self, chain: str, key: str) -> None:
        """Raises OSError (ssl.SSLError is one) or ValueError where the files cannot be used."""
        self._chain, self._key = Path(chain), Path(key)
        self._seen: _Stamps = ()
        self._said = ""
        self._text = ""
        self._take(self._stamps())

    def context(self) -> ssl.SSLContext:
        """The context for the next handshake."""
        self.look()
        return self._context

    def look(self) -> None:
        """Read the files again if they have changed. What cannot be used is said once, and what we have stays."""
        try:
            stamps = self._stamps()
            if stamps != self._seen or time.monotonic() - self._made > CONTEXT_SECONDS:
                self._seen = self._remembered(stamps)  # whatever becomes of it: tried again when they change again
                self._take(stamps)
                self._said = ""
        except (OSError, ValueError) as error:
            if str(error) != self._said:
                self._said = str(error)
                log.certificate_refused(str(self._chain), self._said)

    async def watch(self) -> None:
        """Look from time to time, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _take(self, stamps: _Stamps) -> None:
        text = self._chain.read_text(encoding="utf-8", errors="replace")
        end = expires(text)
        self._context = _context(self._chain, self._key)
        self._made = time.monotonic()
        self._seen = self._remembered(stamps)
        metrics.CERTIFICATE_EXPIRES.set(end.timestamp())
        if text != self._text:
            self._text = text
            log.certificate_read(str(self._chain), end.isoformat())

    def _stamps(self) -> _Stamps:
        found: list[int] = []
        for path in (self._chain, self._key):
            seen = path.stat()
            found += (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_size)
        return tuple(found)

    @staticmethod
    def _remembered(stamps: _Stamps) -> _Stamps:
        changed = max(stamps[0], stamps[4])
        return () if 0 <= time.time_ns() - changed < SETTLED_SECONDS * 1e9 else stamps


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Without a word to give, OpenSSL would ask for a locked key's password on the terminal and wait.
    context.load_cert_chain(chain, key, password=lambda: b"")
    return context
