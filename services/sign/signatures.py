"""PDF signatures, judged by ETSI EN 319 102-1 with pyHanko's AdES engine. For the child process only.

What the verdicts rest on is in signature_policy.py; the standard's steps, and where the engine's word is not the
standard's, in signature_clauses.py.
"""

import asyncio
from datetime import datetime

import msgspec
from pyhanko.pdf_utils.misc import PdfDecodeLimitError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from contracts.findings import SignatureVerdict
from services.sign import signature_fields, verdict_words
from services.sign.certificate_holder import holder
from services.sign.fetch_questions import Outside
from services.sign.fetching import WORTH_ASKING, Asking
from services.sign.signature_clauses import Judge, constrained, signer_of
from services.sign.signature_fields import SIGNATURES, Field, may_be_signed
from services.sign.signature_level import Stamp, level
from services.sign.signature_policy import MALFORMED
from services.sign.signature_proofs import Proof
from services.sign.signature_stores import SecurityStores
from services.sign.signer_facts import clean, named, written
from services.sign.trust import TrustStore
from services.sign.verdict_words import Coverage

__all__ = ["SignatureLimitError", "UnreadableSignatureError", "judge", "may_be_signed", "unfinished"]

_SUPPORTED = frozenset({"/adbe.pkcs7.detached", "/adbe.pkcs7.sha1", "/ETSI.CAdES.detached", "/ETSI.RFC3161"})


class UnreadableSignatureError(Exception):
    """The file seems to carry a signature, but cannot be read far enough to find it."""


class SignatureLimitError(Exception):
    """Reading the file would cost more than a letter may."""


def judge(
    octets: bytes, part: str, trust: TrustStore, now: datetime, outside: Outside | None = None
) -> list[SignatureVerdict]:
    """The verdict on every signature of a PDF file, in the order they were made.

    What the file lacks for them is fetched `outside`, if at all.

    Raises:
        UnreadableSignatureError: the file shows signs of a signature, and no reading finds it.
        SignatureLimitError: the file unpacks to more than the limits.
    """
    if not may_be_signed(octets):
        return []
    shown = signature_fields.shown(octets)
    try:
        reader, fields = signature_fields.read(octets)
        gone = signature_fields.lost(reader, fields) if shown > len(fields) else []
        found = _File(reader, part, trust, now, outside).verdicts(fields)
    except PdfDecodeLimitError as error:
        raise SignatureLimitError(_reason(error)) from error
    except signature_fields.EncryptedError:
        return [unfinished(part, trust, verdict_words.ENCRYPTED)] if shown else []
    except MALFORMED as error:
        if b"/ByteRange" in octets:
            raise UnreadableSignatureError(_reason(error)) from error
        return []
    found += [(revision, _removed(part, name, revision, reader, trust)) for revision, name in gone]
    if shown and not found:
        raise UnreadableSignatureError("no field of the form names the signature")
    return [verdict for _, verdict in sorted(found, key=lambda item: item[0])]


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


