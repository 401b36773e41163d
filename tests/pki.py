"""A throw-away PKI for tests: a root, signers with the certificate one asks for, PDFs signed by them."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """A certification authority of one test."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Identity:
    """Somebody with a key and a certificate."""

    certificate: x509.Certificate
    key: Key
    issuer: Authority

    def pkcs12(self, password: str = "") -> bytes:
        """A PKCS#12 file with the chain."""
        locked: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        return pkcs12.serialize_key_and_certificates(
            b"test", self.key, self.certificate, [self.issuer.certificate], locked
        )

    def signer(self, *, chain: bool = True) -> signers.SimpleSigner:
        """pyHanko's signer with this key."""
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
        if chain:
            store.register(_asn1(self.issuer.certificate))
        return signers.SimpleSigner(
            signing_cert=_asn1(self.certificate), signing_key=_asn1_key(self.key), cert_registry=store
        )


def make_root(name: str = "Test Root CA", *, now: datetime | None = None, issuer: Authority | None = None) -> Authority:
    """A self-signed authority, valid for ten years before and after; below `issuer` if there is one."""
    moment = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "TH"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=3650))
        .not_valid_after(moment + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Authority(certificate, key)


def make_signer(
    root: Authority,
    name: str = "นายทดสอบ ระบบ",
    *,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    crl_url: str | None = None,
    timestamping: bool = False,
    rsa_key: bool = False,
    key: Key | None = None,
) -> Identity:
    """Somebody whom `root` certifies; `crl_url` makes the certificate declare where its status is published."""
    moment = datetime.now(UTC)
    key = key or (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if rsa_key
        else ec.generate_private_key(ec.SECP256R1())
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "TH"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
        )
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or moment - timedelta(days=1))
        .not_valid_after(not_after or moment + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
    )
    if timestamping:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Identity(builder.sign(root.key, hashes.SHA256()), key, root)


def sign_pdf(
    octets: bytes,
    identity: Identity,
    *,
    field: str = "Signature1",
    stamper: Identity | None = None,
    at: datetime | None = None,
    chain: bool = True,
) -> bytes:
    """The PDF with one more PAdES signature; `stamper` adds an RFC 3161 time-stamp of `at`; not `chain`: no issuer."""
    writer = IncrementalPdfFileWriter(io.BytesIO(octets))
    metadata = signers.PdfSignatureMetadata(field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    out = signers.PdfSigner(
        metadata, identity.signer(chain=chain), timestamper=make_stamper(stamper, at) if stamper else None
    ).sign_pdf(writer)
    return bytes(out.getvalue())


def make_stamper(identity: Identity, at: datetime | None = None) -> timestamps.DummyTimeStamper:
    """An RFC 3161 authority in this process; its clock stands at `at`."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    store.register(_asn1(identity.issuer.certificate))
    return timestamps.DummyTimeStamper(
        tsa_cert=_asn1(identity.certificate), tsa_key=_asn1_key(identity.key), certs_to_embed=store, fixed_dt=at
    )


def key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _asn1_key(key: Key) -> keys.PrivateKeyInfo:
    octets = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return keys.PrivateKeyInfo.load(octets)
