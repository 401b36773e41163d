"""`saraban trust`: what is imported, listed and found wrong."""

import json
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.commands import trust_import
from services.commands.errors import CommandError
from services.commands.trust_import import Wanted
from services.sign import trust, trust_check
from services.sign.trust_check import SOON
from tests.pki import Authority, key_usage, make_root, make_signer
from tests.trust_groups import write_group
from tests.world import Typed, typed

NOW = datetime.now(UTC)
TODAY = date(2026, 11, 30)
ONE, TWO = make_root("Thailand National Root One"), make_root("สอง")
WANTED = Wanted(source="their site, fingerprint by telephone", purposes=("signatures", "seals"))


def said(*words: str) -> Typed:
    return typed(["trust", *words])


def imported(store: Path, group: str, *authorities: Authority, wanted: Wanted = WANTED) -> list[str]:
    files = []
    for number, one in enumerate(authorities):
        store.parent.mkdir(exist_ok=True)
        files.append(store.parent / f"given-{number}.pem")
        files[-1].write_bytes(one.pem)
    return trust_import.add(store, group, trust_import.read(files, ()), wanted, TODAY)


def problems(path: Path, now: datetime = NOW) -> list[tuple[bool, str]]:
    return [(one.wrong, one.said) for one in trust_check.problems(path, now)]


def made(
    *,
    days: tuple[float, float] = (-10, 3_650),
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    authority: bool = True,
    sign_certificates: bool = True,
    issuer: Authority | None = None,
) -> Authority:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd One")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(key_usage(certificates=sign_certificates), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Authority(certificate, key)


def with_sha1(authority: Authority) -> Authority:
    """The same, said to be signed with SHA-1, which the library refuses to do."""
    found = asn1_x509.Certificate.load(authority.der)
    found["signature_algorithm"] = found["tbs_certificate"]["signature"] = {"algorithm": "sha1_ecdsa"}
    return Authority(x509.load_der_x509_certificate(found.dump(force=True)), authority.key)


def test_from_nothing_to_a_store_that_is_listed_and_checked(tmp_path: Path) -> None:
    bundle, store = tmp_path / "bundle.pem", tmp_path / "trust"
    bundle.write_bytes(ONE.pem + TWO.pem)
    done = said("import", "national", str(bundle), "--source", "their site", "--purpose", "signatures",
                "--purpose", "seals", "--name", "ราก", "--agency", "opdc", "--valid-until", "2090-01-01",
                "--folder", str(store))  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = trust.load(store)
    assert set(loaded.anchors) == {ONE.der, TWO.der}
    assert done.stdout.splitlines()[-1] == f"version {loaded.version}"
    manifest = tomllib.loads((store / "national" / "group.toml").read_text())
    assert {name: manifest[name] for name in ("name", "source", "purposes", "agencies", "valid_until")} == {
        "name": "ราก",
        "source": "their site",
        "purposes": ["signatures", "seals"],
        "agencies": ["opdc"],
        "valid_until": date(2090, 1, 1),
    }
    assert abs((manifest["taken"] - NOW.date()).days) <= 1

    again = said("import", "national", str(bundle), "--source", "again", "--folder", str(store))
    assert again.returncode == 0
    assert "already" in again.stderr
    listed = said("list", "--folder", str(store), "--format", "jsonl")
    lines = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {line["sha256"] for line in lines} == {
        one.certificate.fingerprint(hashes.SHA256()).hex() for one in (ONE, TWO)
    }
    assert {(line["store"], line["anchor"], tuple(line["purposes"]), tuple(line["agencies"])) for line in lines} == {
        (loaded.version, True, ("signatures", "seals"), ("opdc",))
    }
    shown = said("list", "--folder", str(store)).stdout
    assert "Thailand National Root One" in shown
    assert f"2 anchors, version {loaded.version}" in shown
    assert said("check", "--folder", str(store)).returncode == 0

    (store / "national" / "0.pem").write_bytes(ONE.pem)
    checked = said("check", "--folder", str(store))
    assert checked.returncode == 1
    assert "does not pin it" in checked.stdout
    assert said("list", "--folder", str(store)).returncode == 1
    assert said("check", "--folder", str(tmp_path / "nowhere")).returncode == 1


def test_what_comes_later_is_dated_and_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    store = tmp_path / "trust"
    (name,) = imported(store, "g", ONE)
    assert name.startswith("thailand-national-root-one-")
    file = store / "g" / "group.toml"
    file.write_text("# checked by two of us\n" + file.read_text())
    later = Wanted(source="another source", anchor=False)
    imported(store, "g", TWO, wanted=later)
    assert file.read_text().startswith("# checked by two of us\n")
    (first, second) = tomllib.loads(file.read_text())["certificate"]
    assert "source" not in first
    assert (second["source"], second["taken"], second["anchor"]) == ("another source", TODAY, False)
    loaded = trust.load(store)
    assert (loaded.anchors, loaded.known) == ((ONE.der,), (TWO.der,))
    assert imported(store, "g", ONE, TWO) == []


