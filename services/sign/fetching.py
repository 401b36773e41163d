"""pyHanko's way to revocation data and certificates that a file lacks: it asks the parent. For the child process only.

pyHanko says what it needs, and judges what comes as it judges what a file carries. Nothing here fails: what does not
come is noted, and the verdict is the one without it.
"""

import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

from asn1crypto import cms, crl, ocsp, pem, x509
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko_certvalidator.authority import Authority
from pyhanko_certvalidator.fetchers import CertificateFetcher, CRLFetcher, FetcherBackend, Fetchers, OCSPFetcher
from pyhanko_certvalidator.fetchers.common_utils import (
    enumerate_delivery_point_urls,
    format_ocsp_request,
    gather_aia_issuer_urls,
    unpack_cert_content,
)
from pyhanko_certvalidator.util import get_ocsp_urls, get_relevant_crl_dps

from services.sign.fetch_questions import Cause, Kind, NotFetchedError, Outside
from services.sign.verdict_words import Sought

URLS: Final = 3
"""Most URLs of one certificate that are tried for the same thing, and most distribution points."""
CERTIFICATES: Final = 16
"""Most certificates that are taken from one answer."""
SOUGHT: Final = 3
"""Most failures that a verdict names."""
DAY_SECONDS: Final = 86_400.0

WORTH_ASKING: Final = frozenset(
    str(one.standard_name)
    for one in (
        AdESIndeterminate.TRY_LATER,
        AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE,
        AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE,
        AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND,
    )
)
"""Verdicts that more data could change. A file that carries what it needs has nobody asked."""

_ERRORS: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError, NotImplementedError)
_HOST: Final = re.compile(r"[a-z0-9._:-]{1,100}")

Found = TypeVar("Found")
Certificate: TypeAlias = x509.Certificate | cms.AttributeCertificateV2


class Asking(FetcherBackend):
    """Asks for one signature, each thing once."""

    def __init__(self, outside: Outside, now: datetime) -> None:
        self._outside, self._now = outside, now
        self._answers: dict[tuple[Kind, str, bytes], bytes | None] = {}
        self._seconds: dict[tuple[Kind, str, bytes], float] = {}
        self._sought: dict[Sought, None] = {}
        self._fetchers = Fetchers(_Ocsp(self), _Crls(self), _Issuers(self))

    def get_fetchers(self) -> Fetchers:
        """The same ones each time: a verdict is reached in several steps."""
        return self._fetchers

    @property
    def sought(self) -> list[Sought]:
        """What did not come, and why."""
        return list(self._sought)[:SOUGHT]

    def settle(self, *, useful: bool) -> None:
        """Say that what came was of use: then others may use it until its time."""
        if useful:
            for (kind, url, body), seconds in self._seconds.items():
                self._outside.keep(kind, url, body, seconds)

    def ask(self, kind: Kind, url: str, body: bytes, read: Callable[[bytes], tuple[Found, float]]) -> Found | None:
        """What is at `url`, as `read` makes it, with the seconds that it will be of use; None if it does not come."""
        key = (kind, url, body)
        if key not in self._answers:
            self._answers[key] = self._fetched(*key)
        octets = self._answers[key]
        if octets is None:
            return None
        try:
            found, seconds = read(octets)
        except _ERRORS:
            self._note(url, "unusable")
            return None
        self._seconds[key] = seconds
        return found

    def until(self, moment: datetime | None) -> float:
        """Seconds from now until the next update of something."""
        if moment is None:
            return 0.0
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - self._now).total_seconds()

    def _fetched(self, kind: Kind, url: str, body: bytes) -> bytes | None:
        try:
            return self._outside.fetch(kind, url, body)
        except NotFetchedError as error:
            self._note(url, error.cause)
            return None

    def _note(self, url: str, cause: Cause) -> None:
        host = ""
        with suppress(ValueError):
            host = urlsplit(url).hostname or ""
        self._sought[Sought(host if _HOST.fullmatch(host) else "", cause)] = None


