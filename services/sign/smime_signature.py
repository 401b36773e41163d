"""One S/MIME signature, judged by ETSI EN 319 102-1 with pyHanko's AdES engine: each of its signers for itself."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from asn1crypto import cms, core, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESPassed, AdESStatus, AdESSubIndic
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.policy_decl import LocalKnowledge
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from services.sign import smime_parts
from services.sign.signature_policy import MALFORMED
from services.sign.smime_parts import Signed
from services.sign.smime_policy import carried, mail_spec
from services.sign.trust import TrustStore

SIGNERS: Final = 8
"""Most signers of one signature that are judged (RFC 5652 section 5.1: any number may sign side by side)."""


class Judged(NamedTuple):
    """What one signer's signature is worth."""

    sub: AdESSubIndic
    intact: bool | None = None
    signer: x509.Certificate | None = None
    signed_at: datetime | None = None
    time_source: Literal["claimed", "timestamp"] = "claimed"


class Answer(NamedTuple):
    """One verdict at least, so that no signature is passed over in silence."""

    judged: Sequence[Judged]
    digests: frozenset[str] = frozenset()
    """The digests that its signers used."""
    left_out: bool = False
    """It has more signers than are judged."""


_MALFORMED: Final = Judged(AdESFailure.FORMAT_FAILURE)
_TOO_DEEP: Final = Judged(AdESIndeterminate.GENERIC)
_NOTHING_SIGNED: Final = Judged(AdESIndeterminate.SIGNED_DATA_NOT_FOUND)
_UNKNOWN_ALGORITHM: Final = Judged(AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE)


def judge(signed: Signed, trust: TrustStore, now: datetime) -> Answer:
    """What each signer's signature is worth."""
    try:
        file = cms.ContentInfo.load(signed.cms)
        data = file["content"] if file["content_type"].native == "signed_data" else None
        signers = [] if data is None else list(data["signer_infos"])
        # A signature that lies beside its content must not carry another (RFC 8551 section 3.5.3.1).
        doubled = data is not None and signed.detached and not _is_absent(data["encap_content_info"]["content"])
        used = frozenset(str(signer["digest_algorithm"]["algorithm"].native) for signer in signers)
    except MALFORMED:
        return Answer([_MALFORMED])
    except RecursionError:
        return Answer([_TOO_DEEP])
    if data is None or not signers or doubled or signed.foreign:
        return Answer([_MALFORMED])
    if not signed.contents:
        return Answer([_NOTHING_SIGNED], used)
    contents = _Contents(signed)
    judged = [_signer(data, signer, signed, contents, trust, now) for signer in signers[:SIGNERS]]
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


def _signer(
    data: cms.SignedData,
    signer: cms.SignerInfo,
    signed: Signed,
    contents: _Contents,
    trust: TrustStore,
    now: datetime,
) -> Judged:
    """One signer's signature over the content as it lies there; failing that, with the line ends it was made with."""
    try:
        if not _has_attributes(signer):
            return _MALFORMED
        single, known = _single(data, signer), carried(data)
        best: Judged | None = None
        for digest in contents.digests(signer["digest_algorithm"]["algorithm"].native):
            judged = asyncio.run(_validate(single, signer, digest, trust, known, now))
            if judged.sub is not AdESFailure.HASH_FAILURE:
                return judged
            best = best or judged
    except UnsupportedAlgorithm:
        return _UNKNOWN_ALGORITHM
    except MALFORMED:
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
) -> Judged:
    """Basic validation (EN 319 102-1 clause 5.3); with time (5.5) where there is a time-stamp."""
    certificate = _certificate(single)
    claimed = None if _is_absent(signer["signed_attrs"]) else generic_cms.extract_self_reported_ts(signer)
    rules = mail_spec(trust, known, certificate)
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    basic = await ades.ades_basic_validation(single, rules, timing_info=timing, raw_digest=digest)
    status = basic.api_status
    intact = bool(status.intact and status.valid) if status is not None else None
    judged = Judged(basic.ades_subindic, intact, certificate, claimed)
    early = certificate is not None and certificate.not_valid_before > now
    if early and judged.sub is AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE:
        # Not yet valid is out of bounds as well (clause 5.2.6.4); the engine has a word for expired alone.
        judged = judged._replace(sub=AdESIndeterminate.OUT_OF_BOUNDS_NO_POE)
    if judged.sub.status is AdESStatus.FAILED or not _is_stamped(signer):
        return judged
    timed = await ades.ades_with_time_validation(single, rules, timing_info=timing, raw_digest=digest)
    stamp = timed.api_status.timestamp_validity if timed.api_status else None
    if stamp is None:
        return judged  # a time-stamp that nobody trusts is no evidence either way (clause 5.5.4)
    judged = judged._replace(signed_at=stamp.timestamp, time_source="timestamp")
    # Of what failed, only a revocation after the time-stamp is undone by it; whether an expired certificate was
    # revoked before it expired, nobody says who publishes its status no longer.
    if timed.ades_subindic is AdESPassed.OK and judged.sub is AdESIndeterminate.REVOKED_NO_POE:
        return judged._replace(sub=AdESPassed.OK)
    return judged


def _certificate(single: cms.SignedData) -> x509.Certificate | None:
    try:
        return extract_certificate_info(single).signer_cert
    except CMSExtractionError:
        return None


def _is_stamped(signer: cms.SignerInfo) -> bool:
    return next(iter(generic_cms.extract_tst_data_iter(signer, signed=False)), None) is not None


def _is_absent(value: core.Asn1Value) -> bool:
    return isinstance(value, core.Void)
