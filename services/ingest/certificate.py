"""The certificate for STARTTLS; read again when its file has changed, so that a renewal needs no restart."""

import ssl
from pathlib import Path

from services.ingest import log


class Certificate:
    """A certificate chain and its key, in PEM files."""

    def __init__(self, chain: str, key: str) -> None:
        """Raises OSError (ssl.SSLError is one) where the files cannot be used."""
        self._chain, self._key = Path(chain), Path(key)
        self._seen = self._stamps()
        self._context = self._read()

    def context(self) -> ssl.SSLContext:
        """The context for the next handshake."""
        try:
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                self._context = self._read()
        except OSError as error:
            log.certificate_refused(str(self._chain), str(error))
        return self._context

    def _stamps(self) -> tuple[int, ...]:
        return tuple(
            number for path in (self._chain, self._key) for number in (path.stat().st_mtime_ns, path.stat().st_ino)
        )

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._chain, self._key)
        return context
