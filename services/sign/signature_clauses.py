"""The building blocks of ETSI EN 319 102-1 in their order, and where pyHanko's word is not the standard's, the clause.

For the child process only. Named deviations, which are not corrected here, are listed in the corpus's README.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from asn1crypto import cms, x509
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESPassed, AdESStatus, AdESSubIndic
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import SignatureValidationSpec
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.errors import InvalidCertificateError
from pyhanko_certvalidator.ltv.poe import POEType
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from services.sign.anchors import purpose_of
from services.sign.fetching import Asking
from services.sign.signature_algorithms import END_OF_2013, good_enough
from services.sign.signature_level import attributes, has_signing_certificate
from services.sign.signature_policy import carried, spec
from services.sign.signature_proofs import Proof, existed, proven
from services.sign.signature_stores import SecurityStores
from services.sign.trust import TrustStore
from services.sign.verdict_words import Coverage

Indication = Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"]

_WEAK_DIGEST = AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
_OUT_OF_BOUNDS = frozenset({AdESIndeterminate.OUT_OF_BOUNDS_NO_POE, AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED})
_ANY_PATH_FAULT = frozenset(
    {
        *_OUT_OF_BOUNDS,
        AdESIndeterminate.TRY_LATER,
        AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE,
        AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    }
)
_NOTHING_PROVEN = frozenset({AdESIndeterminate.NO_POE, AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE})
_STAMPING = KeyUsageConstraints(extd_key_usage={"time_stamping"})
"""RFC 3161 clause 2.3: a time-stamping authority's certificate says so."""
_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Judged:
    """What the standard says of one signature by itself."""

    indication: Indication
    sub_indication: str | None
    intact: bool | None
    signed_at: datetime | None
    time_source: Literal["claimed", "timestamp"]
    chain: tuple[x509.Certificate, ...] = ()
    """The signer's, up to the anchor, where one was found."""


