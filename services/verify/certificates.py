"""Whether a certificate leads to somebody the verifier trusts, at a given moment. Never fetches anything."""

import asyncio
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    NotYetValidError,
    PathBuildingError,
    PathError,
    ValidationError,
)

from services.sign.anchors import anchors, below
from services.sign.authority import ORGANIZATION as TEST_AUTHORITY
from services.sign.trust import TrustStore
from services.sign.trust_manifest import Purpose

Chain = Literal["pinned", "trusted", "no store", "unknown", "out of date", "unfit"]
"""`pinned`: the certificate itself is in the store; `unfit`: a chain that breaks a rule of RFC 5280."""

TRUSTED: Final[frozenset[Chain]] = frozenset({"pinned", "trusted"})

_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError)


def chain(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    trust: TrustStore,
    at: datetime,
    purpose: Purpose = "seals",
) -> Chain:
    """How the certificate stands to the anchors that the trust store has for `purpose`, as of `at`.

    Whether it was withdrawn cannot be known without asking its issuer, and is not judged here.
    """
    if not trust.anchors:
        return "no store"
    fit = {one.certificate: one for one in trust.fit(purpose)}
    if (own := fit.get(certificate.dump())) is not None:
        within = (own.begins is None or own.begins <= at) and (own.ends is None or at <= own.ends)
        return "pinned" if within and valid(certificate, at) else "out of date"
    others = [*others, *below(trust)]
    context = ValidationContext(
        trust_roots=anchors(trust, purpose),
        other_certs=list(others),
        moment=at,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    validator = CertificateValidator(certificate, intermediate_certs=list(others), validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except PathBuildingError:
        return "unknown"
    except (ExpiredError, NotYetValidError):
        return "out of date"
    except (PathError, ValidationError, *_MALFORMED):
        return "unfit"
    return "trusted"


def valid(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether `at` lies in its time."""
    begins, ends = validity(certificate)
    return begins <= at <= ends


def validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """From when until when it may be used."""
    span = certificate["tbs_certificate"]["validity"]
    return span["not_before"].native, span["not_after"].native


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether its key may sign documents (RFC 5280 section 4.2.1.3); one that states no use may."""
    usage = certificate.key_usage_value
    return usage is None or bool(usage.native & {"digital_signature", "non_repudiation"})


def may_stamp(certificate: x509.Certificate) -> bool:
    """Whether its key may stamp time, and nothing else (RFC 3161 section 2.3)."""
    usage = certificate.extended_key_usage_value
    return usage is not None and usage.native == ["time_stamping"]


def is_test(certificate: x509.Certificate) -> bool:
    """Whether it is of a test authority (services/sign/authority.py), which proves nothing."""
    found = [
        *_values(certificate.subject, "organization_name"),
        *_values(certificate.issuer, "organization_name"),
    ]
    return any(same(name, TEST_AUTHORITY) for name in found)


def called(certificate: x509.Certificate) -> str:
    """Whom it names: the common name, and the organization where that is another."""
    names = [*_values(certificate.subject, "common_name"), *_values(certificate.subject, "organization_name")]
    return ", ".join(dict.fromkeys(names)) or str(certificate.subject.human_friendly)


def issued_by(certificate: x509.Certificate) -> str:
    """Who vouches for it, as it says itself."""
    return ", ".join(_values(certificate.issuer, "common_name")) or str(certificate.issuer.human_friendly)


def names(certificate: x509.Certificate, name: str) -> bool:
    """Whether it is made out to `name`: its common name, its organization or a unit of it."""
    kinds = ("common_name", "organization_name", "organizational_unit_name")
    return any(same(value, name) for kind in kinds for value in _values(certificate.subject, kind))


def kin(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether both are made out to the same name or organization: an old key and the one that follows it."""
    return any(
        names(other, value) for kind in ("common_name", "organization_name") for value in _values(one.subject, kind)
    )


def same(one: str, other: str) -> bool:
    """Two spellings of a name, apart from case, width and white space."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _values(name: x509.Name, kind: str) -> list[str]:
    value = name.native.get(kind, [])
    return [value] if isinstance(value, str) else [str(one) for one in value]
