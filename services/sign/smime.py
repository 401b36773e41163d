"""S/MIME signatures, judged by ETSI EN 319 102-1 with pyHanko's AdES engine. For the child process only.

Where they lie and what they are over is in smime_parts.py, what a verdict rests on in smime_policy.py.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from asn1crypto import cms, core, x509
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESPassed, AdESStatus, AdESSubIndic
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.policy_decl import LocalKnowledge
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from contracts import findings
from contracts.findings import SignatureVerdict
from contracts.values import instant
from services.sign import smime_addresses, smime_headers, smime_parts, smime_words
from services.sign.message import Message
from services.sign.signature_policy import MALFORMED
from services.sign.smime_parts import Found, Signed
from services.sign.smime_policy import carried, mail_spec
from services.sign.thai import scrub, tidy
from services.sign.trust import TrustStore
from services.sign.warnings import warning

SIGNERS: Final = 8
"""Most signers of one signature that are judged (RFC 5652 section 5.1: any number may sign side by side)."""

Indication = Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"]


class Report(NamedTuple):
    """What the S/MIME of a letter is worth."""

    verdicts: list[SignatureVerdict]
    warnings: list[findings.Warning]


class _Judged(NamedTuple):
    sub: AdESSubIndic
    intact: bool | None = None
    signer: x509.Certificate | None = None
    signed_at: datetime | None = None
    time_source: Literal["claimed", "timestamp"] = "claimed"


_MALFORMED = _Judged(AdESFailure.FORMAT_FAILURE)
_TOO_DEEP = _Judged(AdESIndeterminate.GENERIC)
_NOTHING_SIGNED = _Judged(AdESIndeterminate.SIGNED_DATA_NOT_FOUND)


def judge(taken: Message, trust: TrustStore, now: datetime) -> Report:
    """The verdict on every S/MIME signature of a letter and of the mails in it, and what to be warned of."""
    report = Report([], [])
    left = smime_parts.SIGNATURES
    for found in smime_parts.find(taken):
        if len(found.signed) > left:
            detail = f"> {smime_parts.SIGNATURES} S/MIME"
            report.warnings.append(warning("parts_left_out", detail=detail))
        named = _Named()
        for signed in found.signed[:left]:
            report.warnings.extend(_structure(signed, found))
            for judged in _signers(signed, trust, now, report):
                report.verdicts.append(_verdict(signed, judged, trust))
                named.add(judged)
        left -= len(found.signed[:left])
        report.warnings.extend(named.against(found))
        report.warnings.extend(warning("smime_encrypted", name=name) for name in found.encrypted)
        report.warnings.extend(warning("smime_not_checked", name=name) for name in found.unread)
    return report


def unfinished(trust: TrustStore) -> SignatureVerdict:
    """Stands where a letter shows signs of a signature and no verdict was reached."""
    return SignatureVerdict(
        kind="smime",
        part="",
        indication="INDETERMINATE" if trust.anchors else None,
        sub_indication="GENERIC" if trust.anchors else None,
        signer=None,
        issuer=None,
        signed_at=None,
        time_source="unknown",
        coverage="unknown",
        trust_store=trust.version,
        explanation=smime_words.NOT_FINISHED,
    )


def _structure(signed: Signed, found: Found) -> Iterator[findings.Warning]:
    where = signed.part or "message"
    if signed.outside and signed.contents:
        code: Literal["smime_footer", "smime_unsigned_content"] = (
            "smime_footer" if signed.coverage == "earlier revision" else "smime_unsigned_content"
        )
        yield warning(code, name=where, detail=", ".join(signed.outside[:10]))
    irregular = [*signed.irregular, *([f"protocol {signed.foreign}"] if signed.foreign else [])]
    if irregular:
        yield warning("smime_irregular", name=where, detail=", ".join(irregular))
    header = smime_headers.protected(signed.entity) if signed.entity is not None else None
    if header is not None and signed.coverage == "whole":
        differing = smime_headers.differing(found.root.header, header)
        if differing:
            yield warning("smime_headers_differ", name=where, detail=", ".join(differing))


def _signers(signed: Signed, trust: TrustStore, now: datetime, report: Report) -> Sequence[_Judged]:
    """What each signer's signature is worth; one answer at least, so that none is passed over in silence."""
    try:
        file = cms.ContentInfo.load(signed.cms)
        data = file["content"] if file["content_type"].native == "signed_data" else None
        signers = [] if data is None else list(data["signer_infos"])
        # A signature that lies beside its content must not carry another (RFC 8551 section 3.5.3.1).
        doubled = data is not None and signed.detached and not _is_absent(data["encap_content_info"]["content"])
    except MALFORMED:
        return [_MALFORMED]
    except RecursionError:
        return [_TOO_DEEP]
    if data is None or not signers or doubled or signed.foreign:
        return [_MALFORMED]
    if not signed.contents:
        return [_NOTHING_SIGNED]
    used = {signer["digest_algorithm"]["algorithm"].native for signer in signers}
    if (named := _named_digests(signed.digests)) and not named & used:
        detail = f"micalg={signed.digests}, {', '.join(sorted(map(str, used)))}"
        report.warnings.append(warning("smime_irregular", name=signed.part or "message", detail=detail))
    if len(signers) > SIGNERS:
        report.warnings.append(warning("parts_left_out", detail=f"> {SIGNERS} S/MIME signers"))
    return [_signer(data, signer, signed, trust, now) for signer in signers[:SIGNERS]]


