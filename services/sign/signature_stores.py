"""The security stores (DSS) of a file, one of each revision, read once however many signatures ask."""

from typing import NamedTuple

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError

from services.sign.signature_policy import MALFORMED


class Store(NamedTuple):
    """What one revision's store holds."""

    octets: tuple[bytes, ...]
    """Each certificate, answer and list, as it lies there."""
    answered: frozenset[int]
    """Serial numbers of the certificates that OCSP answers speak of."""
    listed: frozenset[str]
    """Issuers of the revocation lists."""

    def speaks_of(self, certificate: x509.Certificate) -> bool:
        """Whether it has an answer or a list for a certificate; nobody checks here what that says."""
        return certificate.serial_number in self.answered or certificate.issuer.hashable in self.listed


class SecurityStores:
    """The stores of one file."""

    def __init__(self, reader: PdfFileReader) -> None:
        self._reader = reader
        self._known: dict[int, Store | None] = {}

    def of(self, revision: int) -> Store | None:
        """The store as that revision has it; None where it has none, or none that can be read."""
        if revision not in self._known:
            try:
                self._known[revision] = _read(self._reader, revision)
            except (NoDSSFoundError, *MALFORMED):
                self._known[revision] = None
        return self._known[revision]

    @property
    def newest(self) -> Store | None:
        """The store of the file as it lies here."""
        return self.of(self._reader.xrefs.total_revisions - 1)


def _read(reader: PdfFileReader, revision: int) -> Store:
    found = DocumentSecurityStore.read_dss(reader.get_historical_resolver(revision))
    answers = [each.get_object().read_data(DecodePurpose.OCSP_RESPONSE) for each in found.ocsps]
    lists = [each.get_object().read_data(DecodePurpose.CRL) for each in found.crls]
    certificates = [each.get_object().read_data(DecodePurpose.CERTIFICATE) for each in found.certs.values()]
    return Store(
        octets=(*answers, *lists, *certificates),
        answered=frozenset(serial for each in answers for serial in _serials(each)),
        listed=frozenset(crl.CertificateList.load(each).issuer.hashable for each in lists),
    )


def _serials(octets: bytes) -> list[int]:
    response = ocsp.OCSPResponse.load(octets)
    if response["response_status"].native != "successful":
        return []
    return [each["cert_id"]["serial_number"].native for each in response.response_data["responses"]]
