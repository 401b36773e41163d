"""RFC 3161: the request for a time-stamp, and what is checked before a token is used."""

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import algos, cms, tsp, x509
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import ValidationError

from services.sign.anchors import anchors, below
from services.sign.trust import TrustStore

CLOCKS_APART: Final = timedelta(minutes=1)
"""How far the authority's time may be from ours; ours is watched (services/runtime/clock.py), and says so."""

_GRANTED: Final = frozenset({"granted", "granted_with_mods"})


class TokenError(Exception):
    """An answer that is not to be used; one sentence."""


class Request:
    """One question for a token over `octets`."""

    def __init__(self, octets: bytes) -> None:
        self._imprint = hashlib.sha256(octets).digest()
        self._nonce = secrets.randbits(63) | 1 << 62
        self.body: bytes = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {
                    "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                    "hashed_message": self._imprint,
                },
                "nonce": self._nonce,
                "cert_req": True,
            }
        ).dump()

    def token(self, answer: bytes, trust: TrustStore, now: datetime) -> bytes:
        """The token in an answer, as DER.

        Checked: status, imprint, nonce, the signature, that the signer's certificate is for time-stamping alone
        (RFC 3161 section 2.3) and valid at the token's time, that it chains to `trust` where that has anchors, and
        that its time is ours. Takes milliseconds of processor time.

        Raises:
            TokenError: it is not to be used.
        """
        try:
            token = _granted(tsp.TimeStampResp.load(answer, strict=True))
            self._check(token, trust, now)
            return bytes(token.dump())
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise TokenError("its answer is no time-stamp") from error
        except (SignatureValidationError, ValidationError, SigningError) as error:
            raise TokenError(f"its token does not verify: {error}") from error

    def _check(self, token: cms.ContentInfo, trust: TrustStore, now: datetime) -> None:
        signed = token["content"]
        info = signed["encap_content_info"]["content"].parsed
        if not isinstance(info, tsp.TSTInfo):
            raise TokenError("its answer is no time-stamp")
        imprint = info["message_imprint"]
        if (
            imprint["hash_algorithm"]["algorithm"].native != "sha256"
            or imprint["hashed_message"].native != self._imprint
        ):
            raise TokenError("its token is over something else")
        if info["nonce"].native != self._nonce:
            raise TokenError("its token answers another request (nonce)")
        at: datetime = info["gen_time"].native
        if abs(at - now) > CLOCKS_APART:
            raise TokenError(f"its time is {at:%Y-%m-%dT%H:%M:%SZ}, ours {now:%Y-%m-%dT%H:%M:%SZ}")
        signer = _signer(signed)
        _check_certificate(signer, at)
        context = ValidationContext(
            # Without anchors its own certificate stands for itself: what the token says of itself is all there is.
            trust_roots=anchors(trust, "timestamps") if trust.anchors else [signer],
            other_certs=[
                *(one.chosen for one in signed["certificates"]),
                *below(trust),
            ],
            moment=at,
            allow_fetching=False,
            revocation_mode="soft-fail",
        )
        found = asyncio.run(
            validate_tst_signed_data(signed, context, lambda name: self._imprint if name == "sha256" else b"")
        )
        status = TimestampSignatureStatus(**found)
        if not (status.intact and status.valid):
            raise TokenError("its token does not verify")
        if not status.trusted:
            raise TokenError("its certificate does not chain to sign.timestamp_trust")


def _granted(response: tsp.TimeStampResp) -> cms.ContentInfo:
    status = str(response["status"]["status"].native)
    if status not in _GRANTED:
        said = "; ".join(response["status"]["status_string"].native or ())
        raise TokenError(f"it answers {status}{f': {said[:200]}' if said else ''}")
    return response["time_stamp_token"]


def _signer(signed: cms.SignedData) -> x509.Certificate:
    (signer,) = signed["signer_infos"]  # exactly one (RFC 3161 section 2.4.2)
    sid = signer["sid"].chosen
    for one in signed["certificates"]:
        found = one.chosen
        if isinstance(sid, cms.IssuerAndSerialNumber):
            if found.issuer == sid["issuer"] and found.serial_number == sid["serial_number"].native:
                return found
        elif found.key_identifier == sid.native:
            return found
    raise TokenError("its token carries no certificate of its signer")


def _check_certificate(certificate: x509.Certificate, at: datetime) -> None:
    usage = certificate.extended_key_usage_value
    if usage is None or usage.native != ["time_stamping"]:
        raise TokenError("its certificate is not for time-stamping alone")
    if "extended_key_usage" not in certificate.critical_extensions:
        raise TokenError("its certificate's purpose is not marked critical")
    validity = certificate["tbs_certificate"]["validity"]
    if not validity["not_before"].native <= at <= validity["not_after"].native:
        raise TokenError(f"its certificate is valid until {validity['not_after'].native:%Y-%m-%d}, not at its own time")
