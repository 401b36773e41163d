"""Whether a head's signature and its time-stamp hold: CMS (RFC 5652) and RFC 3161, by arithmetic alone.

No network and no revocation: what is proven is that whoever has the certificate's key signed this link, and that
whoever has the authority's saw that signature. Who they are is compared with the certificates the operator names.
"""

import hashlib
from pathlib import Path

from asn1crypto import cms, core, pem, tsp, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

KEPT = 64
"""Public keys that were read."""

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class SignatureError(Exception):
    """What does not hold, in words."""


class Signatures:
    """Verifies, and remembers the keys it has read."""

    def __init__(self, trusted: str = "") -> None:
        """`trusted` is a PEM file of the certificates that may sign heads; empty: any may.

        Raises OSError, ValueError where it cannot be read.
        """
        self._trusted = _certificates(Path(trusted)) if trusted else None
        self._keys: dict[bytes, rsa.RSAPublicKey | ec.EllipticCurvePublicKey] = {}

    def head(self, link: bytes, signature: bytes, token: bytes | None) -> None:
        """A signed head: the CMS is over the 32 octets of `link`, the token over the CMS. Raises SignatureError."""
        try:
            signer = self._verified(cms.ContentInfo.load(signature), link)
            if self._trusted is not None and signer.dump() not in self._trusted:
                raise SignatureError(
                    f"it is signed by {signer.subject.human_friendly}, whom [audit] certificates does not name"
                )
            if token is not None:
                self._stamped(token, signature)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignatureError(f"its signature cannot be read: {error}") from error

    def _stamped(self, token: bytes, signature: bytes) -> None:
        content = cms.ContentInfo.load(token)
        inner = content["content"]["encap_content_info"]
        if inner["content_type"].native != "tst_info":
            raise SignatureError("its token is no time-stamp")
        octets = (
            inner["content"].contents
            if not isinstance(inner["content"], core.ParsableOctetString)
            else bytes(inner["content"])
        )
        imprint = tsp.TSTInfo.load(octets)["message_imprint"]
        digest = hashlib.new(imprint["hash_algorithm"]["algorithm"].native, signature).digest()
        if imprint["hashed_message"].native != digest:
            raise SignatureError("its time-stamp is of another signature")
        self._verified(content, octets)

    def _verified(self, content: cms.ContentInfo, octets: bytes) -> x509.Certificate:
        """The certificate whose key signed `octets`."""
        signed = content["content"]
        info = signed["signer_infos"][0]
        signer = _signer(signed, info)
        algorithm = info["digest_algorithm"]["algorithm"].native
        attributes = info["signed_attrs"]
        if not attributes.native:
            covered = octets
        else:
            (said,) = (one["values"][0].native for one in attributes if one["type"].native == "message_digest")
            if said != hashlib.new(algorithm, octets).digest():
                raise SignatureError("its signature is of something else")
            covered = b"\x31" + attributes.dump()[1:]  # RFC 5652 section 5.4: signed as a SET
        self._check(signer, info, algorithm, covered)
        return signer

    def _check(self, signer: x509.Certificate, info: cms.SignerInfo, algorithm: str, covered: bytes) -> None:
        key, hashed = self._key(signer), _HASHES[algorithm]()
        value = info["signature"].native
        try:
            if isinstance(key, rsa.RSAPublicKey):
                kind = info["signature_algorithm"].signature_algo
                scheme: padding.AsymmetricPadding = padding.PKCS1v15()
                if kind == "rsassa_pss":
                    scheme = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
                key.verify(value, covered, scheme, hashed)
            else:
                key.verify(value, covered, ec.ECDSA(hashed))
        except InvalidSignature:
            raise SignatureError(f"its signature is not by {signer.subject.human_friendly}") from None

    def _key(self, signer: x509.Certificate) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        der = signer.public_key.dump()
        found = self._keys.get(der)
        if found is None:
            key = load_der_public_key(der)
            if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                raise SignatureError("its key is of a kind that is not known here")
            if len(self._keys) >= KEPT:
                self._keys.clear()
            found = self._keys[der] = key
        return found


def _signer(signed: cms.SignedData, info: cms.SignerInfo) -> x509.Certificate:
    """The certificate the signature names, of those that lie in it."""
    sid = info["sid"]
    for choice in signed["certificates"]:
        found = choice.chosen
        if sid.name == "issuer_and_serial_number":
            if found.serial_number == sid.chosen["serial_number"].native and found.issuer == sid.chosen["issuer"]:
                return found
        elif found.key_identifier == sid.chosen.native:
            return found
    raise SignatureError("its signer's certificate is not in it")


def _certificates(file: Path) -> frozenset[bytes]:
    found = frozenset(der for _, _, der in pem.unarmor(file.read_bytes(), multiple=True))
    if not found:
        raise ValueError(f"{file}: no certificate in it")
    return found
