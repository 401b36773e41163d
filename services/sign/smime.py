"""The S/MIME of a letter: the verdict on each signature, and what to warn an officer of. For the child process.

Where signatures lie and what they are over is in smime_parts.py, how one is judged in smime_signature.py, what a
verdict rests on in smime_policy.py.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from asn1crypto import x509
from pyhanko.sign.ades.report import AdESIndeterminate, AdESPassed, AdESStatus

from contracts import findings
from contracts.findings import SignatureVerdict
from services.sign import smime_addresses, smime_headers, smime_parts, smime_signature, smime_words
from services.sign.fetch_questions import Outside
from services.sign.message import Message
from services.sign.signature_policy import MALFORMED
from services.sign.signer_facts import clean, named, written
from services.sign.smime_parts import Found, Signed
from services.sign.smime_signature import Answer, Judged
from services.sign.trust import TrustStore
from services.sign.warnings import Code, warning

_DIGESTS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})

Indication = Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"]


class Report(NamedTuple):
    """What the S/MIME of a letter is worth."""

    verdicts: list[SignatureVerdict]
    warnings: list[findings.Warning]


def judge(taken: Message, trust: TrustStore, now: datetime, outside: Outside | None = None) -> Report:
    """The verdict on every S/MIME signature of a letter and of the mails in it, and what to be warned of.

    Revocation data and certificates that the signatures lack are fetched `outside`, if at all.
    """
    report = Report([], [])
    left = smime_parts.SIGNATURES
    mails, left_out = smime_parts.find(taken)
    if left_out:
        report.warnings.append(warning("parts_left_out", detail=left_out))
    for found in mails:
        named = _Named()
        for signed in found.signed[:left]:
            answer = smime_signature.judge(signed, trust, now, outside)
            report.verdicts.extend(_verdict(signed, judged, trust) for judged in answer.judged)
            report.warnings.extend(_structure(signed, answer, found))
            for judged in answer.judged:
                named.add(judged)
        if len(found.signed) > left:
            report.warnings.append(warning("parts_left_out", detail=f"> {smime_parts.SIGNATURES} S/MIME"))
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


def _structure(signed: Signed, answer: Answer, found: Found) -> Iterator[findings.Warning]:
    """What stands outside the signed part, what of the structure is odd, which header fields were not signed so."""

    def detail(*said: str) -> str:
        return ": ".join(filter(None, (signed.part, ", ".join(said))))

    if signed.outside:
        footer = signed.coverage == "earlier revision"
        code: Code = "smime_footer" if footer else "smime_unsigned_content"
        yield warning(code, detail=detail(*signed.outside[:10]))
    irregular = [*signed.irregular, *([f"protocol {signed.foreign}"] if signed.foreign else [])]
    if answer.digests and (claimed := _claimed(signed.micalg)) and not claimed & answer.digests:
        irregular.append(f"micalg={signed.micalg}, {', '.join(sorted(answer.digests))}")
    if irregular:
        yield warning("smime_irregular", detail=detail(*irregular))
    if answer.left_out:
        yield warning("parts_left_out", detail=f"> {smime_signature.SIGNERS} S/MIME signers")
    header = smime_headers.protected(signed.entity) if signed.entity is not None else None
    # What was signed is known only where the signature holds.
    if header is not None and any(judged.sub.status is not AdESStatus.FAILED for judged in answer.judged):
        differing = smime_headers.differing(found.root.header, header)
        if differing:
            yield warning("smime_headers_differ", detail=detail(*differing))


def _claimed(micalg: str) -> set[str]:
    """The digests that it names (RFC 8551 section 3.5.3.2); empty if one of them is not known."""
    named = {item.strip().strip('"').replace("-", "") for item in micalg.split(",")}
    return named if named <= _DIGESTS else set()


def _verdict(signed: Signed, judged: Judged, trust: TrustStore) -> SignatureVerdict:
    sub, coverage = judged.sub, signed.coverage
    if sub is AdESIndeterminate.SIGNED_DATA_NOT_FOUND:
        coverage = "unknown"
    indication: Indication = "INDETERMINATE"
    if sub.status is not AdESStatus.INDETERMINATE:
        indication = "TOTAL-PASSED" if sub.status is AdESStatus.PASSED else "TOTAL-FAILED"
    name = None if sub is AdESPassed.OK else str(sub.standard_name)
    words = smime_words.explain(indication, name, coverage, judged.sought, in_time=_in_time(judged))
    if not trust.anchors:
        words = smime_words.without_store(intact=judged.intact, coverage=coverage)
    moment = written(judged.signed_at)
    return SignatureVerdict(
        kind="smime",
        part=signed.part,
        indication=indication if trust.anchors else None,
        sub_indication=name if trust.anchors else None,
        signer=named(judged.signer, "subject"),
        issuer=named(judged.signer, "issuer"),
        signed_at=moment,
        time_source=judged.time_source if moment else "unknown",
        coverage=coverage,
        trust_store=trust.version,
        explanation=words,
        covers="" if coverage == "unknown" else "message" if coverage == "whole" else "part",
        addresses=tuple(map(clean, _addresses(judged.signer))),
    )


def _in_time(judged: Judged) -> bool:
    """Whether it is proven that the signature was made before its certificate ended."""
    if judged.time_source != "timestamp" or judged.signer is None or judged.signed_at is None:
        return False
    try:
        return bool(judged.signed_at <= judged.signer.not_valid_after)
    except MALFORMED:  # a date that is none
        return False


class _Named:
    """The addresses of all who signed one mail: whom it is from has to be one of them (RFC 8550 section 3)."""

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._certificates = 0

    def add(self, judged: Judged) -> None:
        if judged.signer is not None and judged.sub.status is not AdESStatus.FAILED:
            self._certificates += 1
            self._addresses += _addresses(judged.signer)

    def against(self, found: Found) -> Iterator[findings.Warning]:
        """What to be warned of."""
        if not self._certificates:
            return
        authors = smime_addresses.of_field(found.root.header, "From")
        said = {"sender": ", ".join(authors) or "-", "signer": ", ".join(dict.fromkeys(self._addresses)) or "-"}
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