def test_an_import_that_is_not_what_was_expected_changes_nothing(tmp_path: Path) -> None:
    store = tmp_path / "trust"
    pin = ONE.certificate.fingerprint(hashes.SHA256()).hex(":")
    (tmp_path / "one.pem").write_bytes(ONE.pem)
    (tmp_path / "two.pem").write_bytes(ONE.pem + TWO.pem)
    assert set(trust_import.read([tmp_path / "one.pem"], [pin.upper()])) == {pin.replace(":", "")}
    for file, pins, why in (("two.pem", [pin], "not expected"), ("one.pem", [pin, "00" * 32], "was expected")):
        with pytest.raises(CommandError, match=why):
            trust_import.read([tmp_path / file], pins)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(CommandError, match=r"key\.pem: holds no certificate"):
        trust_import.read([tmp_path / "key.pem"], ())
    for group in ("../up", "A", "", ".g", "a/b"):
        with pytest.raises(CommandError, match="name of a group"):
            imported(store, group, ONE)
    with pytest.raises(CommandError, match="--purpose"):
        imported(store, "new", ONE, wanted=Wanted(source="s"))
    assert not store.exists()
    imported(store, "g", ONE)
    before = (store / "g" / "group.toml").read_bytes()
    for wanted in (Wanted(source="s", purposes=("smime",)), Wanted(source="s", agencies=("opdc",))):
        with pytest.raises(CommandError, match="is not what"):
            imported(store, "g", TWO, wanted=wanted)
    (store / "g" / "stray.pem").write_bytes(TWO.pem)
    with pytest.raises(CommandError, match="does not pin it"):
        imported(store, "g", TWO)
    assert (store / "g" / "group.toml").read_bytes() == before


def test_a_good_store_has_no_problem(tmp_path: Path) -> None:
    below = make_root("Below", issuer=ONE)
    write_group(tmp_path / "g", ONE, known=[below], purposes=["signatures"])
    (tmp_path / "two.pem").write_bytes(TWO.pem)
    (tmp_path / "readme.txt").write_text("nothing")
    (tmp_path / ".hidden").mkdir()
    assert problems(tmp_path) == []
    assert problems(tmp_path / "two.pem") == []


@pytest.mark.parametrize(
    ("authority", "wrong", "words"),
    [
        (made(days=(-10, -1)), True, "expired on"),
        (made(days=(-10, 30)), False, "in 29 days"),
        (made(days=(10, 300)), False, "is not valid before"),
        (made(authority=False), True, "basic constraints"),
        (made(sign_certificates=False), True, "key usage"),
        (made(key=rsa.generate_private_key(65537, 1_024)), True, "1024 bits"),
        (made(key=ec.generate_private_key(ec.SECP192R1())), True, "192 bits"),
        (with_sha1(made()), False, "sha1, by itself"),
        (with_sha1(made(issuer=ONE)), True, "is signed with sha1"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    tmp_path: Path, authority: Authority, wrong: bool, words: str
) -> None:
    write_group(tmp_path / "g", authority)
    (one,) = [found for found in problems(tmp_path) if words in found[1]]
    assert one[0] is wrong


def test_what_is_wrong_with_the_store_is_said(tmp_path: Path) -> None:
    write_group(tmp_path / "a", ONE)
    write_group(tmp_path / "b", ONE, known=[make_root("Astray", issuer=TWO)], more="valid_until = 2026-01-01")
    (tmp_path / "forgotten").mkdir()
    (tmp_path / "forgotten" / "x.pem").write_bytes(TWO.pem)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "group.toml").write_text(
        'name = "n"\npurposes = ["smime"]\nsource = "s"\ntaken = 2999-01-01\n'
    )
    found = problems(tmp_path)
    for wrong, words in (
        (False, "holds certificates and no group.toml"),
        (False, "is an anchor for signatures already"),
        (False, "leads to no anchor"),
        (True, "which is over"),
        (False, "has no anchor"),
        (True, "still to come"),
    ):
        assert [one for one in found if one[0] is wrong and words in one[1]], words
    soon = datetime(2026, 1, 1, tzinfo=UTC) - SOON / 2
    assert any("is trusted until 2026-01-01 alone" in words and not wrong for wrong, words in problems(tmp_path, soon))


def test_each_part_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    write_group(tmp_path / "a", ONE)
    (tmp_path / "a" / "0.pem").write_bytes(TWO.pem)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "group.toml").write_text("name = 1")
    (tmp_path / "bad.pem").write_bytes(b"no certificate")
    found = problems(tmp_path)
    assert len(found) == 3
    assert all(wrong for wrong, _ in found)


def test_a_signers_certificate_is_no_anchor(tmp_path: Path) -> None:
    signer = make_signer(ONE)
    (tmp_path / "signer.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    assert any(wrong and "no authority's" in words for wrong, words in problems(tmp_path))
