"""The record of a classified letter: for the registrar alone."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der

from services.register.envelope import EnvelopeError, enveloped

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "นายทะเบียน")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def pem(found: x509.Certificate) -> str:
    return found.public_bytes(serialization.Encoding.PEM).decode()


def test_the_registrar_reads_it_and_it_shows_nothing() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    clear = '{"subject":"ลับ แผน"}\n'.encode()
    der = base64.b64decode(enveloped(clear, pem(certificate(key))))
    assert clear not in der
    assert pkcs7_decrypt_der(der, certificate(key), key, []) == clear


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
def test_openssl_reads_it(tmp_path: Path) -> None:
    """The registrar has another program than ours."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "record.der").write_bytes(base64.b64decode(enveloped(b"clear", pem(certificate(key)))))
    found = subprocess.run(
        ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "record.der", "-inkey", "key.pem"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert found.stdout == b"clear"


def test_a_certificate_that_cannot_be_used_says_why() -> None:
    with pytest.raises(EnvelopeError, match="no certificate"):
        enveloped(b"x", "-----BEGIN NONSENSE-----")
    with pytest.raises(EnvelopeError, match="RSA"):
        enveloped(b"x", pem(certificate(ec.generate_private_key(ec.SECP256R1()))))