class Judge:
    """Judges the signatures of one file."""

    def __init__(
        self, signatures: Sequence[EmbeddedPdfSignature], stores: SecurityStores, trust: TrustStore, now: datetime
    ) -> None:
        self._signatures, self._stores, self._trust, self._now = signatures, stores, trust, now

    async def signature(
        self, signature: EmbeddedPdfSignature, proofs: Sequence[Proof], asking: Asking | None = None
    ) -> Judged:
        """Basic validation (clause 5.3); with time (5.5) and in the past (5.6) where something proves a time.

        What the file lacks comes by `asking`, if at all.
        """
        certificate = signer_of(signature)
        purpose = purpose_of(certificate) if certificate is not None else "signatures"
        rules = spec(self._trust, carried(signature), purpose, asking)
        basic = await self._basic(signature, rules, self._timing(self._now))
        status, sub = basic.api_status, basic.ades_subindic
        intact = bool(status.intact and status.valid) if status else None
        sub = await self._in_bounds(signature, rules, _formed(signature, sub))
        moment, source = signature.self_reported_timestamp, "claimed"
        if sub.status is not AdESStatus.FAILED:
            best = await self._best_time(signature, rules, proofs)
            if best is not None:
                moment, source = best, "timestamp"
                if isinstance(sub, AdESIndeterminate):
                    sub = await self._with_time(signature, rules, proofs, sub, status, best)
        indication, name = _named(sub, status, signer_of(signature))
        return Judged(indication, name, intact, moment, source, _chain(status))  # type: ignore[arg-type]  # a literal

    async def timestamp(
        self, signature: EmbeddedPdfSignature, proofs: Sequence[Proof], asking: Asking | None = None
    ) -> Judged:
        """A document time-stamp (clause 5.4), in the past where a later one proves it (5.6.2.2)."""
        rules = spec(self._trust, carried(signature), "timestamps", asking)
        result = await ades.ades_timestamp_validation(
            signature.signed_data, rules, signature.compute_digest, timing_info=self._timing(self._now)
        )
        status, sub = result.api_status, result.ades_subindic
        sub = await self._in_the_past(signature.signed_data, rules, proofs, sub, None)
        intact = bool(status.intact and status.valid) if status else None
        indication, name = _named(sub, status, signer_of(signature))
        moment = getattr(status, "timestamp", None)
        passed = indication == "TOTAL-PASSED"
        return Judged(indication, name, intact, moment, "timestamp" if passed else "claimed", _chain(status))

    async def _best_time(
        self, signature: EmbeddedPdfSignature, rules: SignatureValidationSpec, proofs: Sequence[Proof]
    ) -> datetime | None:
        """The earliest moment that a good time-stamp proves (clause 5.5.4 step 3); one nobody trusts proves nothing."""
        rules = replace(rules, cert_validation_policy=rules.ts_cert_validation_policy or rules.cert_validation_policy)
        moments = [existed(signature, proofs)]
        imprint = generic_cms.message_imprint_checker(signature.signer_info)
        for token in generic_cms.extract_tst_data_iter(signature.signer_info, signed=False):
            result = await ades.ades_timestamp_validation(token, rules, imprint, timing_info=self._timing(self._now))
            sub = await self._in_the_past(token, rules, proofs, result.ades_subindic, None)
            if sub is AdESPassed.OK and result.api_status is not None:
                moments.append(result.api_status.timestamp)
        return min((moment for moment in moments if moment is not None), default=None)

    async def _with_time(
        self,
        signature: EmbeddedPdfSignature,
        rules: SignatureValidationSpec,
        proofs: Sequence[Proof],
        sub: AdESIndeterminate,
        status: Any,
        best: datetime,
    ) -> AdESSubIndic:
        """Clause 5.5.4 step 4, then 5.6.3.4: what a proven time makes of an indeterminate verdict."""
        if sub is AdESIndeterminate.REVOKED_NO_POE:
            if best >= status.revocation_details.revocation_date:
                return sub
            return _for_its_use(signature.signed_data, rules)
        if sub in _OUT_OF_BOUNDS:
            certificate = signer_of(signature)
            if certificate is not None and best < certificate.not_valid_before:
                return AdESFailure.NOT_YET_VALID
        return await self._in_the_past(signature.signed_data, rules, proofs, sub, best)

    async def _basic(
        self, signature: EmbeddedPdfSignature, rules: SignatureValidationSpec, timing: ValidationTimingInfo
    ) -> ades.AdESBasicValidationResult[Any]:
        if signature.sig_object.get("/SubFilter") != "/adbe.pkcs7.sha1":
            return await ades.ades_basic_validation(
                signature.signed_data, rules, timing_info=timing, raw_digest=signature.compute_digest()
            )
        # ISO 32000-1 clause 12.8.3.3.1: what is signed is the SHA-1 of the ranges, and lies in the container.
        result = await ades.ades_basic_validation(signature.signed_data, rules, timing_info=timing)
        if signature.signed_data["encap_content_info"]["content"].native != signature.compute_digest("sha1"):
            return replace(result, ades_subindic=AdESFailure.HASH_FAILURE)
        weak = timing.best_signature_time >= END_OF_2013
        return replace(result, ades_subindic=_WEAK_DIGEST) if weak and result.ades_subindic is AdESPassed.OK else result

    async def _in_the_past(
        self,
        signed_data: cms.SignedData,
        rules: SignatureValidationSpec,
        proofs: Sequence[Proof],
        sub: AdESSubIndic,
        best: datetime | None,
    ) -> AdESSubIndic:
        """Clause 5.6.2.4, with what time-stamps prove; where it proves nothing, the verdict of now stands."""
        if not isinstance(sub, AdESIndeterminate) or (best is None and not proofs):
            return sub
        manager = proven(self._signatures, proofs, self._stores, self._now)
        if best is not None:
            manager.register(extract_signer_info(signed_data)["signature"].native, POEType.VALIDATION, best)
        # Clause 5.6.2.4 step 4 is about the signature's own algorithms too; pyHanko asks only about the certificates'.
        signer = extract_signer_info(signed_data)
        if sub is _WEAK_DIGEST and not good_enough(signer, manager[signer["signature"].native]):
            return sub
        past = await ades.ades_past_signature_validation(signed_data, rules, manager, sub, self._now)
        if past is AdESPassed.OK:
            return _for_its_use(signed_data, rules)
        return sub if past in _NOTHING_PROVEN else past

    async def _in_bounds(
        self, signature: EmbeddedPdfSignature, rules: SignatureValidationSpec, sub: AdESSubIndic
    ) -> AdESSubIndic:
        """Clause 5.2.6.4: out of its validity, the certificate's first fault is that, whatever else is missing.

        pyHanko looks at the certificates from the anchor on, so that old revocation data of an issuer comes first, and
        it does not look whether an expired certificate was revoked.
        """
        certificate = signer_of(signature)
        if certificate is None:
            return sub
        within = certificate.not_valid_before <= self._now <= certificate.not_valid_after
        if within or sub not in _ANY_PATH_FAULT:
            return sub
        known = rules.local_knowledge
        answered = [each.issuance_date for each in (*known.known_ocsps, *known.known_crls) if each.issuance_date]
        moments = [each + _WITHIN for each in answered if each + _WITHIN < certificate.not_valid_after]
        if self._now > certificate.not_valid_after and moments:
            then = await self._basic(signature, rules, self._timing(max(moments)))
            if then.ades_subindic is AdESPassed.OK:
                return AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED
        return AdESIndeterminate.OUT_OF_BOUNDS_NO_POE

    def _timing(self, moment: datetime) -> ValidationTimingInfo:
        return ValidationTimingInfo(
            validation_time=moment, best_signature_time=moment, point_in_time_validation=moment != self._now
        )


