"""One S/MIME signature, judged by ETSI EN 319 102-1 with pyHanko's AdES engine: each of its signers for itself."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from asn1crypto import cms, core, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESStatus, AdESSubIndic
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.policy_decl import LocalKnowledge
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from services.sign import smime_parts, smime_time
from services.sign.fetch_questions import Outside
from services.sign.fetching import WORTH_ASKING, Asking
from services.sign.signature_policy import MALFORMED
from services.sign.smime_parts import Signed
from services.sign.smime_policy import carried, mail_spec
from services.sign.trust import TrustStore
from services.sign.verdict_words import Sought

SIGNERS: Final = 8
"""Most signers of one signature that are judged (RFC 5652 section 5.1: any number may sign side by side)."""


class Judged(NamedTuple):
    """What one signer's signature is worth."""

    sub: AdESSubIndic
    intact: bool | None = None
    signer: x509.Certificate | None = None
    signed_at: datetime | None = None
    time_source: Literal["claimed", "timestamp"] = "claimed"
    sought: tuple[Sought, ...] = ()
    """What was asked for outside and did not come."""


class Answer(NamedTuple):
    """One verdict at least, so that no signature is passed over in silence."""

    judged: Sequence[Judged]
    digests: frozenset[str] = frozenset()
    """The digests that its signers used."""
    left_out: bool = False
    """It has more signers than are judged."""


_ODD: Final = (*MALFORMED, ArithmeticError, LookupError)
"""… and what dates and indices out of all bounds make them raise."""
_MALFORMED: Final = Judged(AdESFailure.FORMAT_FAILURE)
_TOO_DEEP: Final = Judged(AdESIndeterminate.GENERIC)
_NOTHING_SIGNED: Final = Judged(AdESIndeterminate.SIGNED_DATA_NOT_FOUND)
_UNKNOWN_ALGORITHM: Final = Judged(AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE)


def judge(signed: Signed, trust: TrustStore, now: datetime, outside: Outside | None = None) -> Answer:
    """What each signer's signature is worth. What the mail lacks for it is fetched `outside`, if at all."""
    try:
        file = cms.ContentInfo.load(signed.cms)
        data = file["content"] if file["content_type"].native == "signed_data" else None
        signers = [] if data is None else list(data["signer_infos"])
        # A signature that lies beside its content must not carry another (RFC 8551 section 3.5.3.1).
        doubled = data is not None and signed.detached and not _is_absent(data["encap_content_info"]["content"])
        used = frozenset(str(signer["digest_algorithm"]["algorithm"].native) for signer in signers)
    except _ODD:
        return Answer([_MALFORMED])
    except RecursionError:
        return Answer([_TOO_DEEP])
    if data is None or not signers or doubled or signed.foreign:
        return Answer([_MALFORMED])
    if not signed.contents:
        return Answer([_NOTHING_SIGNED], used)
    contents = _Contents(signed)
    judged = [_asked(data, signer, signed, contents, trust, now, outside) for signer in signers[:SIGNERS]]
    return Answer(judged, used, left_out=len(signers) > SIGNERS)


class _Contents:
    """What a signature may be over, hashed once for all its signers."""

    def __init__(self, signed: Signed) -> None:
        self._signed = signed
        self._known: dict[tuple[int, bool, str], bytes] = {}

    def digests(self, algorithm: str) -> Iterator[bytes]:
        """Of the octets as they lie there, then with the line ends of RFC 8551 section 3.1.1 where they have others.

        Raises:
            UnsupportedAlgorithm: there is no such digest.
        """
        for index, content in enumerate(self._signed.contents):
            yield self._digest(index, False, algorithm, content)
            if self._signed.detached and smime_parts.is_bare(content):
                yield self._digest(index, True, algorithm, content)

    def _digest(self, index: int, canonical: bool, algorithm: str, content: bytes) -> bytes:
        key = (index, canonical, algorithm)
        if key not in self._known:
            self._known[key] = _digest(algorithm, smime_parts.canonical(content) if canonical else content)
        return self._known[key]


def _digest(algorithm: str, content: bytes) -> bytes:
    try:
        running = hashes.Hash(get_pyca_cryptography_hash(algorithm))
    except (ValueError, AttributeError, TypeError, NotImplementedError) as error:
        raise UnsupportedAlgorithm(algorithm) from error
    running.update(content)
    return running.finalize()


def _asked(
    data: cms.SignedData,
    signer: cms.SignerInfo,
    signed: Signed,
    contents: _Contents,
    trust: TrustStore,
    now: datetime,
    outside: Outside | None,
) -> Judged:
    """Judged by what the mail carries; where more could change the verdict, by what comes from outside as well."""
    judged = _signer(data, signer, signed, contents, trust, now, None)
    if outside is None or not trust.anchors or judged.sub.standard_name not in WORTH_ASKING:
        return judged
    asking = Asking(outside, now)
    judged = _signer(data, signer, signed, contents, trust, now, asking)
    asking.settle(useful=judged.sub.standard_name not in WORTH_ASKING)
    return judged._replace(sought=tuple(asking.sought))


