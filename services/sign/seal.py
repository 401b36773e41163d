"""The seal: one PAdES signature (B-B) over the whole PDF, by a key that is loaded once.

pyHanko's SimpleSigner reads its key anew for each signature and signs twice, the first time only to learn how long the
result will be. Here the key is kept as an object, the length is known from the certificates, and the attribute that
names the certificate is encoded once.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol

from asn1crypto import cms, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key, pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.attributes import (
    CMSAttributeProvider,
    SignedAttributeProviderSpec,
    SigningCertificateV2Provider,
)
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

FIELD: Final = "Seal"
"""Name of the one signature field of a receipt."""

_CMS_OCTETS: Final = 3_072
"""What a signature takes beside its certificates: attributes (about 500), and up to 512 of an RSA-4096 value."""

_HASHES: Final[dict[str, HashAlgorithm]] = {"sha256": SHA256(), "sha384": SHA384()}


class SealError(Exception):
    """A seal key cannot be used; one sentence that names the file."""


class RawKey(Protocol):
    """A private key, wherever it is."""

    def sign(self, octets: bytes, digest: str) -> bytes:
        """The signature over `octets`: PKCS #1 v1.5, or ECDSA in DER. Raises SealError: it cannot sign now."""


class _LoadedKey:
    """A key in this process's memory."""

    def __init__(self, key: RSAPrivateKey | EllipticCurvePrivateKey) -> None:
        self._key = key

    def sign(self, octets: bytes, digest: str) -> bytes:
        hashed = _HASHES[digest]
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(octets, PKCS1v15(), hashed)
        return self._key.sign(octets, ECDSA(hashed))


class _SigningCertificate(SigningCertificateV2Provider):
    """signing-certificate-v2 (ETSI EN 319 122-1, 5.2.2.3), the same in every signature of a key.

    Built anew it is two thirds of a seal's time: asn1crypto encodes the issuer's name again for every level around it.
    """

    _encoded = b""

    async def get_attribute(self, dry_run: bool = False) -> cms.CMSAttribute:
        if not self._encoded:
            made = await super().get_attribute(dry_run)
            assert made is not None
            self._encoded = made.dump()
        return cms.CMSAttribute.load(self._encoded)


class _SealAttributes(SignedAttributeProviderSpec):
    """What a seal signs beside type and digest of the content: with PAdES no time (ETSI EN 319 142-1, 6.3)."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._certificate = _SigningCertificate(certificate)

    def signed_attr_providers(self, data_digest: bytes, digest_algorithm: str) -> Iterable[CMSAttributeProvider]:
        return (self._certificate,)


class _LoadedSigner(Signer):
    """pyHanko's signer interface over a key that stays loaded."""

    def __init__(
        self,
        key: RawKey,
        certificate: x509.Certificate,
        chain: list[x509.Certificate],
        attributes: SignedAttributeProviderSpec | None = None,
    ) -> None:
        """Without `attributes` those that the kind of signature wants."""
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # published without types
        store.register_multiple(chain)
        # A root in the signature proves nothing; who verifies has it, or does not trust it.
        super().__init__(signing_cert=certificate, cert_registry=store, embed_roots=False)
        self.signed_attr_prov_spec = attributes
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._key.sign(data, digest_algorithm)

    def raw(self, octets: bytes, digest: str) -> bytes:
        """A bare signature."""
        return self._key.sign(octets, digest)


