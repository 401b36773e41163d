"""CMS SignedData made by hand (RFC 5652 section 5), so that each field can be as one wants it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, cms, core, crl, tsp, x509
from cryptography import x509 as x509_made
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.pki import Identity, make_stamper

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, kw_only=True)
class By:
    """One signer, and what is odd about the signature."""

    who: Identity
    digest: str = "sha256"
    pss: bool = False
    attributes: bool = True
    content_type: str | None = "data"
    message_digests: Sequence[bytes] | None = None
    """In the place of the content's digest."""
    certid: Identity | None = None
    """Whose certificate the signing-certificate-v2 attribute names."""
    protection: str = ""
    """The digest that the algorithm protection attribute names (RFC 6211)."""
    by_key_id: bool = False
    spoilt: bool = False
    """A bit of the signature's value is turned."""
    stamper: Identity | None = None
    stamped_at: datetime | None = None
    signed_at: datetime | None = None


def signed(
    content: bytes,
    *signers: By,
    carries: bytes | None = None,
    certificates: Sequence[Identity] | None = None,
    chain: Sequence[Any] = (),
    crls: Sequence[bytes] = (),
    content_type: str = "data",
) -> bytes:
    """A ContentInfo over `content`; `carries` is what lies in it, None for a detached one."""
    shown = [signer.who for signer in signers] if certificates is None else certificates
    eci: dict[str, Any] = {"content_type": content_type}
    if carries is not None:
        eci["content"] = carries
    fields: dict[str, Any] = {
        "version": "v3" if any(signer.by_key_id for signer in signers) or content_type != "data" else "v1",
        "digest_algorithms": [{"algorithm": digest} for digest in sorted({signer.digest for signer in signers})],
        "encap_content_info": eci,
        "signer_infos": [_signer(content, signer) for signer in signers],
    }
    ders = [_der(who.certificate) for who in shown] + [_der(authority.certificate) for authority in chain]
    if ders:
        fields["certificates"] = [x509.Certificate.load(der) for der in ders]
    if crls:
        fields["crls"] = [
            cms.RevocationInfoChoice(name="crl", value=crl.CertificateList.load(octets)) for octets in crls
        ]
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(fields)}).dump())


def indefinite(content_info: bytes) -> bytes:
    """The same in BER as streaming programs write it: indefinite lengths, the content in pieces of 16 octets."""
    data = cms.ContentInfo.load(content_info)["content"]
    eci = data["encap_content_info"]
    content = bytes(eci["content"])
    pieces = b"".join(core.OctetString(content[at : at + 16]).dump() for at in range(0, len(content), 16))
    encapsulated = (
        b"\x30\x80" + eci["content_type"].dump() + b"\xa0\x80\x24\x80" + pieces + b"\x00\x00" * 2 + b"\x00\x00"
    )
    inner = (
        data["version"].dump()
        + data["digest_algorithms"].dump()
        + encapsulated
        + data["certificates"].dump()
        + data["signer_infos"].dump()
    )
    oid = core.ObjectIdentifier("1.2.840.113549.1.7.2").dump()
    return bytes(b"\x30\x80" + oid + b"\xa0\x80\x30\x80" + inner + b"\x00\x00" * 3)


def enveloped(kind: str = "enveloped_data") -> bytes:
    """What only its recipient could read: the structure is real, the key nobody's."""
    recipient = cms.KeyTransRecipientInfo(
        {
            "version": "v2",
            "rid": cms.RecipientIdentifier(name="subject_key_identifier", value=core.OctetString(b"\x01" * 20)),
            "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
            "encrypted_key": b"\x02" * 256,
        }
    )
    encrypted = {
        "content_type": "data",
        "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": b"\x03" * 16},
        "encrypted_content": b"\x04" * 512,
    }
    fields = {"version": "v2", "recipient_infos": [cms.RecipientInfo(name="ktri", value=recipient)]}
    if kind == "enveloped_data":
        content: Any = cms.EnvelopedData({**fields, "encrypted_content_info": encrypted})
    else:
        content = cms.AuthEnvelopedData(
            {**fields, "version": "v0", "auth_encrypted_content_info": encrypted, "mac": b"\x05" * 16}
        )
    return bytes(cms.ContentInfo({"content_type": kind, "content": content}).dump())


