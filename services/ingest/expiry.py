"""When a certificate ends, read from its octets: a library for X.509 would cost each ingress process 6 MB."""

import re
import ssl
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0


def expires(chain: str) -> datetime:
    """The instant from which the first certificate of a PEM chain that ends makes the chain useless.

    Raises:
        ValueError: there is no certificate in it, or one that cannot be read.
    """
    found = _PEM.findall(chain)
    if not found:
        raise ValueError("there is no certificate in it")
    return min(_not_after(ssl.PEM_cert_to_DER_cert(text)) for text in found)


def _not_after(der: bytes) -> datetime:
    """notAfter of a certificate (RFC 5280 section 4.1): behind version, serial, algorithm and issuer."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    tag, _, rest = _element(body)
    for _ in range(3 if tag == _VERSION else 2):
        _, _, rest = _element(rest)
    _, validity, _ = _element(rest)
    _, _, rest = _element(validity)
    tag, text, _ = _element(rest)
    said = text.decode("ascii")
    if tag == _UTC_TIME:  # section 4.1.2.5.1: 50 is 1950
        said = ("19" if said >= "50" else "20") + said
    elif tag != _GENERALIZED_TIME:
        raise ValueError("its end is no time")
    return datetime.strptime(said, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(octets: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content, and what follows the first element (DER, X.690 section 8.1)."""
    if len(octets) < 2:
        raise ValueError("it is cut off")
    start, length = 2, octets[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(octets[2:start])
    if len(octets) < start + length:
        raise ValueError("it is cut off")
    return octets[0], octets[start : start + length], octets[start + length :]
