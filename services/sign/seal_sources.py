"""Where the seals' keys come from: PKCS#12 files and PKCS#11 tokens, read at the start and again when they change.

A replaced file, a new certificate in a token come into use without a restart and without a letter waiting. A bad one is
said, and the key that was there stays. What was sealed before stays valid: a seal carries its own certificate.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from asn1crypto import pem, x509

from services.runtime.settings import Sign
from services.sign import log, metrics, token_uri
from services.sign.seal import SealError, SealKey

LOOK_SECONDS: Final = 5.0
TOKEN_SECONDS: Final = 60.0
"""A token tells nobody that something in it was replaced; it is asked so often."""

NEXT: Final = ".next"
"""`operator.next` takes over from `operator` when its certificate begins to be valid."""

_CERTIFICATES_OCTETS: Final = 1 << 20


class Source:
    """Where one key comes from."""

    def __init__(self, name: str, place: str, password: str | None, certificates: str, state: Path) -> None:
        self.name = name
        self.token = place.startswith(token_uri.SCHEME)
        self._place = place
        self._password = password
        self._state = state
        self._certificates = state / certificates if certificates else None
        self._seen: tuple[object, ...] = ()

    def load(self) -> SealKey:
        """Read the key. Raises SealError, which names the setting."""
        self._seen = self._look()
        try:
            if not self.token:
                return SealKey.load(self._state / self._place, self._password)
            from services.sign import token_key  # python-pkcs11, which few installations need

            chain = _chain(self._certificates) if self._certificates is not None else []
            return token_key.load(token_uri.parse(self._place), self._password, chain)
        except (SealError, ValueError) as error:
            raise SealError(f"sign.seals.{self.name}: {error}") from error

    @property
    def changed(self) -> bool:
        """Whether a file of it is another one than when it was last read."""
        return self._look() != self._seen

    def _look(self) -> tuple[object, ...]:
        files = [self._certificates] if self.token else [self._state / self._place]
        return tuple(_look(file) for file in files if file is not None)


def sources(config: Sign, state: Path) -> list[Source]:
    """Every key that the settings name."""
    return [
        Source(name, place, config.seal_passwords.get(name), config.seal_certificates.get(name, ""), state)
        for name, place in config.seals.items()
    ]


class Keys(Protocol):
    """Who uses the keys (seals.py)."""

    def key(self, name: str) -> SealKey | None:
        """The key in use under a name."""

    def replace(self, name: str, key: SealKey) -> None:
        """From now on this one."""

    def measure(self, now: datetime) -> None:
        """Show how long certificates are valid."""


async def renew(found: Sequence[Source], keys: Keys) -> None:
    """Take what was replaced into use, until cancelled."""
    asked = time.monotonic()
    while True:
        keys.measure(datetime.now(UTC))
        await asyncio.sleep(LOOK_SECONDS)
        tokens = time.monotonic() - asked >= TOKEN_SECONDS
        for source in found:
            if source.changed or (source.token and tokens):
                await _renew(source, keys)
        if tokens:
            asked = time.monotonic()


async def _renew(source: Source, keys: Keys) -> None:
    used = keys.key(source.name)
    try:
        key = await asyncio.to_thread(source.load)
        problem = None if source.name.endswith(NEXT) else key.problem()
    except SealError as error:
        problem = str(error)
    if problem is not None:
        metrics.SEALS_REFUSED.inc()
        log.seal_not_renewed(source.name, problem)
        return
    keys.replace(source.name, key)
    if used is None or used.certificate.dump() != key.certificate.dump():
        log.seal_renewed(source.name, key.name, f"{key.ends:%Y-%m-%d}")


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _chain(file: Path) -> list[x509.Certificate]:
    try:
        with file.open("rb") as opened:
            octets = opened.read(_CERTIFICATES_OCTETS)
        found = [x509.Certificate.load(der) for _, _, der in pem.unarmor(octets, multiple=True)]
    except OSError as error:
        raise SealError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise SealError(f"{file}: is no PEM") from error
    if not found:
        raise SealError(f"{file}: holds no certificate")
    return found
