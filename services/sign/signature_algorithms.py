"""Until when an algorithm was good enough for a signature: the cryptographic constraints of EN 319 102-1 clause 5.2.8.

A date and not a ban, since a signature that is proven to be older than its algorithm's end is still worth something.
"""

from datetime import UTC, datetime
from typing import Final

from asn1crypto import algos, cms, keys
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, AlgorithmUsagePolicy

END_OF_2013: Final = datetime(2014, 1, 1, tzinfo=UTC)
"""NIST SP 800-131A: no new signatures with SHA-1, or with RSA keys below 2,048 bits, after 2013."""

NEVER: Final = frozenset({"md2", "md4", "md5"})
"""RFC 6151: collisions can be made at will, and nobody knows since when they were."""
DATED: Final = {"sha1": END_OF_2013}
RSA_BITS: Final = 2048
RSA_BITS_ONCE: Final = 1024
DSA_BITS: Final = 2048
EC_BITS: Final = 224


class DatedAlgorithms(AlgorithmUsagePolicy):
    """Which algorithms count, by the time at which their use is proven (now, where nothing is)."""

    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        """By the name of the digest alone."""
        return _digest(algo["algorithm"].native, moment)

    def signature_algorithm_allowed(
        self, algo: algos.SignedDigestAlgorithm, moment: datetime | None, public_key: keys.PublicKeyInfo | None
    ) -> AlgorithmUsageConstraint:
        """By key and size, and by the digest where the algorithm names one."""
        if public_key is not None:
            size = _key(public_key, moment)
            if not size:
                return size
        try:
            return _digest(algo.hash_algo, moment)
        except ValueError:
            # Its digest is fixed by the algorithm itself (EdDSA) or named elsewhere, where it is asked about.
            return AlgorithmUsageConstraint(allowed=True)


def good_enough(signer: cms.SignerInfo, moment: datetime) -> bool:
    """Whether a signature's own algorithms were good enough at that moment (its key is asked about with its chain)."""
    rules = DatedAlgorithms()
    return bool(rules.digest_algorithm_allowed(signer["digest_algorithm"], moment)) and bool(
        rules.signature_algorithm_allowed(signer["signature_algorithm"], moment, None)
    )


def _digest(name: str, moment: datetime | None) -> AlgorithmUsageConstraint:
    if name in NEVER:
        return AlgorithmUsageConstraint(allowed=False, failure_reason=name)
    return _until(DATED[name], moment, name) if name in DATED else AlgorithmUsageConstraint(allowed=True)


def _key(key: keys.PublicKeyInfo, moment: datetime | None) -> AlgorithmUsageConstraint:
    kind, bits = key.algorithm, key.bit_size
    if kind in ("rsa", "rsassa_pss") and bits < RSA_BITS:
        if bits < RSA_BITS_ONCE:
            return AlgorithmUsageConstraint(allowed=False, failure_reason=f"RSA {bits}")
        return _until(END_OF_2013, moment, f"RSA {bits}")
    if (kind == "dsa" and bits < DSA_BITS) or (kind == "ec" and bits < EC_BITS):
        return AlgorithmUsageConstraint(allowed=False, failure_reason=f"{kind} {bits}")
    return AlgorithmUsageConstraint(allowed=True)


def _until(end: datetime, moment: datetime | None, name: str) -> AlgorithmUsageConstraint:
    return AlgorithmUsageConstraint(
        allowed=moment is not None and moment < end, not_allowed_after=end, failure_reason=name
    )
