"""When a certificate ends, against what cryptography writes."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.ingest.expiry import expires

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(end: datetime, *names: str) -> str:
    kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    subject = x509.Name([x509.NameAttribute(kind, name) for kind, name in zip(kinds, names, strict=False)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "end",
    [
        datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),  # from here on a GeneralizedTime
        datetime(1999, 12, 31, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_end_of_a_certificate(end: datetime) -> None:
    assert expires(pem(end)) == end
    assert expires(pem(end, *["กรมที่มีชื่อยาว"] * 3)) == end  # lengths of two octets


def test_a_chain_ends_with_its_first_certificate_that_does() -> None:
    first, second = datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    assert expires(f"subject=ไทย\n{pem(first)}{pem(second)}") == second


def test_what_is_no_certificate_is_a_value_error() -> None:
    whole = pem(datetime(2027, 1, 1, tzinfo=UTC))
    lines = whole.splitlines()
    for text in (
        "",
        whole[:-30],
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        *("\n".join([*lines[:cut], lines[-1]]) for cut in range(1, 4)),
    ):
        with pytest.raises(ValueError, match=r".+"):
            expires(text)
