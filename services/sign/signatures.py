"""PDF signatures, judged by ETSI EN 319 102-1 with pyHanko's AdES engine. For the child process only.

What the verdicts rest on is in signature_policy.py.
"""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfDecodeLimitError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate, AdESPassed, AdESStatus, AdESSubIndic
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import LocalKnowledge, PdfSignatureValidationSpec
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from contracts.findings import SignatureVerdict
from contracts.values import instant
from services.sign import verdict_words
from services.sign.anchors import below, purpose_of
from services.sign.fetch_questions import Outside
from services.sign.fetching import WORTH_ASKING, Asking
from services.sign.signature_policy import LIMITS, MALFORMED, carried, spec
from services.sign.thai import scrub, tidy
from services.sign.trust import TrustStore
from services.sign.verdict_words import Coverage

SIGNATURES = 32
"""Most signatures of one file."""

_SUPPORTED = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/ETSI.RFC3161"})

Indication = Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"]


class UnreadableSignatureError(Exception):
    """The file seems to carry a signature, but cannot be read far enough to find it."""


class SignatureLimitError(Exception):
    """Reading the file would cost more than a letter may."""


class _Judged(NamedTuple):
    sub: AdESSubIndic
    intact: bool | None
    signed_at: datetime | None
    time_source: Literal["claimed", "timestamp", "unknown"]


def may_be_signed(octets: bytes) -> bool:
    """Whether a file can carry a signature. The word may hide in a compressed object, so /ObjStm is asked too."""
    return b"/ByteRange" in octets or b"/Sig" in octets or b"/ObjStm" in octets


def judge(
    octets: bytes, part: str, trust: TrustStore, now: datetime, outside: Outside | None = None
) -> list[SignatureVerdict]:
    """The verdict on every signature of a PDF file, in the order they were made.

    Revocation data and certificates that the file lacks are fetched `outside`, if at all.

    Raises:
        UnreadableSignatureError: the file shows signs of a signature, and no reading finds it.
        SignatureLimitError: the file unpacks to more than the limits.
    """
    if not may_be_signed(octets):
        return []
    try:
        reader, fields = _read(octets)
    except PdfDecodeLimitError as error:
        raise SignatureLimitError(_reason(error)) from error
    except MALFORMED as error:
        if b"/ByteRange" in octets:
            raise UnreadableSignatureError(_reason(error)) from error
        return []
    verdicts: list[tuple[int, SignatureVerdict]] = []
    for name, dictionary, sig_field in fields[:SIGNATURES]:
        if dictionary.get("/SubFilter") not in _SUPPORTED:
            verdicts.append((0, _named(unfinished(part, trust, verdict_words.UNSUPPORTED), name)))
            continue
        try:
            signature = EmbeddedPdfSignature(reader, sig_field, name)
            verdicts.append((signature.signed_revision, asyncio.run(_one(signature, part, trust, now, outside))))
        except PdfDecodeLimitError as error:
            raise SignatureLimitError(_reason(error)) from error
        except MALFORMED:
            verdicts.append((0, _malformed(part, name, trust)))
    return [verdict for _, verdict in sorted(verdicts, key=lambda item: item[0])]


def unfinished(part: str, trust: TrustStore, words: str = verdict_words.NOT_FINISHED) -> SignatureVerdict:
    """Stands where a file shows signs of a signature and no verdict was reached."""
    return SignatureVerdict(
        kind="pdf",
        part=part,
        indication="INDETERMINATE" if trust.anchors else None,
        sub_indication="GENERIC" if trust.anchors else None,
        signer=None,
        issuer=None,
        signed_at=None,
        time_source="unknown",
        coverage="unknown",
        trust_store=trust.version,
        explanation=words,
    )


def _malformed(part: str, name: str, trust: TrustStore) -> SignatureVerdict:
    """A signature that is there but is no signature by the standard (EN 319 102-1 table 5)."""
    base = _named(unfinished(part, trust), name)
    if not trust.anchors:
        words = verdict_words.without_store(intact=None, coverage="unknown")
        return msgspec.structs.replace(base, explanation=words)
    words = verdict_words.explain("TOTAL-FAILED", "FORMAT_FAILURE", "unknown")
    return msgspec.structs.replace(base, indication="TOTAL-FAILED", sub_indication="FORMAT_FAILURE", explanation=words)


def _named(verdict: SignatureVerdict, name: str) -> SignatureVerdict:
    return msgspec.structs.replace(verdict, field=_clean(name))


def _read(octets: bytes) -> tuple[PdfFileReader, Sequence[tuple[str, Any, Any]]]:
    """The file and its filled signature fields."""
    try:
        reader = PdfFileReader(io.BytesIO(octets), strict=True, decode_limits=LIMITS)
        return reader, _fields(reader)
    except PdfDecodeLimitError:
        raise
    except MALFORMED:
        # Much official software writes files that are not quite PDF; the octets that are signed stay the same.
        reader = PdfFileReader(io.BytesIO(octets), strict=False, decode_limits=LIMITS)
        return reader, _fields(reader)


def _fields(reader: PdfFileReader) -> list[tuple[str, Any, Any]]:
    if reader.encrypted:
        reader.decrypt(b"")
    found = []
    for name, dictionary, sig_field in enumerate_sig_fields(reader, filled_status=True):
        found.append((str(name), dictionary.get_object(), sig_field))
        if len(found) >= SIGNATURES:
            break
    return found