class _File:
    """The signatures of one file, judged from the newest on: a later time-stamp proves an earlier signature."""

    def __init__(
        self, reader: PdfFileReader, part: str, trust: TrustStore, now: datetime, outside: Outside | None
    ) -> None:
        self._reader, self._part, self._trust, self._now, self._outside = reader, part, trust, now, outside
        self._stores = SecurityStores(reader)
        self._stamps: list[Stamp] = []
        self._proofs: list[Proof] = []

    def verdicts(self, fields: list[Field]) -> list[tuple[int, SignatureVerdict]]:
        """Each signature's revision and verdict, in no order."""
        found: list[tuple[int, SignatureVerdict]] = []
        embedded: list[EmbeddedPdfSignature] = []
        for field in fields[:SIGNATURES]:
            if field.dictionary.get("/SubFilter") not in _SUPPORTED:
                found.append(
                    (0, self._named(unfinished(self._part, self._trust, verdict_words.UNSUPPORTED), field.name))
                )
                continue
            try:
                if not signature_fields.ranges_are_sound(field.dictionary):
                    raise ValueError("no ByteRange of a PDF signature")
                embedded.append(EmbeddedPdfSignature(self._reader, field.field, field.name))
            except PdfDecodeLimitError:
                raise
            except MALFORMED:
                found.append((0, self._malformed(field.name)))
        asyncio.run(self._all(embedded, found))
        return found

    async def _all(self, embedded: list[EmbeddedPdfSignature], found: list[tuple[int, SignatureVerdict]]) -> None:
        judge = Judge(embedded, self._stores, self._trust, self._now)
        for signature in sorted(embedded, key=lambda each: each.signed_revision, reverse=True):
            try:
                found.append((signature.signed_revision, await self._one(signature, judge)))
            except PdfDecodeLimitError:
                raise
            except MALFORMED:
                found.append((signature.signed_revision, self._malformed(str(signature.field_name))))

    async def _one(self, signature: EmbeddedPdfSignature, judge: Judge) -> SignatureVerdict:
        signature.compute_integrity_info()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
        coverage = _coverage(signature)
        stamp = signature.sig_object_type == "/DocTimeStamp"
        check = judge.timestamp if stamp else judge.signature
        judged, asking = await check(signature, self._proofs), None
        if self._outside is not None and self._trust.anchors and judged.sub_indication in WORTH_ASKING:
            asking = Asking(self._outside, self._now)
            judged = await check(signature, self._proofs, asking)
            asking.settle(useful=judged.sub_indication not in WORTH_ASKING)
        judged = constrained(judged, signature, coverage)
        if stamp and judged.intact and coverage != "unknown":
            self._stamps.append(Stamp(signature.signed_revision, signature.signed_data))
            if judged.indication == "TOTAL-PASSED" and judged.signed_at is not None:
                self._proofs.append(Proof(signature, judged.signed_at))
        sought = asking.sought if asking is not None else None
        words = verdict_words.explain(judged.indication, judged.sub_indication, coverage, sought)
        if not self._trust.anchors:
            words = verdict_words.without_store(intact=judged.intact, coverage=coverage)
        certificate = signer_of(signature)
        reached = None
        if not stamp and certificate and judged.indication != "TOTAL-FAILED" and coverage != "unknown":
            reached = level(signature, judged.chain, self._stamps, self._stores)
        return SignatureVerdict(
            kind="pdf",
            part=self._part,
            field=clean(signature.field_name or ""),
            indication=judged.indication if self._trust.anchors else None,
            sub_indication=judged.sub_indication if self._trust.anchors else None,
            signer=named(certificate, "subject"),
            issuer=named(certificate, "issuer"),
            signed_at=written(judged.signed_at),
            time_source=judged.time_source if judged.signed_at else "unknown",
            coverage=coverage,
            trust_store=self._trust.version,
            explanation=f"{verdict_words.TIMESTAMP} {words}" if stamp else words,
            revision=signature.signed_revision + 1,
            revisions=self._reader.xrefs.total_revisions,
            level=reached,
            holder=holder(certificate) if certificate and not stamp else None,
        )

    def _malformed(self, name: str) -> SignatureVerdict:
        """A signature that is there but is no signature by the standard (EN 319 102-1 clause 5.2.2, table 5)."""
        base = self._named(unfinished(self._part, self._trust), name)
        if not self._trust.anchors:
            words = verdict_words.without_store(intact=None, coverage="unknown")
            return msgspec.structs.replace(base, explanation=words)
        words = verdict_words.explain("TOTAL-FAILED", "FORMAT_FAILURE", "unknown")
        return msgspec.structs.replace(
            base, indication="TOTAL-FAILED", sub_indication="FORMAT_FAILURE", explanation=words
        )

    def _named(self, verdict: SignatureVerdict, name: str) -> SignatureVerdict:
        return msgspec.structs.replace(verdict, field=clean(name))


def _removed(part: str, name: str, revision: int, reader: PdfFileReader, trust: TrustStore) -> SignatureVerdict:
    """A signature that the file once showed: nobody asked for its removal but whoever wrote the later revision."""
    return msgspec.structs.replace(
        unfinished(part, trust, verdict_words.REMOVED),
        field=clean(name),
        coverage="changed afterwards",
        revision=revision + 1,
        revisions=reader.xrefs.total_revisions,
    )


def _coverage(signature: EmbeddedPdfSignature) -> Coverage:
    """What of the file as it lies here was signed."""
    # In a hybrid file two readers may see two documents; the standard's word for it is as good as none.
    if signature.reader.xrefs.hybrid_xrefs_present or not _gap_is_the_signature(signature):
        return "unknown"
    if signature.coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return "whole"
    if signature.coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
        return "unknown"
    if not signature_fields.tail_is_blank(signature.reader):
        return "changed afterwards"
    if signature.signed_revision == signature.reader.xrefs.total_revisions - 1:
        return "whole"
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


def _reason(error: BaseException) -> str:
    return clean(str(error).split("\n", 1)[0] or type(error).__name__)[:200]