def constrained(judged: Judged, signature: EmbeddedPdfSignature, coverage: Coverage) -> Judged:
    """What the file as it lies here, and the signature's own words about it, add to the verdict."""
    if judged.indication != "TOTAL-PASSED":
        return judged
    if coverage == "unknown":
        return replace(judged, indication="INDETERMINATE", sub_indication="SIGNED_DATA_NOT_FOUND")
    # ISO 32000-1 tables 254 and 256: a change that the signature's own permissions or locks forbid makes it invalid;
    # EN 319 102-1 clause 5.2.8 calls that a signature constraint.
    if coverage == "changed afterwards" and (signature.docmdp_level is not None or signature.fieldmdp is not None):
        return replace(judged, indication="INDETERMINATE", sub_indication="SIG_CONSTRAINTS_FAILURE")
    # Clause 5.2.8 with EN 319 142-1 table 1: a PAdES signature says which certificate was meant.
    pades = signature.sig_object.get("/SubFilter") == "/ETSI.CAdES.detached"
    if pades and not has_signing_certificate(signature):
        return replace(judged, indication="INDETERMINATE", sub_indication="SIG_CONSTRAINTS_FAILURE")
    return judged


def signer_of(signature: EmbeddedPdfSignature) -> x509.Certificate | None:
    """The signing certificate (clause 5.2.3); None where the container has none, or says that it was another."""
    try:
        certificate: x509.Certificate = signature.signer_cert
    except SignatureValidationError:
        return None
    return certificate


def _for_its_use(signed_data: cms.SignedData, rules: SignatureValidationSpec) -> AdESSubIndic:
    """Clause 5.2.6.4, chain constraints: what a certificate may be used for does not change with time.

    pyHanko asks after it has found a path, so that a path which fails today hides a wrong use, and never again.
    """
    stamp = signed_data["encap_content_info"]["content_type"].native == "tst_info"
    allowed = _STAMPING if stamp else rules.key_usage_settings
    try:
        allowed.validate(generic_cms.extract_certs_for_validation(signed_data).signer_cert)
    except InvalidCertificateError:
        return AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE
    return AdESPassed.OK


def _formed(signature: EmbeddedPdfSignature, sub: AdESSubIndic) -> AdESSubIndic:
    """Clause 5.2.2: attributes without a message digest are no CMS (RFC 5652 clause 11); pyHanko says GENERIC."""
    names = attributes(signature)
    if names and names.count("message_digest") != 1:
        return AdESFailure.FORMAT_FAILURE
    return sub


def _named(sub: AdESSubIndic, status: Any, certificate: x509.Certificate | None) -> tuple[Indication, str | None]:
    """The standard's words (clause 5.1.3, tables 5 and 6 of version 1.3.1)."""
    if sub.status is AdESStatus.PASSED:
        return "TOTAL-PASSED", None
    # Clause 5.2.6.4: a certificate on hold may come back, so it is no revocation. pyHanko makes no difference.
    details = getattr(status, "revocation_details", None)
    if sub in (AdESIndeterminate.REVOKED_NO_POE, AdESFailure.REVOKED) and details is not None:
        reason = getattr(details.revocation_reason, "native", details.revocation_reason)
        if reason == "certificate_hold":
            return "INDETERMINATE", "TRY_LATER"
    # Clause 5.2.6.4: a certificate that signed itself has no chain to an anchor. pyHanko calls that a constraint.
    itself = certificate is not None and certificate.self_signed in ("yes", "maybe")
    if sub is AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE and itself:
        return "INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND"
    # Clauses 5.3.4 and 5.5.4: proven to be too late or too early is final. pyHanko keeps version 1.1.1's INDETERMINATE.
    if sub in (AdESIndeterminate.EXPIRED, AdESIndeterminate.NOT_YET_VALID):
        return "TOTAL-FAILED", str(sub.standard_name)
    return ("TOTAL-FAILED" if sub.status is AdESStatus.FAILED else "INDETERMINATE"), str(sub.standard_name)


def _chain(status: Any) -> tuple[x509.Certificate, ...]:
    path = getattr(status, "validation_path", None)
    return tuple(path.iter_certs(include_root=True)) if path is not None else ()
