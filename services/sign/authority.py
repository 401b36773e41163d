"""The throw-away test authority: a root and a seal key that say test in their names.

It lets a newcomer see sealed receipts at once. What it seals proves nothing, and every receipt says so across the page;
it is never used for an agency whose receipts the operator or the agency seals.
"""

import os
import secrets
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

from services.sign.seal import SealKey

ROOT_FILE: Final = "test-root.pem"
"""The root's certificate, for whoever wants to see a test seal verify."""

SEAL_FILE: Final = "test-seal.p12"

ORGANIZATION: Final = "saraban TEST ทดสอบ"
SEAL_NAME: Final = "ทดสอบ · saraban TEST seal, no evidence"

_DAYS: Final = 3_650


def ensure(folder: Path) -> SealKey:
    """The test seal in `folder`, made there if it is not; the same one at every later call.

    Two processes that start at once agree on one: the folder is made beside its place and moved there whole.

    Raises:
        SealError: what is there cannot be read.
        OSError: it cannot be written there.
    """
    if not (folder / SEAL_FILE).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = folder.with_name(f"{folder.name}.{secrets.token_hex(8)}.new")
        try:
            _make(fresh, datetime.now(UTC))
            fresh.rename(folder)
        except OSError:
            if not (folder / SEAL_FILE).exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return SealKey.load(folder / SEAL_FILE, None)


def _make(folder: Path, now: datetime) -> None:
    folder.mkdir(mode=0o700)
    mark = secrets.token_hex(4)  # two systems' roots are told apart by more than their keys
    root_key, seal_key = (generate_private_key(65_537, 2_048) for _ in range(2))
    root_name, seal_name = _name(f"saraban TEST root {mark}"), _name(SEAL_NAME)
    root = (
        _builder(root_name, root_name, root_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(seals=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, SHA256())
    )
    seal = (
        _builder(seal_name, root_name, seal_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(seals=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(seal_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, SHA256())
    )
    # The root's own key is forgotten here: nothing else can ever be issued by it.
    bag = pkcs12.serialize_key_and_certificates(b"saraban test seal", seal_key, seal, [root], NoEncryption())
    _write(folder / ROOT_FILE, root.public_bytes(Encoding.PEM), 0o644)
    _write(folder / SEAL_FILE, bag, 0o600)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "TH"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _usage(*, seals: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=seals,
        content_commitment=seals,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not seals,
        crl_sign=not seals,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, octets: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
