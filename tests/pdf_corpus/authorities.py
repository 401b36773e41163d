"""A throw-away public-key infrastructure whose services answer over HTTP on loopback: OCSP, CRL, RFC 3161.

Every answer is made and signed when it is asked for, as of `desk.moment`, which the maker of a file turns to the past.
"""

import base64
import threading
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pyhanko.sign import timestamps

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Fault = Literal["", "stale", "unknown", "forged", "not yet"]
"""What is wrong with revocation answers: old, knowing nothing, signed by somebody else, of the future."""

USAGES = {
    "sign": {"digital_signature", "content_commitment"},
    "encipher": {"key_encipherment", "data_encipherment"},
    "authority": {"key_cert_sign", "crl_sign"},
    "crl": {"crl_sign"},
}
_USAGE_BITS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass
class Holder:
    """Somebody with a key and a certificate; an authority where others name it as their issuer."""

    name: str
    key: Key
    certificate: x509.Certificate
    issuer: "Holder | None"
    revoked: dict[int, tuple[datetime, x509.ReasonFlags]] = field(default_factory=dict)
    """Serial numbers that this authority has revoked, when and why."""
    issued: dict[int, x509.Certificate] = field(default_factory=dict)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def chain(self) -> "list[Holder]":
        """Itself and its issuers, up to the self-signed one."""
        return [self, *(self.issuer.chain if self.issuer else [])]


