"""Which PAdES baseline level a signature reaches (EN 319 142-1 clause 6): what it carries, not whom one trusts."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from asn1crypto import cms, x509
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from services.sign.signature_stores import SecurityStores, Store

Level = Literal["B-B", "B-T", "B-LT", "B-LTA"]


class Stamp(NamedTuple):
    """A document time-stamp whose own signature is right and which covers its whole revision."""

    revision: int
    token: cms.SignedData


def level(
    signature: EmbeddedPdfSignature,
    chain: Sequence[x509.Certificate],
    stamps: Iterable[Stamp],
    stores: SecurityStores,
) -> Level | None:
    """The level, or None where it is no PAdES baseline signature at all.

    `chain` is the signer's, up to its anchor; where none was found, the certificates in the container stand for it.
    """
    if not is_baseline(signature):
        return None
    later = [stamp for stamp in stamps if stamp.revision > signature.signed_revision]
    later.sort(key=lambda stamp: stamp.revision)
    own = [
        token
        for token in generic_cms.extract_tst_data_iter(signature.signer_info, signed=False)
        if _of(signature, token)
    ]
    if not own and not later:
        return "B-B"
    # What proves the time needs its revocation data as much as the signer does.
    needed = [*(chain or _certificates(signature.signed_data)), *_certificates(own[0] if own else later[0].token)]
    if not _complete(stores.newest, needed):
        return "B-T"
    # The archive time-stamp has to cover the data that the level below consists of (table 1, requirement (k)).
    archived = any(_complete(stores.of(stamp.revision), needed) for stamp in later)
    return "B-LTA" if archived else "B-LT"


def is_baseline(signature: EmbeddedPdfSignature) -> bool:
    """EN 319 142-1 table 1: what every baseline signature has, and what none may have."""
    names = attributes(signature)
    return (
        signature.sig_object.get("/SubFilter") == "/ETSI.CAdES.detached"
        and names.count("content_type") == names.count("message_digest") == 1
        and has_signing_certificate(signature)
        and "signing_time" not in names
        and "/M" in signature.sig_object
        and "/Cert" not in signature.sig_object
    )


def has_signing_certificate(signature: EmbeddedPdfSignature) -> bool:
    """Whether the signed attributes say which certificate was meant (EN 319 122-1 clause 5.2.2)."""
    return not {"signing_certificate", "signing_certificate_v2"}.isdisjoint(attributes(signature))


def attributes(signature: EmbeddedPdfSignature) -> list[str]:
    """The names of the signed attributes; asn1crypto's `.native` of all of them would cost more than the signature."""
    return [attribute["type"].native for attribute in signature.signer_info["signed_attrs"]]


def _of(signature: EmbeddedPdfSignature, token: cms.SignedData) -> bool:
    """Whether a signature time-stamp is of this signature value (EN 319 122-1 clause 5.3)."""
    imprint = token["encap_content_info"]["content"].parsed["message_imprint"]
    try:
        digest = hashlib.new(imprint["hash_algorithm"]["algorithm"].native, signature.signer_info["signature"].native)
    except ValueError:
        return False
    return bool(digest.digest() == imprint["hashed_message"].native)


def _certificates(token: cms.SignedData) -> list[x509.Certificate]:
    return [each.chosen for each in token["certificates"] if each.name == "certificate"]


def _complete(store: Store | None, chain: Sequence[x509.Certificate]) -> bool:
    """Whether a security store has what every certificate needs that says where its status is published."""
    return store is not None and all(
        store.speaks_of(each) for each in chain if each.ocsp_urls or each.crl_distribution_points
    )
