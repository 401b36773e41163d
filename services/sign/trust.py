"""The trust store: which certificates a verdict rests on, frozen, with a version that names exactly these."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from asn1crypto import pem, x509
from msgspec import Struct

EMPTY = "empty"
"""Version of the store that has no anchors: it gives no verdicts, and says so."""

_ENDINGS = frozenset({".pem", ".crt", ".cer", ".der"})
_FILE_OCTETS = 4 << 20


class TrustError(Exception):
    """A file of the trust store cannot be used; one line, names the file."""


class TrustStore(Struct, frozen=True):
    """Trust anchors as DER, in the order of their digests, each once."""

    anchors: tuple[bytes, ...] = ()

    @property
    def version(self) -> str:
        """`sha256:` and 16 hex digits over the anchors, or `empty`."""
        if not self.anchors:
            return EMPTY
        return (
            "sha256:"
            + hashlib.sha256(b"".join(hashlib.sha256(anchor).digest() for anchor in self.anchors)).hexdigest()[:16]
        )


def of(certificates: Iterable[bytes]) -> TrustStore:
    """A store of these certificates, DER or PEM (a PEM file may hold several).

    Raises:
        TrustError: one of them is no certificate.
    """
    found: dict[bytes, bytes] = {}
    for octets in certificates:
        for der in _ders(octets):
            try:
                # Parsed whole, so that a damaged anchor stops the start and not a verdict.
                x509.Certificate.load(der, strict=True).native  # noqa: B018 - reading it is the check
            except (ValueError, TypeError) as error:
                raise TrustError(f"is no certificate: {str(error).splitlines()[0]}") from error
            found[hashlib.sha256(der).digest()] = der
    return TrustStore(tuple(found[digest] for digest in sorted(found)))


def load(path: Path | None) -> TrustStore:
    """The store in a folder (its .pem, .crt, .cer and .der files) or in one file; None is the empty store.

    Raises:
        TrustError: the path does not exist, or a file of it is no certificate.
    """
    if path is None:
        return TrustStore()
    if not path.exists():
        raise TrustError(f"{path}: no such file or folder")
    files = sorted(item for item in path.iterdir() if item.suffix.lower() in _ENDINGS) if path.is_dir() else [path]
    anchors: list[bytes] = []
    for file in files:
        try:
            with file.open("rb") as opened:
                anchors += of([opened.read(_FILE_OCTETS)]).anchors
        except (OSError, TrustError) as error:
            raise TrustError(f"{file}: {error}") from error
    return of(anchors)


def _ders(octets: bytes) -> list[bytes]:
    if not pem.detect(octets):
        return [octets]
    try:
        found = [
            der
            for name, _, der in pem.unarmor(octets, multiple=True)
            if name in ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
        ]
    except ValueError as error:
        raise TrustError(f"is damaged PEM: {error}") from error
    if not found:
        raise TrustError("holds no certificate")
    return found
