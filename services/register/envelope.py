"""The record of a classified letter, readable by the registrar alone (CMS EnvelopedData, RFC 5652)."""

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options


class EnvelopeError(ValueError):
    """The certificate cannot be used for an envelope; says why."""


def enveloped(clear: bytes, certificate: str) -> str:
    """`clear` as EnvelopedData in DER and base64, for the holder of the PEM certificate's key.

    Raises:
        EnvelopeError: it is no certificate, or its key is not RSA.
    """
    recipient = _certificate(certificate)
    der = (
        PKCS7EnvelopeBuilder()
        .set_data(clear)
        .set_content_encryption_algorithm(AES256)
        .add_recipient(recipient)
        .encrypt(Encoding.DER, [PKCS7Options.Binary])
    )
    return base64.b64encode(der).decode("ascii")


@lru_cache(maxsize=1_024)
def _certificate(pem: str) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificate(pem.encode("utf-8"))
        key = found.public_key()
    except Exception as error:
        raise EnvelopeError(f"registrar_certificate is no certificate: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise EnvelopeError("registrar_certificate: an envelope needs an RSA key")
    return found


_ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
"""The object identifier of EnvelopedData, in DER (RFC 5652 section 6.1)."""


def is_envelope(text: str) -> bool:
    """Whether this is EnvelopedData in DER and base64, as far as its head says."""
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return der[:1] == b"\x30" and _ENVELOPED_DATA in der[:24]