class _Ocsp(OCSPFetcher):
    """OCSP (RFC 6960). Without a nonce, so that an answer serves every letter until its next update."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._found: dict[bytes, ocsp.OCSPResponse] = {}

    async def fetch(self, cert: Certificate, authority: Authority) -> ocsp.OCSPResponse:
        """Never raises: an answer that says nothing, where there is none, leads on to the CRL."""
        request = format_ocsp_request(cert, authority, certid_hash_algo="sha1", request_nonces=False).dump()
        for url in get_ocsp_urls(cert)[:URLS]:
            found = self._asking.ask("ocsp", url, request, self._read)
            if found is not None:
                self._found[cert.dump()] = found
                return found
        return ocsp.OCSPResponse({"response_status": "try_later"})

    def fetched_responses(self) -> Iterable[ocsp.OCSPResponse]:
        return list(self._found.values())

    def fetched_responses_for_cert(self, cert: Certificate) -> Iterable[ocsp.OCSPResponse]:
        found = self._found.get(cert.dump())
        return [] if found is None else [found]

    def _read(self, octets: bytes) -> tuple[ocsp.OCSPResponse, float]:
        found = ocsp.OCSPResponse.load(octets, strict=True)
        if found["response_status"].native != "successful":
            raise ValueError("it does not answer")
        updates = [one["next_update"].native for one in found.response_data["responses"]]
        return found, min((self._asking.until(moment) for moment in updates), default=0.0)


class _Crls(CRLFetcher):
    """CRLs (RFC 5280 section 4.2.1.13): of each distribution point the first that comes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._found: dict[bytes, list[crl.CertificateList]] = {}

    async def fetch(self, cert: Certificate, *, use_deltas: bool | None = None) -> Iterable[crl.CertificateList]:
        """Never raises. Complete lists only: a delta adds nothing that the next complete one does not say."""
        found: list[crl.CertificateList] = []
        for point in get_relevant_crl_dps(cert, use_deltas=False)[:URLS]:
            for url in list(enumerate_delivery_point_urls(point))[:URLS]:
                one = self._asking.ask("crl", url, b"", self._read)
                if one is not None:
                    found.append(one)
                    break
        self._found[cert.dump()] = found
        return found

    def fetched_crls(self) -> Iterable[crl.CertificateList]:
        return [one for found in self._found.values() for one in found]

    def fetched_crls_for_cert(self, cert: Certificate) -> Iterable[crl.CertificateList]:
        return self._found[cert.dump()]

    def _read(self, octets: bytes) -> tuple[crl.CertificateList, float]:
        if pem.detect(octets):
            _, _, octets = pem.unarmor(octets)
        found = crl.CertificateList.load(octets, strict=True)
        return found, self._asking.until(found["tbs_cert_list"]["next_update"].native)


class _Issuers(CertificateFetcher):
    """Missing issuers (RFC 5280 section 4.2.2.1)."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._found: dict[bytes, x509.Certificate] = {}

    def fetch_cert_issuers(self, cert: Certificate) -> AsyncGenerator[x509.Certificate, None]:
        return self._all(gather_aia_issuer_urls(cert))

    def fetch_crl_issuers(self, certificate_list: crl.CertificateList) -> AsyncGenerator[x509.Certificate, None]:
        return self._all(certificate_list.issuer_cert_urls)

    def fetched_certs(self) -> Iterable[x509.Certificate]:
        return list(self._found.values())

    async def _all(self, urls: Iterable[str]) -> AsyncGenerator[x509.Certificate, None]:
        for url in list(urls)[:URLS]:
            for one in self._asking.ask("issuer", url, b"", self._read) or ():
                self._found[one.dump()] = one
                yield one

    def _read(self, octets: bytes) -> tuple[list[x509.Certificate], float]:
        found = list(unpack_cert_content(octets, None, "", permit_pem=True))[:CERTIFICATES]
        for one in found:
            one.subject.hashable  # noqa: B018 - read now, where what is damaged does no harm
        return found, DAY_SECONDS