def _named_digests(micalg: str) -> set[str]:
    """The digests that it names and that are known (RFC 8551 section 3.5.3.2); empty if one is not."""
    named = {item.strip().strip('"').replace("-", "") for item in micalg.split(",")}
    return named if named <= {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} else set()


def _is_absent(value: core.Asn1Value) -> bool:
    return isinstance(value, core.Void)


def _signer(data: cms.SignedData, signer: cms.SignerInfo, signed: Signed, trust: TrustStore, now: datetime) -> _Judged:
    """One signer's signature over the content as it lies there; failing that, with the line ends it was made with."""
    try:
        if not _has_attributes(signer):
            return _MALFORMED
        single = _single(data, signer)
        best: _Judged | None = None
        for content in _candidates(signed):
            judged = asyncio.run(_validate(single, signer, content, trust, carried(data), now))
            if judged.sub is not AdESFailure.HASH_FAILURE:
                return judged
            best = best or judged
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


def _candidates(signed: Signed) -> Iterator[bytes]:
    for content in signed.contents:
        yield content
        if signed.detached and (canonical := smime_parts.canonical(content)) != content:
            yield canonical


def _single(data: cms.SignedData, signer: cms.SignerInfo) -> cms.SignedData:
    """The same with this signer alone, and without the content: the engine takes one signature at a time."""
    fields = {
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
    content: bytes,
    trust: TrustStore,
    known: LocalKnowledge,
    now: datetime,
) -> _Judged:
    """Basic validation (EN 319 102-1 clause 5.3); with time (5.5) where there is a time-stamp."""
    digest = _digest(signer["digest_algorithm"]["algorithm"].native, content)
    if digest is None:
        return _Judged(AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE)
    certificate = _certificate(single)
    claimed = generic_cms.extract_self_reported_ts(signer) if not _is_absent(signer["signed_attrs"]) else None
    rules = mail_spec(trust, known, certificate)
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    basic = await ades.ades_basic_validation(single, rules, timing_info=timing, raw_digest=digest)
    status = basic.api_status
    intact = bool(status.intact and status.valid) if status is not None else None
    judged = _Judged(basic.ades_subindic, intact, certificate, claimed)
    early = certificate is not None and certificate.not_valid_before > now
    if early and judged.sub is AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE:
        # Not yet valid is out of bounds as well (clause 5.2.6.4); the engine has a word for expired alone.
        judged = judged._replace(sub=AdESIndeterminate.OUT_OF_BOUNDS_NO_POE)
    if judged.sub.status is AdESStatus.FAILED or not _is_stamped(signer):
        return judged
    timed = await ades.ades_with_time_validation(single, rules, timing_info=timing, raw_digest=digest)
    stamp = timed.api_status.timestamp_validity if timed.api_status else None
    if stamp is None or not stamp.trusted or not stamp.intact:
        return judged  # a time-stamp that nobody trusts is no evidence either way (clause 5.5.4)
    judged = judged._replace(signed_at=stamp.timestamp, time_source="timestamp")
    if timed.ades_subindic is AdESPassed.OK and judged.sub is AdESIndeterminate.REVOKED_NO_POE:
        return judged._replace(sub=AdESPassed.OK)
    return judged


