"""The signed head of the book that the receipt carries: it leads to the row, and was there before it (invariant 7)."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from contracts import chain
from contracts.receipt import Head, Receipt, Unknown
from contracts.register import LetterEntered
from contracts.values import from_instant
from services.sign.trust import TrustStore
from services.verify import certificates
from services.verify.report import Finding
from services.verify.seal import TOLERANCE, Sealed
from services.verify.sentences import say
from services.verify.signed import DIGESTS, NotSignedError, Signed
from services.words import wording


def check(receipt: Receipt, row: LetterEntered, sealed: Sealed, trust: TrustStore) -> Iterator[Finding]:
    """The head, its signature and its time-stamp."""
    head = receipt.proof.head
    if isinstance(head, Unknown):
        first = row.previous == chain.first_link(row.nats_subject)
        yield (
            say("head_first")
            if first
            else say("head_none", reason=head.reason, reason_thai=wording.REASONS.get(head.reason, head.reason))
        )
        return
    try:
        signed = Signed.read(head.signature)
    except NotSignedError:
        yield say("head_broken")
        return
    if not signed.covers_octets(bytes.fromhex(head.link)):
        yield say("head_broken")
        return
    wrong = list(_against(receipt, head, signed, row))
    yield from wrong
    if not wrong:
        yield _signer(head, signed, sealed, trust, len(receipt.proof.between))
    yield from _token(head, from_instant(receipt.issued_at), trust)


def links(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """Each link of the book that the receipt shows, from its head on, with the digest of the body that follows it."""
    row = receipt.proof.row
    head = receipt.proof.head
    if isinstance(head, Head):
        link = head.link
        for digest in receipt.proof.between:
            yield link, digest
            link = _next(link, digest)
        yield link, hashlib.sha256(row).hexdigest()


def _next(link: str, digest: str) -> str:
    return hashlib.sha256(bytes.fromhex(link) + bytes.fromhex(digest)).hexdigest()


def _against(receipt: Receipt, head: Head, signed: Signed, row: LetterEntered) -> Iterator[Finding]:
    """What speaks against the head, whoever signed it."""
    link = head.link
    for digest in receipt.proof.between:
        link = _next(link, digest)
    if link != row.previous:
        yield say("head_astray")
    at, issued = from_instant(head.signed_at), from_instant(receipt.issued_at)
    if at > issued + TOLERANCE:
        yield say("head_late", at=at, issued=issued)
    if not certificates.valid(signed.certificate, at):
        yield say("head_expired", at=at)
    if certificates.is_test(signed.certificate) and receipt.seal.kind != "test":
        yield say("head_test")


def _signer(head: Head, signed: Signed, sealed: Sealed, trust: TrustStore, between: int) -> Finding:
    name = certificates.called(signed.certificate)
    own = sealed.certificate is not None and sealed.certificate.dump() == signed.certificate.dump()
    stands = certificates.chain(signed.certificate, signed.others, trust, from_instant(head.signed_at))
    # Before a new key the sealer had an older one: then his name, certified by somebody trusted, is what ties them.
    heir = sealed.certificate is None or certificates.kin(sealed.certificate, signed.certificate)
    if stands == "pinned" or (stands == "trusted" and heir) or (own and sealed.trusted):
        return say("head_agrees", name=name, count=between)
    if own:
        return say("head_own", name=name)
    return say("head_other_signer" if stands == "trusted" else "head_stranger", name=name)


def _token(head: Head, issued: datetime, trust: TrustStore) -> Iterator[Finding]:
    if head.token is None:
        yield say("token_none")
        return
    try:
        signed = Signed.read(head.token)
        info = signed.stamped()
        imprint = info["message_imprint"]
        algorithm = str(imprint["hash_algorithm"]["algorithm"].native)
        matches = (
            algorithm in DIGESTS and hashlib.new(algorithm, head.signature).digest() == imprint["hashed_message"].native
        )
        at: datetime = info["gen_time"].native
    except (NotSignedError, ValueError, TypeError, KeyError):
        yield say("token_broken")
        return
    name = certificates.called(signed.certificate)
    if not matches:
        yield say("token_broken")
    elif not certificates.may_stamp(signed.certificate) or not certificates.valid(signed.certificate, at):
        yield say("token_unfit", name=name)
    elif at > issued + TOLERANCE:
        yield say("token_late", at=at, issued=issued)
    elif at < (made := from_instant(head.signed_at)) - TOLERANCE:
        yield say("token_early", at=at, signed=made)
    elif certificates.chain(signed.certificate, signed.others, trust, at, "timestamps") in certificates.TRUSTED:
        yield say("token_agrees", name=name, at=at)
    else:
        yield say("token_stranger", name=name, at=at)