def _signer(
    data: cms.SignedData,
    signer: cms.SignerInfo,
    signed: Signed,
    contents: _Contents,
    trust: TrustStore,
    now: datetime,
    asking: Asking | None,
) -> Judged:
    """One signer's signature over the content as it lies there; failing that, with the line ends it was made with."""
    try:
        if not _has_attributes(signer):
            return _MALFORMED
        single, known = _single(data, signer), carried(data)
        best: Judged | None = None
        for digest in contents.digests(signer["digest_algorithm"]["algorithm"].native):
            judged = asyncio.run(_validate(single, signer, digest, trust, known, now, asking))
            if judged.sub is not AdESFailure.HASH_FAILURE:
                return judged
            best = best or judged
    except UnsupportedAlgorithm:
        return _UNKNOWN_ALGORITHM
    except _ODD:
        return _MALFORMED
    except RecursionError:
        return _TOO_DEEP
    assert best is not None
    if _is_absent(signer["signed_attrs"]):  # then no digest stands in it that could differ (clause 5.2.7.4)
        best = best._replace(sub=AdESFailure.SIG_CRYPTO_FAILURE)
    # Beside a part that it does not fit it says nothing about that part: what it was made over is somewhere else.
    return best._replace(sub=AdESIndeterminate.SIGNED_DATA_NOT_FOUND) if signed.stray else best


def _has_attributes(signer: cms.SignerInfo) -> bool:
    """If there are signed attributes, content-type and message-digest are, each once with one value (RFC 5652, 5.3)."""
    attributes = signer["signed_attrs"]
    if _is_absent(attributes):
        return True
    counts = {"content_type": 0, "message_digest": 0}
    for attribute in attributes:
        kind = attribute["type"].native
        if kind in counts:
            counts[kind] += len(attribute["values"]) or 2
    return all(count == 1 for count in counts.values())


def _single(data: cms.SignedData, signer: cms.SignerInfo) -> cms.SignedData:
    """The same with this signer alone, and without the content: the engine takes one signature at a time."""
    fields: dict[str, Any] = {
        "version": data["version"].native,
        "digest_algorithms": [signer["digest_algorithm"]],
        "encap_content_info": {"content_type": data["encap_content_info"]["content_type"].native},
        "signer_infos": [signer],
    }
    if not _is_absent(data["certificates"]):
        fields["certificates"] = data["certificates"]
    return cms.SignedData(fields)


async def _validate(
    single: cms.SignedData,
    signer: cms.SignerInfo,
    digest: bytes,
    trust: TrustStore,
    known: LocalKnowledge,
    now: datetime,
    asking: Asking | None,
) -> Judged:
    """Basic validation (EN 319 102-1 clause 5.3); with time (5.5) where there is a time-stamp."""
    certificate = _certificate(single)
    claimed = None if _is_absent(signer["signed_attrs"]) else generic_cms.extract_self_reported_ts(signer)
    rules = mail_spec(trust, known, certificate, asking)
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    basic = await ades.ades_basic_validation(single, rules, timing_info=timing, raw_digest=digest)
    status = basic.api_status
    intact = bool(status.intact and status.valid) if status is not None else None
    sub = _named(basic.ades_subindic, status, certificate, now)
    judged = Judged(sub, intact, certificate, claimed)
    if sub.status is AdESStatus.FAILED or certificate is None:
        return judged
    best = await smime_time.proven(signer, rules, timing)
    if best is None:
        return judged
    judged = judged._replace(signed_at=best, time_source="timestamp")
    if not isinstance(sub, AdESIndeterminate):
        return judged
    revocation = getattr(status, "revocation_details", None)
    return judged._replace(sub=smime_time.judged_then(sub, best, certificate, revocation))


def _named(sub: AdESSubIndic, status: Any, certificate: x509.Certificate | None, now: datetime) -> AdESSubIndic:
    """The standard's word (clause 5.2.6.4), where it is not the engine's."""
    if certificate is None:
        return sub
    # Out of its validity, the certificate's first fault is that; the engine has a word for expired alone.
    early = certificate.not_valid_before > now
    if early and sub is AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE:
        return AdESIndeterminate.OUT_OF_BOUNDS_NO_POE
    # A certificate that signed itself has no chain to an anchor; the engine calls that a constraint.
    if sub is AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE and certificate.self_signed in ("yes", "maybe"):
        return AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND
    # On hold is no revocation: the certificate may come back.
    details = getattr(status, "revocation_details", None)
    if sub is AdESIndeterminate.REVOKED_NO_POE and details is not None:
        reason = getattr(details.revocation_reason, "native", details.revocation_reason)
        if reason == "certificate_hold":
            return AdESIndeterminate.TRY_LATER
    return sub


def _certificate(single: cms.SignedData) -> x509.Certificate | None:
    try:
        return extract_certificate_info(single).signer_cert
    except CMSExtractionError:
        return None


def _is_absent(value: core.Asn1Value) -> bool:
    return isinstance(value, core.Void)
