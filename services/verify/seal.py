"""The seal of a receipt: one PAdES signature over the whole file, by whom, valid when, and worth what."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asn1crypto import x509
from msgspec import Struct
from pyhanko.pdf_utils.generic import parse_pdf_date
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from contracts.receipt import Receipt, Seal, Text
from contracts.values import from_instant
from services.sign.signature_policy import LIMITS
from services.sign.trust import TrustStore
from services.verify import certificates
from services.verify.receipt_file import MALFORMED
from services.verify.report import Finding
from services.verify.sentences import say
from services.verify.signed import NotSignedError, Signed

PADES: Final = "/ETSI.CAdES.detached"
TOLERANCE: Final = timedelta(minutes=5)
"""Clocks of two machines may differ; a time that says otherwise by less is no contradiction."""


class _Place(Struct, frozen=True):
    """Where a signature lies in the file, and what it is."""

    ranges: tuple[int, ...]
    contents: bytes
    kind: str
    dated: datetime | None
    """When it was made, as the signature dictionary says (/M)."""


_UNREADABLE: Final = _Place((), b"", "", None)
"""Stands for a signature of which not even the place can be read."""


class Sealed(Struct, frozen=True):
    """What the other checks need of the seal."""

    certificate: x509.Certificate | None
    trusted: bool
    """Whether somebody whom the verifier trusts stands for the certificate."""

    @property
    def by(self) -> str | None:
        """Whom the certificate names."""
        return certificates.called(self.certificate) if self.certificate else None


NO_SEAL: Final = Sealed(None, False)


def check(pdf: bytes | None, receipt: Receipt, trust: TrustStore, now: datetime) -> tuple[list[Finding], Sealed]:
    """Everything about the seal."""
    places = _places(pdf) if pdf is not None else []
    unsealed = receipt.kind == "provisional" or receipt.seal.kind == "none"
    if not places:
        return [say("seal_provisional" if unsealed else "seal_none")], NO_SEAL
    if len(places) > 1:
        return [say("seal_many", count=len(places))], NO_SEAL
    assert pdf is not None
    try:
        signed = Signed.read(places[0].contents)
    except NotSignedError:
        return [say("seal_broken")], NO_SEAL
    found = [say(_integrity(pdf, places[0], signed))]
    if unsealed:
        found.append(say("seal_on_provisional"))
    sealed = Sealed(signed.certificate, False)
    if found[0].status == "contradicted":
        return found, sealed
    stands = certificates.chain(signed.certificate, signed.others, trust, from_instant(receipt.issued_at))
    found += _who(signed.certificate, receipt.seal, stands)
    found += _when(signed.certificate, from_instant(receipt.issued_at), places[0].dated, now)
    found += _test(signed.certificate, receipt.seal)
    return found, Sealed(signed.certificate, stands in certificates.TRUSTED)


def _places(pdf: bytes) -> list[_Place]:
    """Every signature and document time-stamp in the file."""
    try:
        return list(_filled(PdfFileReader(io.BytesIO(pdf), strict=True, decode_limits=LIMITS)))
    except MALFORMED:
        return [_UNREADABLE]


def _filled(reader: PdfFileReader) -> Iterator[_Place]:
    for _, dictionary, _ in enumerate_sig_fields(reader, filled_status=True):
        try:
            entry: Any = dictionary.get_object()
            ranges = tuple(int(value) for value in entry["/ByteRange"])
            yield _Place(ranges, bytes(entry.raw_get("/Contents")), str(entry.get("/SubFilter", "")), _dated(entry))
        except MALFORMED:
            yield _UNREADABLE


def _dated(entry: Any) -> datetime | None:
    try:
        moment = parse_pdf_date(entry["/M"])
    except MALFORMED:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _integrity(pdf: bytes, place: _Place, signed: Signed) -> str:
    """The two signed ranges, and between them nothing but the signature itself, are the file."""
    if len(place.ranges) != 4 or place.kind != PADES:
        return "seal_broken"
    start, before, behind, rest = place.ranges
    if start != 0 or not 0 < before < behind or rest < 0:
        return "seal_broken"
    if behind + rest != len(pdf):
        return "seal_added"
    gap = pdf[before:behind]
    try:
        alone = gap[:1] == b"<" and gap[-1:] == b">" and bytes.fromhex(gap[1:-1].decode("ascii")) == place.contents
    except ValueError:
        return "seal_broken"
    if not alone or any(place.contents[signed.octets :]):
        return "seal_broken"

    def digest(algorithm: str) -> bytes:
        found = hashlib.new(algorithm, pdf[:before])
        found.update(pdf[behind:])
        return found.digest()

    return "seal_intact" if signed.covers(digest) else "seal_broken"


def _who(certificate: x509.Certificate, seal: Seal, stands: certificates.Chain) -> Iterator[Finding]:
    name = certificates.called(certificate)
    if not certificates.may_sign(certificate):
        yield say("seal_unfit", name=name)
    case = {
        "pinned": "seal_pinned",
        "trusted": "seal_trusted",
        "no store": "seal_no_store",
        "unknown": "seal_stranger",
        "unfit": "seal_unfit_chain",
        "out of date": "seal_unfit_chain",
    }[stands]
    yield say(case, name=name)
    if stands not in certificates.TRUSTED or seal.kind in ("test", "none"):
        return
    by = seal.by.value if isinstance(seal.by, Text) else ""
    # Many are certified by one authority: that it stands for somebody does not make him the sealer.
    same = stands == "pinned" or certificates.names(certificate, by)
    yield say("seal_owner", by=by) if same else say("seal_other_owner", by=by or "?", name=name)
    if stands == "trusted":
        yield say("seal_withdrawn", issuer=certificates.issued_by(certificate))


def _when(certificate: x509.Certificate, issued: datetime, dated: datetime | None, now: datetime) -> Iterator[Finding]:
    """Both times are the sealer's own word; a seal made out of its certificate's time is none by either."""
    begins, ends = certificates.validity(certificate)
    outside = [at for at in (issued, dated) if at is not None and not begins <= at <= ends]
    if outside:
        yield say("seal_expired", begins=begins, ends=ends, at=outside[0])
    elif issued > now + TOLERANCE:
        yield say("seal_future", at=issued)
    elif now > ends:
        yield say("seal_expired_since", at=issued, ends=ends)
    else:
        yield say("seal_in_time", at=issued)


def _test(certificate: x509.Certificate, seal: Seal) -> Iterator[Finding]:
    if seal.kind == "test":
        yield say("test_seal")
    elif certificates.is_test(certificate):
        yield say("test_for_real", by=seal.by.value if isinstance(seal.by, Text) else "?")
