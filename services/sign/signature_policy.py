"""What the verdict on a PDF signature rests on, stated once. For the child process only.

Trust: exactly the anchors of the store that is passed in, each for what it is there for; never the system's list.
Revocation: a certificate that declares where its status is published needs a CRL or an OCSP answer. Those that the file
carries are read; what it lacks is fetched by the rules of fetcher.py where the operator wants that, since it means to
follow addresses the sender wrote. Without one the verdict is INDETERMINATE.
"""

import struct
import zlib
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache

from asn1crypto import cms, ocsp
from asn1crypto import crl as asn1_crl
from cryptography.exceptions import UnsupportedAlgorithm
from pyhanko.pdf_utils.decode_limits import DecodeLimits, DecodePurpose, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.general import MultivaluedAttributeError, NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.fetchers import FetcherBackend
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from services.sign.anchors import anchors, below
from services.sign.signature_algorithms import DatedAlgorithms
from services.sign.trust import TrustStore
from services.sign.trust_manifest import Purpose

_MIB = 1024 * 1024
LIMITS = DecodeLimits(
    per_stream=StreamDecodeLimits(max_ratio=200, ratio_floor=4 * _MIB, max_output_size=32 * _MIB),
    per_purpose={
        DecodePurpose.OBJECT_STREAM: StreamDecodeLimits(max_ratio=100, ratio_floor=4 * _MIB, max_output_size=16 * _MIB),
        DecodePurpose.XREF_STREAM: StreamDecodeLimits(max_ratio=200, ratio_floor=4 * _MIB, max_output_size=16 * _MIB),
        DecodePurpose.XMP_METADATA: StreamDecodeLimits(max_ratio=100, ratio_floor=_MIB, max_output_size=4 * _MIB),
        DecodePurpose.CERTIFICATE: StreamDecodeLimits(max_ratio=None, max_output_size=_MIB),
        DecodePurpose.OCSP_RESPONSE: StreamDecodeLimits(max_ratio=None, max_output_size=_MIB),
        DecodePurpose.CRL: StreamDecodeLimits(max_ratio=50, ratio_floor=4 * _MIB, max_output_size=16 * _MIB),
    },
    document_budget=DocumentDecodeBudget(base_allowance=96 * _MIB, max_ratio=10),
)
"""An eighth of pyHanko's defaults: an official letter is a few hundred KiB."""

REVOCATION = RevocationCheckingPolicy(
    ee_certificate_rule=RevocationCheckingRule.CHECK_IF_DECLARED,
    intermediate_ca_cert_rule=RevocationCheckingRule.CHECK_IF_DECLARED,
)

PURPOSES = frozenset(
    {
        "client_auth",
        "email_protection",
        "microsoft_document_signing",
        "adobe_authentic_documents_trust",
        "1.3.6.1.5.5.7.3.36",
    }
)
"""What a signer's certificate may be limited to, where it is limited (RFC 5280 4.2.1.12): persons' certificates name
client authentication or mail, those for documents one of three purposes (the last is RFC 9336). A server's, a program's
or a time-stamping authority's certificate signs no letter."""

MALFORMED = (
    PdfError,
    SignatureValidationError,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
"""What a malformed file makes pyHanko and asn1crypto raise. RecursionError and MemoryError go further."""


def spec(
    trust: TrustStore,
    carried: LocalKnowledge,
    purpose: Purpose = "signatures",
    asking: FetcherBackend | None = None,
) -> SignatureValidationSpec:
    """Everything a verdict rests on beside the file itself.

    `purpose` is what is signed; time-stamps have their own. What the file lacks comes by `asking`, if at all.
    """
    carried.known_certs.extend(below(trust))
    return SignatureValidationSpec(
        cert_validation_policy=_chains(trust, purpose),
        ts_cert_validation_policy=_chains(trust, "timestamps"),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
            if asking is None
            else RevinfoOnlineFetchingRule.NO_HISTORICAL_FETCH,
            fetcher_backend=asking,
            certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH
            if asking is None
            else CertificateFetchingRule.FOLLOW_ONLINE_RULE,
        ),
        local_knowledge=carried,
        key_usage_settings=KeyUsageConstraints(
            key_usage={"non_repudiation", "digital_signature"},
            match_all_key_usages=False,
            extd_key_usage=PURPOSES,
            explicit_extd_key_usage_required=False,
        ),
    )


@lru_cache(maxsize=16)  # a child's store stays; one of 200 anchors would take 50 ms of every letter
def _chains(trust: TrustStore, purpose: Purpose) -> CertValidationPolicySpec:
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=anchors(trust, purpose)),
        revinfo_policy=CertRevTrustPolicy(revocation_checking_policy=REVOCATION),
        time_tolerance=timedelta(seconds=60),
        algorithm_usage_policy=DatedAlgorithms(),
    )


def carried(signature: EmbeddedPdfSignature) -> LocalKnowledge:
    """Certificates, CRLs and OCSP answers that the file carries, in its DSS and in Adobe's attribute."""
    known = LocalKnowledge([], [], [], [], [])
    with suppress(NoDSSFoundError, *MALFORMED):
        store = DocumentSecurityStore.read_dss(signature.reader)
        known.known_certs.extend(store.load_certs())
        for item in store.ocsps:
            octets = item.get_object().read_data(DecodePurpose.OCSP_RESPONSE)
            known.known_ocsps.extend(OCSPContainer.load_multi(ocsp.OCSPResponse.load(octets)))
        for item in store.crls:
            octets = item.get_object().read_data(DecodePurpose.CRL)
            known.known_crls.append(CRLContainer(asn1_crl.CertificateList.load(octets)))
    with suppress(NonexistentAttributeError, MultivaluedAttributeError, *MALFORMED):
        attributes: cms.CMSAttributes = signature.signer_info["signed_attrs"]
        archive = find_unique_cms_attribute(attributes, "adobe_revocation_info_archival")
        known.known_crls.extend(CRLContainer(item) for item in archive["crl"])
        for item in archive["ocsp"]:
            known.known_ocsps.extend(OCSPContainer.load_multi(item))
    return known