class SealKey:
    """A key with its certificates, ready to seal. Safe to use from several threads."""

    def __init__(self, key: RawKey, certificate: x509.Certificate, chain: list[x509.Certificate]) -> None:
        """Raises SealError: a key of another kind than RSA from 2048 bits and ECDSA."""
        public = certificate.public_key
        if public.algorithm not in ("rsa", "ec"):
            raise SealError("the key is neither RSA nor ECDSA")
        if public.algorithm == "rsa" and public.bit_size < 2048:
            raise SealError(f"RSA with {public.bit_size} bits is too short, at least 2048")
        self._signer = _LoadedSigner(key, certificate, chain)
        self._sealer = _LoadedSigner(key, certificate, chain, _SealAttributes(certificate))
        self._digest = "sha384" if public.algorithm == "ec" and public.bit_size > 256 else "sha256"
        octets = sum(len(one.dump()) for one in (certificate, *chain)) + _CMS_OCTETS
        self._reserved = 2 * octets  # hex digits
        self.certificate = certificate
        self.name: str = str(self._signer.subject_name)
        """The common name of the certificate."""

    @classmethod
    def load(cls, path: Path, password: str | None) -> "SealKey":
        """Read a PKCS#12 file.

        Raises:
            SealError: it cannot be read, holds no key, or a key of another kind than RSA from 2048 bits and ECDSA.
        """
        try:
            bag = pkcs12.load_pkcs12(path.read_bytes(), password.encode() if password else None)
        except OSError as error:
            raise SealError(f"{path}: {error.strerror}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SealError(f"{path}: no PKCS#12 file, or not its password") from error
        if bag.key is None or bag.cert is None:
            raise SealError(f"{path}: holds no key with its certificate")
        if not isinstance(bag.key, RSAPrivateKey | EllipticCurvePrivateKey):
            raise SealError(f"{path}: the key is neither RSA nor ECDSA")
        chain = [_asn1(one.certificate.public_bytes(Encoding.DER)) for one in bag.additional_certs]
        try:
            return cls(_LoadedKey(bag.key), _asn1(bag.cert.certificate.public_bytes(Encoding.DER)), chain)
        except SealError as error:
            raise SealError(f"{path}: {error}") from error

    @property
    def begins(self) -> datetime:
        """From when the certificate is valid."""
        found: datetime = self.certificate["tbs_certificate"]["validity"]["not_before"].native
        return found

    @property
    def ends(self) -> datetime:
        """Until when the certificate is valid."""
        found: datetime = self.certificate["tbs_certificate"]["validity"]["not_after"].native
        return found

    def problem(self, now: datetime | None = None) -> str | None:
        """Why the certificate should not be used now, or None."""
        now = now or datetime.now(UTC)
        if now < self.begins:
            return f"the certificate of {self.name} is not valid before {self.begins:%Y-%m-%d}"
        if now > self.ends:
            return f"the certificate of {self.name} was valid until {self.ends:%Y-%m-%d}"
        return None

    def fits(self) -> bool:
        """Whether the certificate is the key's: one signature, made and verified. Raises SealError."""
        public = load_der_public_key(self.certificate.public_key.dump())
        octets = b"saraban"
        made = self._signer.raw(octets, self._digest)
        try:
            if isinstance(public, RSAPublicKey):
                public.verify(made, octets, PKCS1v15(), _HASHES[self._digest])
            elif isinstance(public, EllipticCurvePublicKey):
                public.verify(made, octets, ECDSA(_HASHES[self._digest]))
        except InvalidSignature:
            return False
        return isinstance(public, RSAPublicKey | EllipticCurvePublicKey)

    def seal(self, pdf: bytes, reason: str) -> bytes:
        """The same PDF with an invisible signature field that covers all of it."""
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=FIELD,
                md_algorithm=self._digest,
                subfilter=SigSeedSubFilter.PADES,
                name=self.name,
                reason=reason,
            ),
            signer=self._sealer,
        )
        out = BytesIO()
        signer.sign_pdf(writer, bytes_reserved=self._reserved, output=out)
        return out.getvalue()

    def sign(self, octets: bytes) -> bytes:
        """A detached CMS SignedData over `octets` (CAdES B-B, ETSI EN 319 122-1), as DER."""
        signed = asyncio.run(self._signer.async_sign_general_data(octets, self._digest, detached=True, use_cades=True))
        return bytes(signed.dump())


def _asn1(der: bytes) -> x509.Certificate:
    return x509.Certificate.load(der)
