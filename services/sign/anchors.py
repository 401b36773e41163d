"""The trust store as pyHanko wants it: anchors for one purpose, each within the days of its group."""

from contextlib import suppress
from functools import lru_cache

from asn1crypto import x509
from pyhanko.sign.ades.qualified_asn1 import get_qc_statements
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustAnchor, TrustQualifiers

from services.sign.trust import TrustStore
from services.sign.trust_manifest import Purpose


def anchors(trust: TrustStore, purpose: Purpose) -> list[TrustAnchor]:
    """The anchors that are good for a purpose."""
    return [
        CertTrustAnchor(
            x509.Certificate.load(fit.certificate), TrustQualifiers(valid_from=fit.begins, valid_until=fit.ends)
        )
        for fit in trust.fit(purpose)
    ]


@lru_cache(maxsize=16)  # for each signature anew it would be read in vain
def below(trust: TrustStore) -> tuple[x509.Certificate, ...]:
    """Authorities below the anchors, so that chains of files that lack them are found."""
    return tuple(x509.Certificate.load(der) for der in trust.known)


def purpose_of(certificate: x509.Certificate) -> Purpose:
    """Whether a certificate for documents is a person's (`signatures`) or an organisation's (`seals`).

    An organisation's says so (EN 319 412-5 clause 4.2.3), or names it by its identifier and no person (EN 319 412-3
    clause 4.2.1).
    """
    kinds = _stated(certificate)
    if kinds:
        return "seals" if "qct_eseal" in kinds else "signatures"
    names = set(certificate.subject.native)
    return "seals" if "organization_identifier" in names and not names & {"surname", "given_name"} else "signatures"


def _stated(certificate: x509.Certificate) -> set[str]:
    """What the certificate says that it is for (QcType); nothing if it says so in no readable way."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        for statement in get_qc_statements(certificate):
            if statement["statement_id"].native == "qc_type":
                return {"qct_esign", "qct_eseal"} & set(statement["statement_info"].native)
    return set()