def _digest(algorithm: str, content: bytes) -> bytes | None:
    try:
        running = hashes.Hash(get_pyca_cryptography_hash(algorithm))
    except (ValueError, AttributeError, TypeError, NotImplementedError):
        return None
    running.update(content)
    return running.finalize()


def _certificate(single: cms.SignedData) -> x509.Certificate | None:
    try:
        return extract_certificate_info(single).signer_cert
    except CMSExtractionError:
        return None


def _is_stamped(signer: cms.SignerInfo) -> bool:
    return next(iter(generic_cms.extract_tst_data_iter(signer, signed=False)), None) is not None


def _verdict(signed: Signed, judged: _Judged, trust: TrustStore) -> SignatureVerdict:
    sub, coverage = judged.sub, signed.coverage
    if sub is AdESIndeterminate.SIGNED_DATA_NOT_FOUND:
        coverage = "unknown"
    indication: Indication = "INDETERMINATE"
    if sub.status is not AdESStatus.INDETERMINATE:
        indication = "TOTAL-PASSED" if sub.status is AdESStatus.PASSED else "TOTAL-FAILED"
    name = None if sub is AdESPassed.OK else str(sub.standard_name)
    words = smime_words.explain(indication, name, coverage)
    if not trust.anchors:
        words = smime_words.without_store(intact=judged.intact, coverage=coverage)
    certificate = judged.signer
    moment = _instant(judged.signed_at)
    return SignatureVerdict(
        kind="smime",
        part=signed.part,
        indication=indication if trust.anchors else None,
        sub_indication=name if trust.anchors else None,
        signer=(_clean(certificate.subject.human_friendly) or None) if certificate else None,
        issuer=(_clean(certificate.issuer.human_friendly) or None) if certificate else None,
        signed_at=moment,
        time_source=judged.time_source if moment else "unknown",
        coverage=coverage,
        trust_store=trust.version,
        explanation=words,
        covers="" if coverage == "unknown" else "message" if coverage == "whole" else "part",
        addresses=tuple(map(_clean, _addresses(certificate))),
    )


class _Named:
    """The addresses of all who signed one mail: whom it is from has to be one of them (RFC 8550 section 3)."""

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._certificates = 0

    def add(self, judged: _Judged) -> None:
        if judged.signer is not None and judged.sub.status is not AdESStatus.FAILED:
            self._certificates += 1
            self._addresses += _addresses(judged.signer)

    def against(self, found: Found) -> Iterator[findings.Warning]:
        """What to be warned of."""
        authors = smime_addresses.of_field(found.root.header, "From")
        said = {"sender": ", ".join(authors) or "-", "signer": ", ".join(dict.fromkeys(self._addresses)) or "-"}
        if not self._certificates:
            return
        if not self._addresses:
            yield warning("smime_without_address", **said)
        elif not authors or not all(smime_addresses.any_same([author], self._addresses) for author in authors):
            senders = smime_addresses.of_field(found.root.header, "Sender")
            by_sender = smime_addresses.any_same(senders, self._addresses)
            yield warning("smime_sent_for" if by_sender else "smime_from_differs", **said)


def _addresses(certificate: x509.Certificate | None) -> tuple[str, ...]:
    if certificate is None:
        return ()
    try:
        return smime_addresses.of_certificate(certificate)
    except MALFORMED:
        return ()


def _instant(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return instant(int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000)
    except (ValueError, OverflowError, OSError):
        return None


def _clean(text: str) -> str:
    return tidy(scrub(text))[:500]
