"""What the verdict on an S/MIME signature rests on: signature_policy.py's trust and revocation, and a mail's purpose.

RFC 8550 section 4.4: a certificate whose key usage is stated must be good for signing, one whose extended key usage is
stated for e-mail (emailProtection or anyExtendedKeyUsage); one that does not say is good for both.
"""

from contextlib import suppress
from dataclasses import replace

from asn1crypto import cms, ocsp, x509
from pyhanko.sign.validation.policy_decl import LocalKnowledge, SignatureValidationSpec
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.fetchers import FetcherBackend
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from services.sign.signature_policy import MALFORMED, spec
from services.sign.trust import TrustStore


def mail_spec(
    trust: TrustStore, known: LocalKnowledge, signer: x509.Certificate | None, asking: FetcherBackend | None = None
) -> SignatureValidationSpec:
    """Everything a verdict on this signer's signature rests on beside the mail; the rest by `asking`, if at all."""
    stated = signer is not None and signer.key_usage_value is not None
    return replace(
        spec(trust, known, "smime", asking),
        key_usage_settings=KeyUsageConstraints(
            # pyHanko reads a certificate without the extension as good for nothing.
            key_usage={"non_repudiation", "digital_signature"} if stated else None,
            match_all_key_usages=False,
            extd_key_usage={"email_protection"},
            explicit_extd_key_usage_required=False,
        ),
    )


def carried(data: cms.SignedData) -> LocalKnowledge:
    """Certificates, CRLs and OCSP answers that the signature carries (RFC 5652 section 10.2.1, RFC 5940)."""
    known = LocalKnowledge([], [], [], [], [])
    with suppress(*MALFORMED):
        known.known_certs.extend(item.chosen.untag() for item in data["certificates"] if item.name == "certificate")
    with suppress(*MALFORMED):
        for item in data["crls"]:
            if item.name == "crl":
                known.known_crls.append(CRLContainer(item.chosen))
            elif item.chosen["other_rev_info_format"].native == "ocsp_response":
                answer = ocsp.OCSPResponse.load(item.chosen["other_rev_info"].dump())
                known.known_ocsps.extend(OCSPContainer.load_multi(answer))
    return known
