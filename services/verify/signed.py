"""One CMS SignedData with one signer (RFC 5652): the seal's, a head's, a time-stamp token's."""

import hashlib
from collections.abc import Callable
from typing import Final

from asn1crypto import cms, tsp, x509
from msgspec import Struct
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.general import CMSExtractionError, ValueErrorWithMessage
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity

DIGESTS: Final = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
"""What a signature may rest on today; SHA-1 and MD5 prove nothing any more."""

_MALFORMED = (
    PdfError,
    CMSExtractionError,
    SignatureValidationError,
    ValueErrorWithMessage,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
)
"""What asn1crypto and pyHanko raise for octets that are no CMS, or no signature."""


class NotSignedError(ValueError):
    """The octets are no SignedData with exactly one signer and its certificate."""


class Signed(Struct, frozen=True):
    """A signature with what came along."""

    data: cms.SignedData
    signer: cms.SignerInfo
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    octets: int
    """How many of the octets given it takes."""

    @classmethod
    def read(cls, octets: bytes) -> "Signed":
        """Read a CMS ContentInfo; what follows it is left alone (PDF pads with zeros).

        Raises:
            NotSignedError: it is none, or has not one signer.
        """
        try:
            info = cms.ContentInfo.load(octets)
            if info["content_type"].native != "signed_data":
                raise NotSignedError("no signed data")
            data = info["content"]
            if len(data["signer_infos"]) != 1:
                raise NotSignedError("not one signer")
            found = extract_certs_for_validation(data)
            return cls(data, data["signer_infos"][0], found.signer_cert, tuple(found.other_certs), len(info.dump()))
        except _MALFORMED as error:
            raise NotSignedError(str(error) or type(error).__name__) from error

    def covers(self, digest: Callable[[str], bytes], kind: str = "data") -> bool:
        """Whether this is the signer's signature over the octets that `digest` digests by the algorithm it is given."""
        try:
            algorithm = str(self.signer["digest_algorithm"]["algorithm"].native)
            if algorithm not in DIGESTS:
                return False
            return all(validate_sig_integrity(self.signer, self.certificate, kind, digest(algorithm)))
        except _MALFORMED:
            return False

    def covers_octets(self, octets: bytes) -> bool:
        """The same for octets at hand."""
        return self.covers(lambda algorithm: hashlib.new(algorithm, octets).digest())

    def stamped(self) -> tsp.TSTInfo:
        """The time-stamp it carries (RFC 3161), if its signature covers it.

        Raises:
            NotSignedError: it carries none, or the signature is not over it.
        """
        try:
            content = self.data["encap_content_info"]["content"]
            info = content.parsed
            whole = content.contents
            if not isinstance(info, tsp.TSTInfo):
                raise NotSignedError("no time-stamp")
        except _MALFORMED as error:
            raise NotSignedError(str(error)) from error
        if not self.covers(lambda algorithm: hashlib.new(algorithm, whole).digest(), "tst_info"):
            raise NotSignedError("not signed by its own certificate")
        return info
