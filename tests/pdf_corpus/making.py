"""Signed PDF files, put together from their parts, so that each part can be wrong by itself.

The CMS is built here and not by the library that judges it; revocation and time-stamps are asked for over HTTP, at the
addresses that the certificates name.
"""

import hashlib
import io
import os
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp, x509
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import pdf as asn1_pdf
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509 import ocsp
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, SignatureObject
from pyhanko.sign.validation.dss import DocumentSecurityStore

from tests.pdf_corpus.authorities import Desk, Holder

PADES = "/ETSI.CAdES.detached"
RESERVED = 24_000
"""Hex digits kept for a signature."""


@dataclass(frozen=True)
class Form:
    """How one signature is made; what is not said is as it should be."""

    field: str = "Signature1"
    subfilter: str = PADES
    digest: str = "sha256"
    embed_digest: str = ""
    """The digest over the signed ranges, where it is not that of the container."""
    attribute: str = "v2"
    """The signing-certificate attribute: v2, v1, none, other (another certificate's), twice."""
    stamp: str | None = None
    """The authority that time-stamps the signature."""
    content_stamp: str | None = None
    """The authority that time-stamped the content before it was signed."""
    revocation: bool = False
    """Adobe's attribute with revocation data among the signed ones."""
    certificates: bool = True
    leave_out_issuers: bool = False
    claimed: datetime | None = None
    mdp: SigMDPSetup | None = None
    encapsulated: bool = False
    flipped: bool = False
    """A bit of the signature value is turned."""
    wrong_digest: bool = False
    content_type: str = "data"
    without: frozenset[str] = frozenset()
    """Signed attributes left out."""
    bare: bool = False
    """No signed attributes at all."""
    pss: bool = False
    wrong_imprint: bool = False
    """The time-stamp is of something else."""
    signers: int = 1
    change: Callable[[Any], None] | None = None
    """Done to the signature dictionary before it is written."""