def compressed(content: bytes) -> bytes:
    """RFC 3274."""
    data = cms.CompressedData(
        {
            "version": "v0",
            "compression_algorithm": {"algorithm": "zlib"},
            "encap_content_info": {"content_type": "data", "content": core.ParsableOctetString(content)},
        }
    )
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def _signer(content: bytes, by: By) -> cms.SignerInfo:
    certificate = x509.Certificate.load(_der(by.who.certificate))
    attributes = _attributes(content, by) if by.attributes else None
    subject = content if attributes is None else attributes.dump()
    algorithm, value = _sign(subject, by)
    if by.spoilt:
        value = value[:-1] + bytes([value[-1] ^ 1])
    identifier = (
        cms.SignerIdentifier(name="subject_key_identifier", value=core.OctetString(certificate.key_identifier))
        if by.by_key_id
        else cms.SignerIdentifier(
            name="issuer_and_serial_number",
            value=cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number}),
        )
    )
    fields: dict[str, Any] = {
        "version": "v3" if by.by_key_id else "v1",
        "sid": identifier,
        "digest_algorithm": {"algorithm": by.digest},
        "signature_algorithm": algorithm,
        "signature": value,
    }
    if attributes is not None:
        fields["signed_attrs"] = attributes
    if by.stamper is not None:
        token = make_stamper(by.stamper, by.stamped_at).request_tsa_response(
            tsp.TimeStampReq(
                {
                    "version": 1,
                    "message_imprint": {
                        "hash_algorithm": {"algorithm": "sha256"},
                        "hashed_message": hashlib.sha256(value).digest(),
                    },
                    "cert_req": True,
                }
            )
        )["time_stamp_token"]
        fields["unsigned_attrs"] = [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
    return cms.SignerInfo(fields)


def _attributes(content: bytes, by: By) -> cms.CMSAttributes:
    digests = by.message_digests
    found = [hashlib.new(by.digest, content).digest()] if digests is None else list(digests)
    moment = (by.signed_at or datetime.now(UTC) - timedelta(minutes=1)).replace(microsecond=0)
    items: list[tuple[str, Any]] = [("signing_time", cms.Time({"utc_time": moment}))]
    if by.content_type is not None:
        items.append(("content_type", by.content_type))
    items += [("message_digest", digest) for digest in found]
    if by.certid is not None:
        named = hashlib.sha256(_der(by.certid.certificate)).digest()
        items.append(("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [{"cert_hash": named}]})))
    if by.protection:
        algorithm, _ = _sign(b"", by)
        protection = {"digest_algorithm": {"algorithm": by.protection}, "signature_algorithm": algorithm}
        items.append(("cms_algorithm_protection", cms.CMSAlgorithmProtection(protection)))
    return cms.CMSAttributes([cms.CMSAttribute({"type": kind, "values": [value]}) for kind, value in items])


def _sign(subject: bytes, by: By) -> tuple[algos.SignedDigestAlgorithm, bytes]:
    key: object = by.who.key
    algorithm = _HASHES[by.digest]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return algos.SignedDigestAlgorithm({"algorithm": f"{by.digest}_ecdsa"}), key.sign(subject, ec.ECDSA(algorithm))
    assert isinstance(key, rsa.RSAPrivateKey)
    if by.pss:
        scheme = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        parameters = {
            "hash_algorithm": {"algorithm": by.digest},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": by.digest}},
            "salt_length": algorithm.digest_size,
        }
        named = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})
        return named, key.sign(subject, scheme, algorithm)
    named = algos.SignedDigestAlgorithm({"algorithm": f"{by.digest}_rsa"})
    return named, key.sign(subject, padding.PKCS1v15(), algorithm)


def _der(certificate: x509_made.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
