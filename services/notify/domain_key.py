"""DKIM signatures of our own mail (RFC 6376). The keys are files `<domain>.<selector>.pem`, PKCS#1 or PKCS#8.

A mail whose key is missing or unusable goes unsigned, and the log says so at each of them: a receipt is a duty, and a
receiver may still accept it by SPF.
"""

import re
from pathlib import Path
from typing import Final

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct

from contracts.directory import Dkim
from services.notify import log, metrics
from services.runtime.directory import normalise_domain

_FIELDS: Final = (
    # From twice: nobody can add another one unseen (RFC 6376 section 8.15).
    b"from", b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"auto-submitted",
)  # fmt: skip
_SAFE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class KeyProblem(Exception):  # noqa: N818 - says what the trouble is, not that there is one
    """There is no key that could sign, and why."""


class _Loaded(Struct, frozen=True):
    modified_ns: int
    pem: bytes


class Keyring:
    """The private keys of a folder, each read again when its file changes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._loaded: dict[Path, _Loaded] = {}

    def sign(self, octets: bytes, agency: str, owner: Dkim | None) -> bytes:
        """The mail with its DKIM-Signature in front; as it is where the agency names no key or the key is no use."""
        if owner is None:
            return octets
        domain = normalise_domain(owner.domain)
        try:
            return self._signed(octets, domain, owner.selector)
        except KeyProblem as problem:
            metrics.UNSIGNED.inc()
            log.unsigned(agency, domain, owner.selector, str(problem))
            return octets

    def _signed(self, octets: bytes, domain: str, selector: str) -> bytes:
        key = self._key(domain, selector)
        end = octets.index(b"\r\n\r\n") + 4
        try:
            # The body is set beside: dkimpy would split it into lines and join them again, 1 s and 115 MB for 54 MB.
            signer = dkim.DKIM(octets[:end])
            signer.body = octets[end:]
            # Relaxed head, since relays refold it; simple body, since that costs nothing and ours must not change.
            signature = signer.sign(
                selector.encode("ascii"),
                domain.encode("ascii"),
                key,
                canonicalize=(b"relaxed", b"simple"),
                include_headers=_present(octets[:end]),
            )
        except dkim.DKIMException as error:
            raise KeyProblem(str(error)) from error
        return bytes(signature) + octets

    def _key(self, domain: str, selector: str) -> bytes:
        if self._folder is None:
            raise KeyProblem("[notify] dkim_keys names no folder")
        if not _SAFE.fullmatch(domain) or not _SAFE.fullmatch(selector):
            raise KeyProblem("domain or selector has characters that no file name of ours has")
        path = self._folder / f"{domain}.{selector}.pem"
        try:
            modified = path.stat().st_mtime_ns
            loaded = self._loaded.get(path)
            if loaded is None or loaded.modified_ns != modified:
                loaded = self._loaded[path] = _Loaded(modified, _pkcs1(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise KeyProblem(f"{path}: {error}") from error
        return loaded.pem


def _pkcs1(pem: bytes) -> bytes:
    """The form dkimpy reads; openssl writes PKCS#8 today."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("is not an RSA key")  # noqa: TRY004 - a wrong file, not a wrong type in our code
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _present(head: bytes) -> list[bytes]:
    head = b"\r\n" + head.lower()
    return [name for name in _FIELDS if b"\r\n" + name + b":" in head]
