"""The seal of a receipt, judged by others: pyHanko's validation and poppler."""

import hashlib
import re
import subprocess
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from contracts.directory import SealOwner
from contracts.receipt import Receipt, Text
from services.runtime.settings import Sign
from services.sign import authority
from services.sign.paper import Paper
from services.sign.seal import FIELD, SealError, SealKey
from services.sign.seals import NoSealError, Seals
from tests import pki, receipts

ROOT = pki.make_root("Test Root")
PAPER = Paper().render(receipts.made())


def key_of(identity: pki.Identity, folder: Path, password: str = "") -> SealKey:
    (folder / "seal.p12").write_bytes(identity.pkcs12(password))
    return SealKey.load(folder / "seal.p12", password or None)


def judged(pdf: bytes, root: bytes) -> PdfSignatureStatus:
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    context = ValidationContext(trust_roots=list(load_certs_from_pemder_data(root)), allow_fetching=False)
    return validate_pdf_signature(signature, context)


def certificate_for(key: Any) -> x509.Certificate:
    """A certificate of ROOT for any key, also one that no seal may have."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
        .issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(ROOT.key, SHA256())
    )


@pytest.fixture(scope="module")
def rsa_identity() -> pki.Identity:
    return pki.make_signer(ROOT, "ตราประทับ สพร.", rsa_key=True)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_one_signature_over_the_whole_file(kind: str, tmp_path: Path) -> None:
    key = key_of(pki.make_signer(ROOT, "ตราประทับ สพร.", rsa_key=kind == "rsa"), tmp_path)
    status = judged(key.seal(PAPER, "ใบรับ"), ROOT.der)
    assert status.bottom_line
    assert status.intact
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.md_algorithm == "sha256"
    assert status.signing_cert.subject.native["common_name"] == key.name == "ตราประทับ สพร."


def test_a_longer_curve_has_a_longer_digest(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = certificate_for(key)
    bag = pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, NoEncryption())
    (tmp_path / "seal.p12").write_bytes(bag)
    status = judged(SealKey.load(tmp_path / "seal.p12", None).seal(PAPER, "x"), ROOT.der)
    assert status.intact
    assert status.valid
    assert status.md_algorithm == "sha384"


def test_it_is_pades_b_b(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    """EN 319 142-1: the sub-filter, the certificate named in a signed attribute, no time of signing in the CMS."""
    key = key_of(rsa_identity, tmp_path)
    for octets in (PAPER, Paper().render(receipts.made(seal=receipts.seal("operator")))):
        (signature,) = PdfFileReader(BytesIO(key.seal(octets, "x"))).embedded_signatures
        assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        signed = {
            attribute["type"].native: attribute["values"][0] for attribute in signature.signer_info["signed_attrs"]
        }
        assert signed.keys() == {"content_type", "message_digest", "signing_certificate_v2"}
        assert signed["message_digest"].native == signature.compute_digest()
        (named,) = signed["signing_certificate_v2"]["certs"]
        assert named["cert_hash"].native == hashlib.sha256(key.certificate.dump()).digest()
        assert "/M" in signature.sig_object
        assert signature.field_name == FIELD


def test_a_root_is_not_sent_along(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    """The PKCS#12 file holds it; in the signature it would prove nothing."""
    (signature,) = PdfFileReader(BytesIO(key_of(rsa_identity, tmp_path).seal(PAPER, "x"))).embedded_signatures
    names = [entry.chosen.subject.native["common_name"] for entry in signature.signed_data["certificates"]]
    assert names == ["ตราประทับ สพร."]


