"""For whom a certificate was issued, read from real certificates."""

from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contracts.findings import Holder
from services.sign.certificate_holder import CHARACTERS, VALUES, holder

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.now(UTC)


def certificate(subject: list[tuple[x509.ObjectIdentifier, str]], *names: x509.GeneralName) -> asn1.Certificate:
    name = x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return asn1.Certificate.load(builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER))


AGENCY = [
    (NameOID.COUNTRY_NAME, "TH"),
    (NameOID.ORGANIZATION_NAME, "สำนักงานคณะกรรมการพัฒนาระบบราชการ"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "สำนักงานเลขานุการกรม"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "งานสารบรรณ"),
    (NameOID.ORGANIZATION_IDENTIFIER, "NTRTH-0994000159382"),
    (NameOID.COMMON_NAME, "สำนักงาน ก.พ.ร."),
]


def test_the_seal_of_an_agency_in_thai() -> None:
    found = holder(certificate(AGENCY, x509.RFC822Name("saraban@OPDC.go.th")))
    assert found == Holder(
        common_name="สำนักงาน ก.พ.ร.",
        organisation="สำนักงานคณะกรรมการพัฒนาระบบราชการ",
        organisation_id="NTRTH-0994000159382",
        units=("สำนักงานเลขานุการกรม", "งานสารบรรณ"),
        country="TH",
        email_domains=("opdc.go.th",),
    )


def test_a_persons_certificate() -> None:
    subject = [
        (NameOID.COUNTRY_NAME, "th"),
        (NameOID.COMMON_NAME, "นายสมชาย  ใจดี"),
        (NameOID.EMAIL_ADDRESS, "s@rd.go.th"),
    ]
    found = holder(certificate(subject, x509.RFC822Name("a@rd.go.th"), x509.DNSName("x.example")))
    assert found == Holder(common_name="นายสมชาย ใจดี", country="TH", email_domains=("rd.go.th",))


def test_nothing_is_no_name() -> None:
    assert holder(certificate([])) == Holder()


@pytest.mark.parametrize("count", [1, 100])
def test_what_is_read_has_a_bound(count: int) -> None:
    subject = [(NameOID.ORGANIZATIONAL_UNIT_NAME, "ก" * 5_000)] * count
    found = holder(certificate(subject, *(x509.RFC822Name(f"a@n{n}.example") for n in range(count))))
    assert len(found.units) == min(count, VALUES)
    assert all(len(unit) == CHARACTERS for unit in found.units)
    assert len(found.email_domains) == min(count, VALUES)


def test_a_subject_that_is_no_text_is_left_out() -> None:
    """The octets of the organisation are broken after it was made."""
    der = certificate(AGENCY).dump()
    broken = asn1.Certificate.load(der.replace("สำนักงานคณะ".encode(), b"\xff" * len("สำนักงานคณะ".encode())))
    found = holder(broken)
    assert found.organisation == ""
    assert found.common_name == "สำนักงาน ก.พ.ร."
