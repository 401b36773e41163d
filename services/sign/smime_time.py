"""What a proven time makes of a verdict on an S/MIME signature: EN 319 102-1 clause 5.5.4."""

from datetime import datetime

from asn1crypto import cms, x509
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESPassed, AdESSubIndic
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.policy_decl import SignatureValidationSpec
from pyhanko.sign.validation.status import RevocationDetails
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo


async def proven(
    signer: cms.SignerInfo, rules: SignatureValidationSpec, timing: ValidationTimingInfo
) -> datetime | None:
    """The earliest moment that a good time-stamp on the signature proves; one that nobody trusts proves nothing."""
    imprint = generic_cms.message_imprint_checker(signer)
    moments = []
    for token in generic_cms.extract_tst_data_iter(signer, signed=False):
        result = await ades.ades_timestamp_validation(token, rules, imprint, timing_info=timing)
        if result.ades_subindic is AdESPassed.OK and result.api_status is not None:
            moments.append(result.api_status.timestamp)
    return min(moments, default=None)


def judged_then(
    sub: AdESIndeterminate, best: datetime, certificate: x509.Certificate, revocation: RevocationDetails | None
) -> AdESSubIndic:
    """What is left of an indeterminate verdict where the signature existed at `best` (clause 5.5.4 step 4).

    Of an expired certificate nothing here proves that it was not revoked before it ended: no time-stamp in a mail
    covers the answers that would say so (clause 5.6.2.4), so the verdict of now stands.
    """
    if sub is AdESIndeterminate.REVOKED_NO_POE and revocation is not None and best < revocation.revocation_date:
        return AdESPassed.OK
    if sub is AdESIndeterminate.OUT_OF_BOUNDS_NO_POE and best < certificate.not_valid_before:
        return AdESFailure.NOT_YET_VALID
    return sub