def test_a_changed_octet_is_found(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    sealed = key_of(rsa_identity, tmp_path).seal(PAPER, "x")
    place = sealed.index(b"/AFRelationship")
    broken = sealed[:place] + b"/AFrelationship" + sealed[place + 15 :]
    assert not judged(broken, ROOT.der).intact


def test_it_stays_pdf_a_3_with_its_json(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    sealed = key_of(rsa_identity, tmp_path).seal(PAPER, "x")
    reader = PdfFileReader(BytesIO(sealed))
    catalogue = reader.root
    metadata = catalogue["/Metadata"].data
    assert re.search(rb'pdfaid:part(>|=")3', metadata)
    assert re.search(rb'pdfaid:conformance(>|=")B', metadata)
    assert "/OutputIntents" in catalogue
    assert not reader.encrypted
    assert "/NeedAppearances" not in catalogue["/AcroForm"]
    (field,) = (entry.get_object() for entry in catalogue["/AcroForm"]["/Fields"])
    # ISO 19005-3, 6.3.2 and 6.3.3: a widget is printed and not hidden; without extent it needs no appearance.
    assert field["/F"] & 0b100
    assert not field["/F"] & 0b100011
    assert list(field["/Rect"]) == [0, 0, 0, 0]
    (embedded,) = (entry.get_object() for entry in catalogue["/AF"])
    assert embedded["/AFRelationship"] == "/Data"
    assert msgspec.json.decode(embedded["/EF"]["/F"].get_object().data, type=Receipt) == receipts.made()


@pytest.mark.system("poppler-utils")
def test_poppler_agrees(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    (tmp_path / "sealed.pdf").write_bytes(key_of(rsa_identity, tmp_path).seal(PAPER, "ใบรับหนังสือ เลขที่ ๑"))
    said = subprocess.run(["pdfsig", tmp_path / "sealed.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "Signer Certificate Common Name: ตราประทับ สพร." in said
    assert said.count("Signature #") == 1


def test_a_locked_file_needs_its_password(rsa_identity: pki.Identity, tmp_path: Path) -> None:
    assert key_of(rsa_identity, tmp_path, "ความลับ").name == "ตราประทับ สพร."
    for wrong in (None, "another"):
        with pytest.raises(SealError, match=r"seal\.p12: no PKCS#12 file, or not its password"):
            SealKey.load(tmp_path / "seal.p12", wrong)


def test_files_that_are_no_seal(tmp_path: Path) -> None:
    file = tmp_path / "x.p12"
    with pytest.raises(SealError, match=r"x\.p12: No such file"):
        SealKey.load(file, None)
    file.write_bytes(b"nonsense")
    with pytest.raises(SealError, match="no PKCS#12 file"):
        SealKey.load(file, None)
    other = rsa.generate_private_key(65_537, 1_024)
    for key, why in (
        (dsa.generate_private_key(2_048), "neither RSA nor ECDSA"),
        (other, "too short"),
    ):
        certificate = certificate_for(key)
        bag = pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, NoEncryption())
        file.write_bytes(bag)
        with pytest.raises(SealError, match=why):
            SealKey.load(file, None)


def test_a_certificate_out_of_its_time(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    key = key_of(pki.make_signer(ROOT, not_before=now - timedelta(days=9), not_after=now + timedelta(days=9)), tmp_path)
    assert key.problem() is None
    assert "was valid until" in str(key.problem(now + timedelta(days=10)))
    assert "not valid before" in str(key.problem(now - timedelta(days=10)))


# -- whose key ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seals(tmp_path: Path, rsa_identity: pki.Identity) -> Seals:
    (tmp_path / "operator.p12").write_bytes(rsa_identity.pkcs12("pw"))
    (tmp_path / "own.p12").write_bytes(pki.make_signer(ROOT, "ตรา สพร. เอง").pkcs12())
    old = datetime.now(UTC) - timedelta(days=2)
    expired = pki.make_signer(ROOT, not_before=old - timedelta(days=9), not_after=old)
    (tmp_path / "old.p12").write_bytes(expired.pkcs12())
    config = Sign(
        seals={"operator": "operator.p12", "own": "own.p12", "old": "old.p12"},
        seal_passwords={"operator": "pw"},
        test_authority="test-authority",
        operator="บริษัท ผู้ให้บริการ จำกัด",
    )
    return Seals.load(config, tmp_path)


def test_the_operator_seals_on_the_agencys_behalf(seals: Seals) -> None:
    key, seal = seals.of(receipts.agency())
    assert key.name == "ตราประทับ สพร."
    assert (seal.kind, seal.by) == ("operator", Text(value="บริษัท ผู้ให้บริการ จำกัด"))
    assert seal.on_behalf_of == Text(value=receipts.AGENCY_NAME)


def test_an_agency_seals_with_its_own_key(seals: Seals) -> None:
    key, seal = seals.of(receipts.agency(seal=SealOwner(kind="agency", key="own")))
    assert (key.name, seal.kind, seal.by) == ("ตรา สพร. เอง", "agency", Text(value=receipts.AGENCY_NAME))


def test_the_test_key_seals_only_for_kind_test(seals: Seals) -> None:
    key, seal = seals.of(receipts.agency(seal=SealOwner(kind="test")))
    assert (seal.kind, seal.by) == ("test", Text(value=authority.SEAL_NAME))
    alone = Seals({}, key)
    for owner in (SealOwner(), SealOwner(kind="operator", key="x"), SealOwner(kind="agency", key="x")):
        with pytest.raises(NoSealError):
            alone.of(receipts.agency(seal=owner))


@pytest.mark.parametrize(
    ("owner", "why", "shared"),
    [
        (SealOwner(key="missing"), "sign.seals has no 'missing'", False),
        (SealOwner(kind="agency"), "names no key", False),
        (SealOwner(key="old"), "was valid until", False),
    ],
)
def test_where_there_is_no_usable_key_the_reason_is_said(
    seals: Seals, owner: SealOwner, why: str, shared: bool
) -> None:
    with pytest.raises(NoSealError, match=why) as raised:
        seals.of(receipts.agency(seal=owner))
    assert raised.value.shared is shared
    assert seals.problems([receipts.agency(seal=owner), receipts.agency()]) == ([], [f"demo: {raised.value}"])


def test_what_many_agencies_wait_for_is_told_apart(seals: Seals) -> None:
    for agency in (receipts.agency(), receipts.agency(seal=SealOwner(kind="test"))):
        with pytest.raises(NoSealError) as raised:
            Seals({}, None).of(agency)
        assert raised.value.shared
        assert Seals({}, None).problems([agency, agency]) == ([str(raised.value)], [])


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SealError, match=r"sign\.seals\.operator: .*gone\.p12: No such file"):
        Seals.load(Sign(seals={"operator": "gone.p12"}), tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SealError, match=r"sign\.test_authority"):
        Seals.load(Sign(test_authority="file/inside"), tmp_path)
