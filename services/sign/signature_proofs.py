"""Proofs of existence that the document time-stamps of a file give (EN 319 102-1 clause 5.6.2.3).

pyHanko reads them too, but only for signatures that carry a time-stamp of their own; a document time-stamp proves as
much (EN 319 142-1 clause 6.3), and a later one may prove an earlier one.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from asn1crypto import cms
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko_certvalidator.ltv.poe import POEManager, POEType

from services.sign.signature_policy import MALFORMED
from services.sign.signature_stores import SecurityStores


class Proof(NamedTuple):
    """A document time-stamp that was found good: what it covers existed at that moment."""

    stamp: EmbeddedPdfSignature
    moment: datetime


def proven(
    signatures: Sequence[EmbeddedPdfSignature], proofs: Sequence[Proof], stores: SecurityStores, now: datetime
) -> POEManager:
    """When everything that a time-stamp covers is proven to have existed; anything else exists as of `now`."""
    manager = POEManager(current_dt_override=now)
    for proof in proofs:
        revision = proof.stamp.signed_revision
        store = stores.of(revision)
        for octets in store.octets if store else ():
            manager.register(octets, POEType.VALIDATION, proof.moment)
        for signature in signatures:
            if signature.signed_revision < revision:
                with suppress(*MALFORMED):  # another signature's fault is not this one's
                    for octets in _of(signature.signed_data):
                        manager.register(octets, POEType.VALIDATION, proof.moment)
    return manager


def existed(signature: EmbeddedPdfSignature, proofs: Sequence[Proof]) -> datetime | None:
    """The earliest moment at which a document time-stamp proves a signature."""
    return min((each.moment for each in proofs if each.stamp.signed_revision > signature.signed_revision), default=None)


def _of(signed_data: cms.SignedData) -> list[bytes]:
    """Everything in a container that may need a proof: the signature value, certificates, time-stamps."""
    signer = extract_signer_info(signed_data)
    found = [signer["signature"].native]
    found += [each.chosen.dump() for each in signed_data["certificates"] if each.name == "certificate"]
    for token in generic_cms.extract_tst_data_iter(signer, signed=False):
        found += _of(token)
    return found
