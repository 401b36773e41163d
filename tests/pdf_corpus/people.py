"""Who signs in the corpus: each certificate has one property."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.pdf_corpus.authorities import TIME_STAMPING, Desk, Holder

REASONS = x509.ReasonFlags
NO_REVOCATION = "none"


def settle(desk: Desk) -> None:
    """Certify everybody; afterwards `desk.holders` has them by name."""
    root = desk.certify(None, "Root", days=(-6000, 6000), ca=True)
    _authorities(desk, root)
    _stampers(desk, root)
    _signers(desk, root, desk.holders["Issuing"])


def _authorities(desk: Desk, root: Holder) -> None:
    desk.delegate(desk.certify(root, "Issuing", days=(-5900, 5000), ca=True, path_length=0))
    revoked = desk.certify(root, "Revoked CA", ca=True, path_length=0)
    desk.delegate(desk.revoke(revoked, -30, REASONS.ca_compromise))
    desk.certify(root, "Answering CA", ca=True, path_length=0, revocation="ocsp")
    desk.certify(root, "Expired CA", ca=True, path_length=0, days=(-1000, -10))
    desk.certify(root, "Not A CA", ca=False)
    desk.certify(root, "CA Without Usage", ca=True, usage="crl")
    desk.certify(desk.holders["Issuing"], "Too Deep CA", ca=True)
    permitted = x509.NameConstraints([x509.DirectoryName(x509.Name([_organization("กรมที่ดิน")]))], None)
    desk.certify(root, "Constrained CA", ca=True, extra=[(permitted, True)])
    desk.certify(None, "Stranger Root", ca=True)
    desk.certify(desk.holders["Stranger-Root"], "Stranger")


def _stampers(desk: Desk, root: Holder) -> None:
    for name, days in {"TSA": (-5900, 5000), "Expired TSA": (-1000, -20), "Later TSA": (-100, 5000)}.items():
        desk.certify(root, name, days=days, extended=[TIME_STAMPING], key=desk.rsa, revocation=NO_REVOCATION)
    desk.certify(root, "Checked TSA", extended=[TIME_STAMPING], key=desk.rsa)
    desk.certify(desk.holders["Stranger-Root"], "Stranger TSA", extended=[TIME_STAMPING], key=desk.rsa)
    desk.certify(root, "TSA Without Usage", key=desk.rsa)
    desk.certify(root, "Expired TSA Without Usage", days=(-1000, -20), key=desk.rsa, revocation=NO_REVOCATION)
    desk.revoke(desk.certify(root, "Revoked TSA", extended=[TIME_STAMPING], key=desk.rsa), -5)


def _signers(desk: Desk, root: Holder, issuing: Holder) -> None:
    desk.certify(issuing, "Signer", organization="สำนักงานตัวอย่าง")
    desk.certify(issuing, "Old", days=(-5900, 1000))
    desk.certify(root, "Plain", revocation=NO_REVOCATION)
    desk.certify(root, "Plain Second", revocation=NO_REVOCATION)
    desk.certify(issuing, "CRL Signer", revocation="crl")
    desk.certify(issuing, "OCSP Signer", revocation="ocsp")
    desk.certify(issuing, "RSA Signer", key=desk.rsa)
    desk.certify(root, "RSA Plain", key=desk.rsa, revocation=NO_REVOCATION)
    desk.certify(root, "P384 Signer", key=ec.generate_private_key(ec.SECP384R1()), revocation=NO_REVOCATION)
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    desk.certify(root, "RSA 1024", key=weak, revocation=NO_REVOCATION)
    desk.certify(root, "SHA1 Certificate", by_sha1=True, revocation=NO_REVOCATION)
    desk.certify(issuing, "Expired", days=(-1000, -100))
    desk.certify(root, "Expired Plain", days=(-1000, -100), revocation=NO_REVOCATION)
    desk.certify(issuing, "Not Yet", days=(50, 1000))
    desk.certify(root, "Not Yet Plain", days=(50, 1000), revocation=NO_REVOCATION)
    desk.certify(root, "Young Plain", days=(-5, 1000), revocation=NO_REVOCATION)
    desk.certify(issuing, "Young", days=(-5, 1000))
    desk.revoke(desk.certify(issuing, "Revoked"), -50)
    desk.revoke(desk.certify(issuing, "Superseded"), -50, REASONS.superseded)
    desk.revoke(desk.certify(issuing, "Revoked By CRL", revocation="crl"), -50)
    desk.revoke(desk.certify(issuing, "On Hold"), -50, REASONS.certificate_hold)
    desk.certify(desk.holders["Revoked-CA"], "Of Revoked CA")
    desk.certify(desk.holders["Answering-CA"], "Of Answering CA", days=(-1000, -100))
    desk.certify(desk.holders["Expired-CA"], "Of Expired CA", revocation=NO_REVOCATION)
    desk.certify(desk.holders["Not-A-CA"], "Of No CA", revocation=NO_REVOCATION)
    desk.certify(desk.holders["CA-Without-Usage"], "Of CA Without Usage", revocation=NO_REVOCATION)
    desk.certify(desk.holders["Too-Deep-CA"], "Too Deep", revocation=NO_REVOCATION)
    desk.certify(desk.holders["Constrained-CA"], "Outside Constraint", revocation=NO_REVOCATION, organization="อื่น")
    desk.certify(None, "Self Signed")
    desk.certify(root, "Encipherer", usage="encipher", revocation=NO_REVOCATION)
    desk.certify(root, "No Usage", usage=None, revocation=NO_REVOCATION)
    desk.certify(root, "CRL Usage", usage="crl", revocation=NO_REVOCATION)
    desk.certify(root, "Server", extended=[ExtendedKeyUsageOID.SERVER_AUTH], revocation=NO_REVOCATION)
    desk.certify(issuing, "Expired Server", days=(-1000, -100), extended=[ExtendedKeyUsageOID.SERVER_AUTH])
    desk.revoke(desk.certify(issuing, "Revoked Server", extended=[ExtendedKeyUsageOID.SERVER_AUTH]), -50)
    desk.certify(root, "Mail", extended=[ExtendedKeyUsageOID.EMAIL_PROTECTION], revocation=NO_REVOCATION)
    desk.certify(root, "Document", extended=[x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")], revocation=NO_REVOCATION)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x05\x00")
    desk.certify(root, "Unknown Critical", revocation=NO_REVOCATION, extra=[(unknown, True)])


def _organization(name: str) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([x509.NameAttribute(x509.oid.NameOID.ORGANIZATION_NAME, name)])