async def _one(
    signature: EmbeddedPdfSignature, part: str, trust: TrustStore, now: datetime, outside: Outside | None
) -> SignatureVerdict:
    signature.compute_integrity_info()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    coverage = _coverage(signature)
    if signature.reader.xrefs.hybrid_xrefs_present:
        # Two readers may see two documents in such a file; the standard's word for it is as good as none.
        coverage = "unknown"
    stamp = signature.sig_object_type == "/DocTimeStamp"
    check = _timestamp if stamp else _signature
    judged, asking = await check(signature, trust, now, None), None
    if outside is not None and trust.anchors and judged.sub.standard_name in WORTH_ASKING:
        asking = Asking(outside, now)
        judged = await check(signature, trust, now, asking)
        asking.settle(useful=judged.sub.standard_name not in WORTH_ASKING)
    indication, sub = _indication(judged.sub, coverage)
    words = verdict_words.explain(indication, sub, coverage, asking.sought if asking else None)
    if not trust.anchors:
        words = verdict_words.without_store(intact=judged.intact, coverage=coverage)
    certificate: x509.Certificate = signature.signer_cert
    return SignatureVerdict(
        kind="pdf",
        part=part,
        field=_clean(signature.field_name or ""),
        indication=indication if trust.anchors else None,
        sub_indication=sub if trust.anchors else None,
        signer=_clean(certificate.subject.human_friendly) or None,
        issuer=_clean(certificate.issuer.human_friendly) or None,
        signed_at=_instant(judged.signed_at),
        time_source=judged.time_source if judged.signed_at else "unknown",
        coverage=coverage,
        trust_store=trust.version,
        explanation=f"{verdict_words.TIMESTAMP} {words}" if stamp else words,
    )


def _indication(sub: AdESSubIndic, coverage: Coverage) -> tuple[Indication, str | None]:
    if sub.status is AdESStatus.PASSED:
        if coverage == "unknown":
            return "INDETERMINATE", AdESIndeterminate.SIGNED_DATA_NOT_FOUND.standard_name
        return "TOTAL-PASSED", None
    return ("TOTAL-FAILED" if sub.status is AdESStatus.FAILED else "INDETERMINATE"), str(sub.standard_name)


def _coverage(signature: EmbeddedPdfSignature) -> Coverage:
    """What of the file as it lies here was signed."""
    if not _gap_is_the_signature(signature):
        return "unknown"
    if signature.coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return "whole"
    if signature.coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
        return "unknown"
    difference = signature.diff_result
    if not isinstance(difference, DiffResult):
        return "changed afterwards"
    allowed = signature.summarise_integrity_info()["docmdp_ok"]
    return "earlier revision" if allowed else "changed afterwards"


def _gap_is_the_signature(signature: EmbeddedPdfSignature) -> bool:
    """Nothing but the signature itself may lie between the two signed ranges."""
    ranges = [int(value) for value in signature.byte_range]
    if len(ranges) != 4 or ranges[0] != 0 or ranges[2] <= ranges[1]:
        return False
    stream = signature.reader.stream
    stream.seek(ranges[1])
    gap = stream.read(ranges[2] - ranges[1])
    try:
        return (
            gap[:1] == b"<" and gap[-1:] == b">" and bytes.fromhex(gap[1:-1].decode("ascii")) == signature.pkcs7_content
        )
    except ValueError:
        return False


async def _signature(
    signature: EmbeddedPdfSignature, trust: TrustStore, now: datetime, asking: Asking | None
) -> _Judged:
    """Basic validation (EN 319 102-1 clause 5.3); with time and past validation (5.6) where there is a time-stamp."""
    rules = spec(trust, carried(signature), purpose_of(signature.signer_cert), asking)
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    basic = await ades.ades_basic_validation(
        signature.signed_data, rules, timing_info=timing, raw_digest=signature.compute_digest()
    )
    intact = bool(basic.api_status and basic.api_status.intact and basic.api_status.valid) if basic.api_status else None
    claimed = signature.self_reported_timestamp
    judged = _Judged(basic.ades_subindic, intact, claimed, "claimed")
    if basic.ades_subindic.status is AdESStatus.FAILED or not _is_stamped(signature):
        return judged
    # Past validation reads what the file carries by itself, and with the times at which it is proven to have existed.
    alone = PdfSignatureValidationSpec(replace(rules, local_knowledge=LocalKnowledge(known_certs=below(trust))))
    past = await ades.ades_lta_validation(signature, alone, timing_info=timing)
    stamp = past.api_status.timestamp_validity if past.api_status else None
    if stamp is not None and stamp.trusted and stamp.intact:
        judged = judged._replace(signed_at=stamp.timestamp, time_source="timestamp")
    # A time-stamp that nobody trusts is no evidence either way: then the basic verdict stands (clause 5.5.4).
    if basic.ades_subindic is AdESPassed.OK:
        return judged
    return judged._replace(sub=past.ades_subindic)


async def _timestamp(
    signature: EmbeddedPdfSignature, trust: TrustStore, now: datetime, asking: Asking | None
) -> _Judged:
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    result = await ades.ades_timestamp_validation(
        signature.signed_data,
        spec(trust, carried(signature), asking=asking),
        signature.compute_digest,
        timing_info=timing,
    )
    status = result.api_status
    passed = result.ades_subindic is AdESPassed.OK
    moment = getattr(status, "timestamp", None)
    intact = bool(status.intact and status.valid) if status else None
    return _Judged(result.ades_subindic, intact, moment, "timestamp" if passed else "claimed")


def _is_stamped(signature: EmbeddedPdfSignature) -> bool:
    return next(iter(generic_cms.extract_tst_data_iter(signature.signer_info, signed=False)), None) is not None


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


def _reason(error: BaseException) -> str:
    return _clean(str(error).split("\n", 1)[0] or type(error).__name__)[:200]