class Desk:
    """Every authority of the corpus, and the server that answers for them."""

    def __init__(self, now: datetime) -> None:
        self.now = self.moment = now
        self.fault: Fault = ""
        self.asked: list[str] = []
        """Every question, such as `ocsp/Issuing`."""
        self.holders: dict[str, Holder] = {}
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def day(self, days: float) -> datetime:
        """So many days from now."""
        return self.now + timedelta(days=days)

    def certify(
        self,
        issuer: Holder | None,
        name: str,
        *,
        days: tuple[float, float] = (-1000, 1000),
        usage: str | None = "sign",
        extended: Iterable[x509.ObjectIdentifier] = (),
        revocation: str | None = None,
        ca: bool = False,
        path_length: int | None = None,
        key: Key | None = None,
        by_sha1: bool = False,
        extra: Iterable[tuple[x509.ExtensionType, bool]] = (),
        organization: str | None = None,
    ) -> Holder:
        """A certificate that `issuer` signed (None: it signed itself), valid between two days counted from now.

        Its status is published as it is in practice: by a root in lists, by others in answers and lists.
        """
        if revocation is None:
            revocation = "ocsp crl" if issuer and issuer.issuer else "crl"
        key = key or ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COUNTRY_NAME, "TH"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organization:
            names.insert(1, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        signing_key = issuer.key if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(issuer.certificate.subject if issuer else x509.Name(names))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.day(days[0]))
            .not_valid_after(self.day(days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        )
        if usage is not None:
            builder = builder.add_extension(
                _usage(USAGES["authority" if ca and usage == "sign" else usage]), critical=True
            )
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(extended)), critical=True)
        if issuer and "ocsp" in revocation:
            place = x509.UniformResourceIdentifier(f"{self.url}/ocsp/{issuer.name.replace(' ', '-')}")
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        if issuer and "crl" in revocation:
            place = x509.UniformResourceIdentifier(f"{self.url}/crl/{issuer.name.replace(' ', '-')}")
            point = x509.DistributionPoint([place], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if not ca:
            address = x509.RFC822Name(f"{name.replace(' ', '.').lower()}@example.test")
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        for extension, critical in extra:
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(signing_key, hashes.SHA256())
        holder = Holder(name, key, _by_sha1(certificate, signing_key) if by_sha1 else certificate, issuer)
        self.holders[name.replace(" ", "-")] = holder
        if issuer:
            issuer.issued[holder.certificate.serial_number] = holder.certificate
        return holder

    def delegate(self, authority: Holder) -> Holder:
        """A responder that answers for the authority and need not be asked about itself (RFC 6960 4.2.2.2)."""
        return self.certify(
            authority,
            f"{authority.name} Responder",
            days=(-5900, 1000),
            extended=[ExtendedKeyUsageOID.OCSP_SIGNING],
            extra=[(x509.OCSPNoCheck(), False)],
            revocation="none",
        )

    def revoke(self, holder: Holder, days: float, reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise) -> Holder:
        """From that day on the issuer's answers say so."""
        assert holder.issuer is not None
        holder.issuer.revoked[holder.certificate.serial_number] = (self.day(days), reason)
        return holder

    def answer_ocsp(self, authority: Holder, question: bytes) -> bytes:
        """A signed OCSP answer as of `moment` (RFC 6960)."""
        request = ocsp.load_der_ocsp_request(question)
        certificate = authority.issued[request.serial_number]
        status, when, reason = self._status(authority, request.serial_number)
        made = self._made()
        signer = self.holders.get(f"{authority.name} Responder".replace(" ", "-"), authority)
        if self.fault == "forged":
            signer = self.holders["Stranger"]
        return (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=certificate,
                issuer=authority.certificate,
                algorithm=hashes.SHA1(),
                cert_status=status,
                this_update=made,
                next_update=made + timedelta(days=2),
                revocation_time=when.replace(tzinfo=None) if when else None,
                revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
            .certificates([signer.certificate])
            .sign(signer.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )

    def answer_crl(self, authority: Holder) -> bytes:
        """The list of what is revoked as of `moment` (RFC 5280)."""
        made = self._made()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(made)
            .next_update(made + timedelta(days=2))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
            )
            .add_extension(x509.CRLNumber(int(made.timestamp())), critical=False)
        )
        for serial, (when, reason) in authority.revoked.items():
            if when <= self.moment:
                entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
                builder = builder.add_revoked_certificate(
                    entry.add_extension(x509.CRLReason(reason), critical=False).build()
                )
        key = self.holders["Stranger"].key if self.fault == "forged" else authority.key
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def answer_time(self, holder: Holder, question: bytes) -> bytes:
        """A time-stamp token of `moment` (RFC 3161)."""
        private = holder.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        stamper = timestamps.DummyTimeStamper(
            tsa_cert=holder.asn1, tsa_key=keys.PrivateKeyInfo.load(private), fixed_dt=self.moment
        )
        stamper.certs_to_embed = [each.asn1 for each in holder.chain[1:]]
        answer = stamper.request_tsa_response(tsp.TimeStampReq.load(question))
        octets = answer.dump()
        assert isinstance(octets, bytes)
        return octets

    def _status(
        self, authority: Holder, serial: int
    ) -> tuple[ocsp.OCSPCertStatus, datetime | None, x509.ReasonFlags | None]:
        if self.fault == "unknown":
            return ocsp.OCSPCertStatus.UNKNOWN, None, None
        when, reason = authority.revoked.get(serial, (None, None))
        if when is None or when > self.moment:
            return ocsp.OCSPCertStatus.GOOD, None, None
        return ocsp.OCSPCertStatus.REVOKED, when, reason

    def _made(self) -> datetime:
        shift = {"stale": -200, "not yet": 30}.get(self.fault, 0)
        return self.moment + timedelta(days=shift, minutes=-5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, question: bytes) -> None:
                desk.asked.append(self.path.strip("/"))
                kind, name, *rest = self.path.strip("/").split("/", 2)
                if rest:  # RFC 6960 appendix A.1: a question by GET
                    question = base64.b64decode(urllib.parse.unquote(rest[0]))
                holder = desk.holders[name]
                if kind == "ocsp":
                    body, media = desk.answer_ocsp(holder, question), "application/ocsp-response"
                elif kind == "crl":
                    body, media = desk.answer_crl(holder), "application/pkix-crl"
                else:
                    body, media = desk.answer_time(holder, question), "application/timestamp-reply"
                self.send_response(200)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
                pass

        return Handler


def whole_second() -> datetime:
    """Now, as certificates can say it."""
    return datetime.now(UTC).replace(microsecond=0)


TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING


def _usage(bits: set[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{bit: bit in bits for bit in _USAGE_BITS})


def _by_sha1(certificate: x509.Certificate, key: Key) -> x509.Certificate:
    """The same certificate signed with SHA-1, which the library itself refuses to do."""
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    whole = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    whole["tbs_certificate"]["signature"] = whole["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    whole["signature_value"] = key.sign(whole["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA1()))
    return x509.load_der_x509_certificate(whole.dump(force=True))
