"""A seal whose key lies in a PKCS#11 token; SoftHSM is the token."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from services.runtime.settings import Sign
from services.sign.seal import SealError
from services.sign.seals import Seals
from services.sign.token_uri import TokenUri, parse
from tests import pki, receipts
from tests.softhsm import PIN, SoftHsm
from tests.unit.test_seal import PAPER, ROOT, judged

pytestmark = pytest.mark.system("softhsm2")


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    made = SoftHsm(tmp_path_factory.mktemp("softhsm"))
    made.token("saraban")
    return made


def loaded(hsm: SoftHsm, label: str, folder: Path, pin: str = PIN, certificate: str = "") -> Seals:
    config = Sign(
        seals={"operator": hsm.uri("saraban", label)},
        seal_passwords={"operator": pin},
        seal_certificates={"operator": certificate} if certificate else {},
        operator="ผู้ให้บริการ",
    )
    return Seals.load(config, folder)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_it_seals_and_signs_heads_like_a_key_in_a_file(kind: str, hsm: SoftHsm, tmp_path: Path) -> None:
    hsm.put("saraban", f"seal-{kind}", pki.make_signer(ROOT, "ตราในเครื่อง", rsa_key=kind == "rsa"))
    key, seal = loaded(hsm, f"seal-{kind}", tmp_path).of(receipts.agency())
    status = judged(key.seal(PAPER, "ใบรับ"), ROOT.der)
    assert status.bottom_line
    assert (key.name, seal.kind) == ("ตราในเครื่อง", "operator")
    (tmp_path / "link").write_bytes(bytes(32))
    (tmp_path / "signature").write_bytes(key.sign(bytes(32)))
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "signature", "-content",
         tmp_path / "link", "-CAfile", tmp_path / "root.pem", "-purpose", "any", "-out", "/dev/null"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_a_session_that_was_lost_is_opened_again(hsm: SoftHsm, tmp_path: Path) -> None:
    hsm.put("saraban", "lost", pki.make_signer(ROOT, rsa_key=True))
    key, _ = loaded(hsm, "lost", tmp_path).of(receipts.agency())
    key.sign(bytes(32))
    hsm.restart()
    assert key.fits()
    assert judged(key.seal(PAPER, "ใบรับ"), ROOT.der).bottom_line


def test_two_keys_of_one_token(hsm: SoftHsm, tmp_path: Path) -> None:
    """A log-in counts for the whole token; the second one must not stumble over the first."""
    for label in ("one", "two"):
        hsm.put("saraban", label, pki.make_signer(ROOT, label))
    config = Sign(
        seals={label: hsm.uri("saraban", label) for label in ("one", "two")},
        seal_passwords={"one": PIN, "two": PIN},
    )
    seals = Seals.load(config, tmp_path)
    for label in ("one", "two"):
        key = seals.key(label)
        assert key is not None
        assert (key.name, key.fits()) == (label, True)


def test_the_certificate_may_lie_in_a_file(hsm: SoftHsm, tmp_path: Path) -> None:
    signer = pki.make_signer(ROOT, "ใบรับรองในไฟล์", rsa_key=True)
    hsm.put("saraban", "bare", signer, certificate=False)
    with pytest.raises(SealError, match=r"holds no certificate|is not this key"):
        loaded(hsm, "bare", tmp_path)
    (tmp_path / "chain.pem").write_bytes(signer.certificate.public_bytes(serialization.Encoding.PEM) + ROOT.pem)
    key, _ = loaded(hsm, "bare", tmp_path, certificate="chain.pem").of(receipts.agency())
    assert judged(key.seal(PAPER, "ใบรับ"), ROOT.der).bottom_line
    (tmp_path / "other.pem").write_bytes(pki.make_signer(ROOT).certificate.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(SealError, match="is not this key's"):
        loaded(hsm, "bare", tmp_path, certificate="other.pem")


def test_what_cannot_be_used_is_said_with_its_setting(hsm: SoftHsm, tmp_path: Path) -> None:
    hsm.put("saraban", "mine", pki.make_signer(ROOT))
    with pytest.raises(SealError, match=r"sign\.seals\.operator: the token has no private key"):
        loaded(hsm, "nobody", tmp_path)
    hsm.restart()  # nobody is logged in
    with pytest.raises(SealError, match=r"sign\.seals\.operator: .*PinIncorrect"):
        loaded(hsm, "mine", tmp_path, pin="0815")
    for uri, why in (
        ("pkcs11:token=other;object=mine?module-path=" + str(hsm.module), "no such token"),
        ("pkcs11:token=saraban;object=mine?module-path=/nowhere.so", "cannot be loaded"),
        ("pkcs11:token=saraban;object=mine", "names no module"),
    ):
        with pytest.raises(SealError, match=why):
            Seals.load(Sign(seals={"operator": uri}), tmp_path)


def test_a_uri_is_read_by_rfc_7512() -> None:
    found = parse(
        "pkcs11:token=%E0%B8%95%E0%B8%A3%E0%B8%B2;object=seal%20one;id=%01%ff;type=private?module-path=/a%20b.so"
    )
    assert found == TokenUri(module="/a b.so", token="ตรา", object="seal one", id=b"\x01\xff")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("pkcs11:object=x?module-path=/m&pin-value=1234", "sign.seal_passwords"),
        ("pkcs11:token=x?module-path=/m", "names no key"),
        ("pkcs11:object=x;colour=red?module-path=/m", "'colour'"),
        ("pkcs11:object=x;type=public?module-path=/m", "not a private key"),
    ],
)
def test_what_a_uri_may_not_say(uri: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(uri)