@dataclass
class Maker:
    """Makes files of one desk."""

    desk: Desk
    pages: dict[str, bytes] = field(default_factory=dict)

    def at(self, days: float) -> "Maker":
        """Turn every authority's clock to that day."""
        self.desk.moment = self.desk.day(days)
        return self

    def sign(self, pdf: bytes, who: Holder, form: Form | None = None, **changes: Any) -> bytes:
        """The file with one more signature, as an incremental update."""
        form = Form(**changes) if form is None else form
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        return self.sign_into(writer, who, form)

    def sign_into(self, writer: Any, who: Holder, form: Form) -> bytes:
        """The same, into a writer that was opened before (an encrypted file)."""
        placed = SignatureObject(
            timestamp=form.claimed or self.desk.moment, subfilter=SigSeedSubFilter.PADES, bytes_reserved=RESERVED
        )
        placed["/SubFilter"] = pdf_name(form.subfilter)
        over = form.embed_digest or form.digest
        return _embed(writer, placed, over, lambda digest: self.container(digest, who, form), form)

    def stamp(self, pdf: bytes, authority: str = "TSA", name: str = "Stamp1", *, broken: bool = False) -> bytes:
        """The file with a document time-stamp."""
        placed = DocumentTimestamp(bytes_reserved=RESERVED)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        return _embed(
            writer,
            placed,
            "sha256",
            lambda digest: self.token(bytes(32) if broken else digest, authority).dump(),
            Form(field=name),
        )

    def add_dss(self, pdf: bytes, *holders: Holder, kinds: str = "ocsp crl", certificates: bool = True) -> bytes:
        """The file with a security store: what the authorities say of each certificate of these chains."""
        found = [self.revocation(each, kinds) for holder in holders for each in holder.chain if each.issuer]
        stream = io.BytesIO(pdf)
        DocumentSecurityStore.add_dss(
            stream,
            None,
            certs=[each.asn1 for holder in holders for each in holder.chain] if certificates else [],
            ocsps=[answer for answers, _ in found for answer in answers],
            crls=[answer for _, answers in found for answer in answers],
            force_write=True,
            strict=False,
        )
        return stream.getvalue()

    def revocation(
        self, holder: Holder, kinds: str = "ocsp crl"
    ) -> tuple[list[asn1_ocsp.OCSPResponse], list[asn1_crl.CertificateList]]:
        """What the addresses in the certificate answer now."""
        assert holder.issuer is not None
        answers: list[asn1_ocsp.OCSPResponse] = []
        lists: list[asn1_crl.CertificateList] = []
        if "ocsp" in kinds:
            for address in holder.asn1.ocsp_urls:
                question = ocsp.OCSPRequestBuilder().add_certificate(
                    holder.certificate,
                    holder.issuer.certificate,
                    hashes.SHA1(),
                )
                octets = question.build().public_bytes(serialization.Encoding.DER)
                answers.append(asn1_ocsp.OCSPResponse.load(_ask(address, octets)))
            if answers:
                return answers, lists
        if "crl" in kinds:
            for point in holder.asn1.crl_distribution_points:
                lists.append(asn1_crl.CertificateList.load(_ask(point.url)))
        return answers, lists

    def token(self, imprint: bytes, authority: str, digest: str = "sha256") -> cms.ContentInfo:
        """A time-stamp token over this digest."""
        question = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {"hash_algorithm": {"algorithm": digest}, "hashed_message": imprint},
                "nonce": int.from_bytes(os.urandom(8), "big"),
                "cert_req": True,
            }
        )
        answer = tsp.TimeStampResp.load(_ask(f"{self.desk.url}/tsa/{authority}", question.dump()))
        assert answer["status"]["status"].native == "granted"
        return answer["time_stamp_token"]

    def container(self, digest: bytes, who: Holder, form: Form) -> bytes:
        """The signature container over the digest of the signed ranges."""
        if form.wrong_digest:
            digest = hashlib.new(form.digest, b"something else").digest()
        attributes = None if form.bare else self._attributes(digest, who, form)
        covered = digest if attributes is None else attributes.dump()
        value = _value(who, covered, form)
        if form.flipped:
            value = value[:-3] + bytes([value[-3] ^ 1]) + value[-2:]
        signer = {
            "version": "v1",
            "sid": cms.IssuerAndSerialNumber(
                {"issuer": who.asn1.issuer, "serial_number": who.certificate.serial_number}
            ),
            "digest_algorithm": {"algorithm": form.digest},
            "signature_algorithm": _mechanism(who, form),
            "signature": value,
        }
        if attributes is not None:
            signer["signed_attrs"] = attributes
        if form.stamp:
            covered = b"something else" if form.wrong_imprint else value
            token = self.token(hashlib.sha256(covered).digest(), form.stamp)
            signer["unsigned_attrs"] = cms.CMSAttributes([_attribute("signature_time_stamp_token", token)])
        chain = [who] if form.leave_out_issuers else who.chain
        content: dict[str, Any] = {"content_type": form.content_type}
        if form.encapsulated:
            content["content"] = digest
        octets: bytes = cms.ContentInfo(
            {
                "content_type": "signed_data",
                "content": cms.SignedData(
                    {
                        "version": "v1",
                        "digest_algorithms": [{"algorithm": form.digest}],
                        "encap_content_info": content,
                        "certificates": [each.asn1 for each in chain] if form.certificates else [],
                        "signer_infos": [cms.SignerInfo(signer)] * form.signers,
                    }
                ),
            }
        ).dump()
        return octets

    def _attributes(self, digest: bytes, who: Holder, form: Form) -> cms.CMSAttributes:
        covered = hashlib.new(form.digest, digest).digest() if form.encapsulated else digest
        found = {
            "content_type": [_attribute("content_type", form.content_type)],
            "message_digest": [_attribute("message_digest", covered)],
        }
        named = self.desk.holders["Stranger"] if form.attribute == "other" else who
        if form.attribute == "v1":
            found["signing_certificate"] = [_attribute("signing_certificate", _certificate_v1(named.asn1))]
        elif form.attribute != "none":
            one = _attribute("signing_certificate_v2", _certificate_v2(named.asn1))
            found["signing_certificate"] = [one, one] if form.attribute == "twice" else [one]
        if form.content_stamp:
            token = self.token(digest, form.content_stamp, form.digest)
            found["content_time_stamp"] = [_attribute("content_time_stamp", token)]
        if form.revocation:
            answers, lists = [], []
            for each in who.chain:
                if each.issuer:
                    more = self.revocation(each)
                    answers += more[0]
                    lists += more[1]
            archive = asn1_pdf.RevocationInfoArchival({"ocsp": answers, "crl": lists})
            found["revocation"] = [_attribute("adobe_revocation_info_archival", archive)]
        kept = [each for name, attributes in found.items() if name not in form.without for each in attributes]
        return cms.CMSAttributes(sorted(kept, key=lambda item: bytes(item.dump())))


