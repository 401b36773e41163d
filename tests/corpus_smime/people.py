"""Certificates for mail: one of each kind that a rule of RFC 8550 speaks of, from a throw-away authority."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.pki import Authority, Identity, Key

EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
SMTP_UTF8_MAILBOX = ObjectIdentifier("1.3.6.1.5.5.7.8.9")
CRL_URL = "http://127.0.0.1:9/mail.crl"
SIGNING = ("digital_signature", "content_commitment")
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def person(
    issuer: Authority,
    name: str = "นางสาวสมใจ ใจดี",
    *,
    emails: Sequence[str] = ("somjai@dga.example",),
    mailboxes: Sequence[str] = (),
    subject_email: str = "",
    usage: Sequence[str] | None = SIGNING,
    purposes: Sequence[ObjectIdentifier] | None = (EMAIL,),
    begins: datetime | None = None,
    ends: datetime | None = None,
    key: Key | None = None,
    crl_url: str = "",
    itself: bool = False,
) -> Identity:
    """Somebody who signs mail; `usage` and `purposes` None leave the extension out; `itself`: self-signed."""
    now = datetime.now(UTC)
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COUNTRY_NAME, "TH"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if subject_email:
        subject.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, subject_email))
    by = key if itself else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name(subject) if itself else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - timedelta(days=30))
        .not_valid_after(ends or now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{one: one in usage for one in _USAGES}), critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    names: list[x509.GeneralName] = [x509.RFC822Name(email) for email in emails]
    names += [x509.OtherName(SMTP_UTF8_MAILBOX, core.UTF8String(mailbox).dump()) for mailbox in mailboxes]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Identity(builder.sign(by, hashes.SHA256()), key, issuer)


def subordinate(root: Authority, name: str = "Test Mail CA") -> Authority:
    """An authority below the root."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1000))
        .not_valid_after(now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**{one: one in ("key_cert_sign", "crl_sign") for one in _USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    return Authority(certificate, key)


def revocation_list(
    issuer: Authority,
    revoked: Sequence[Identity] = (),
    *,
    at: datetime | None = None,
    stale: bool = False,
    reason: x509.ReasonFlags | None = None,
) -> bytes:
    """A CRL, DER; `at` and `reason`: since when and why those are revoked; `stale`: its next was due two days ago."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - timedelta(days=9 if stale else 0, hours=1))
        .next_update(now + timedelta(days=-2 if stale else 7))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for who in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(who.certificate.serial_number)
        entry = entry.revocation_date(at or now - timedelta(hours=3))
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)