def certified(permission: int) -> SigMDPSetup:
    """An author's signature that permits: 1 nothing, 2 forms and signatures, 3 comments too."""
    return SigMDPSetup(md_algorithm="sha256", certify=True, docmdp_perms=MDPPerm(permission))


def locked(spec: FieldMDPSpec, permission: int | None = None) -> SigMDPSetup:
    """An approval that locks fields."""
    perms = MDPPerm(permission) if permission else None
    return SigMDPSetup(md_algorithm="sha256", field_lock=spec, docmdp_perms=perms)


def reader(pdf: bytes) -> PdfFileReader:
    return PdfFileReader(io.BytesIO(pdf), strict=False)


def _ask(address: str, question: bytes | None = None) -> bytes:
    kind = "application/timestamp-query" if "/tsa/" in address else "application/ocsp-request"
    request = urllib.request.Request(address, question, {"Content-Type": kind} if question else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def _attribute(name: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": cms.CMSAttributeType(name), "values": (value,)})


def _certificate_v2(certificate: x509.Certificate) -> tsp.SigningCertificateV2:
    return tsp.SigningCertificateV2(
        {"certs": [tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(certificate.dump()).digest()})]}
    )


def _certificate_v1(certificate: x509.Certificate) -> tsp.SigningCertificate:
    return tsp.SigningCertificate({"certs": [tsp.ESSCertID({"cert_hash": certificate.sha1})]})


def _mechanism(who: Holder, form: Form) -> algos.SignedDigestAlgorithm:
    if form.pss:
        parameters = algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": form.digest},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": form.digest}},
                "salt_length": 32,
            }
        )
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})
    kind = "rsa" if isinstance(who.key, rsa.RSAPrivateKey) else "ecdsa"
    return algos.SignedDigestAlgorithm(
        {"algorithm": f"{form.digest}_{kind}", **({"parameters": core.Null()} if kind == "rsa" else {})}
    )


def _value(who: Holder, covered: bytes, form: Form) -> bytes:
    digest: Any = getattr(hashes, form.digest.upper())()
    if form.bare:
        digest = utils.Prehashed(digest)  # what is signed is the document itself, of which this is the digest
    if isinstance(who.key, ec.EllipticCurvePrivateKey):
        return who.key.sign(covered, ec.ECDSA(digest))
    if form.pss:
        return who.key.sign(covered, padding.PSS(padding.MGF1(digest), 32), digest)
    return who.key.sign(covered, padding.PKCS1v15(), digest)


def texts(lines: Iterable[str]) -> bytes:
    """A page's content: each line of text below the one before."""
    shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
    return f"BT /F1 12 Tf 72 720 Td {shown} ET".encode()


def _embed(writer: Any, placed: Any, digest: str, sign: Callable[[bytes], bytes], form: Form) -> bytes:
    if form.change:
        form.change(placed)
    steps = PdfCMSEmbedder().write_cms(field_name=form.field, writer=writer)
    next(steps)
    steps.send(SigObjSetup(sig_placeholder=placed, mdp_setup=form.mdp))
    prepared, output = steps.send(SigIOSetup(md_algorithm=digest, in_place=True))
    steps.send(sign(prepared.document_digest))
    return bytes(output.getvalue())
