"""Groups of the trust store: pins, what an anchor is for, for whom and when; and what verdicts make of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from contracts.values import BANGKOK
from services.sign import signatures, trust, trust_manifest
from services.sign.anchors import purpose_of
from services.sign.trust import TrustStore
from tests.letters import letter_pdf
from tests.pki import _asn1, make_root, make_signer, sign_pdf
from tests.trust_groups import EVERYTHING, write_group

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
ONE, TWO = make_root("One"), make_root("Two")
SIGNER = make_signer(ONE)
STAMPER = make_signer(TWO, "Stamper", timestamping=True, rsa_key=True)
SIGNED = sign_pdf(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"), SIGNER, stamper=STAMPER)


def verdict(store: TrustStore, octets: bytes = SIGNED) -> tuple[str | None, str | None, str]:
    (found,) = signatures.judge(octets, "a.pdf", store, NOW)
    return found.indication, found.sub_indication, found.time_source


def test_groups_below_a_store_and_certificates_in_it(tmp_path: Path) -> None:
    three, four = make_root("Three"), make_root("Four")
    write_group(tmp_path / "national", ONE, known=[TWO], purposes=["signatures"])
    write_group(tmp_path / "agency", three, purposes=["seals"], more='agencies = ["opdc"]')
    write_group(tmp_path / ".hidden", four)
    (tmp_path / "no-group").mkdir()
    (tmp_path / "no-group" / "four.pem").write_bytes(four.pem)
    assert set(trust.load(tmp_path).anchors) == {ONE.der, three.der}
    (tmp_path / "four.pem").write_bytes(four.pem)
    store = trust.load(tmp_path)
    assert set(store.anchors) == {ONE.der, three.der, four.der}
    assert store.known == (TWO.der,)
    assert {fit.certificate for fit in store.fit("signatures")} == {ONE.der, four.der}
    assert {fit.certificate for fit in store.fit("seals")} == {three.der, four.der}
    assert {fit.certificate for fit in store.fit("timestamps")} == {four.der}


def test_a_store_that_is_a_group_itself(tmp_path: Path) -> None:
    store = trust.load(write_group(tmp_path, ONE, purposes=["smime"]))
    assert [fit.certificate for fit in store.fit("smime")] == [ONE.der]
    assert store.fit("signatures") == ()


def test_an_anchor_limited_to_agencies_is_none_for_others(tmp_path: Path) -> None:
    write_group(tmp_path / "all", ONE)
    write_group(tmp_path / "own", TWO, more='agencies = ["opdc"]')
    store = trust.load(tmp_path)
    assert set(store.for_agency("opdc").anchors) == {ONE.der, TWO.der}
    for agency in ("dla", ""):
        assert store.for_agency(agency).anchors == (ONE.der,)
        assert [fit.certificate for fit in store.for_agency(agency).fit("seals")] == [ONE.der]
        assert store.for_agency(agency).version == store.version


def test_days_are_whole_thai_days_and_the_widest_of_several_groups(tmp_path: Path) -> None:
    write_group(tmp_path / "a", ONE, more="valid_from = 2026-01-02\nvalid_until = 2026-03-04")
    write_group(tmp_path / "b", ONE, more="valid_from = 2026-02-01\nvalid_until = 2026-12-31")
    (fit,) = trust.load(tmp_path).fit("seals")
    assert fit.begins == datetime(2026, 1, 2, tzinfo=BANGKOK)
    assert fit.ends == datetime(2027, 1, 1, tzinfo=BANGKOK) - timedelta(microseconds=1)
    write_group(tmp_path / "c", ONE)
    (fit,) = trust.load(tmp_path).fit("seals")
    assert fit.begins is None
    assert fit.ends is None


@pytest.mark.parametrize(
    "more",
    ['agencies = ["opdc"]', "valid_from = 2026-01-01", "valid_until = 2096-01-01"],
)
def test_the_version_covers_the_policy(tmp_path: Path, more: str) -> None:
    plain = trust.of([ONE.der]).version
    whole = trust.load(write_group(tmp_path / "whole", ONE))
    assert whole.version == plain, "the same anchors for the same as a folder without a manifest"
    changed = {
        trust.load(write_group(tmp_path / "purpose", ONE, purposes=EVERYTHING[1:])).version,
        trust.load(write_group(tmp_path / "known", ONE, known=[TWO])).version,
        trust.load(write_group(tmp_path / "more", ONE, more=more)).version,
    }
    assert len(changed | {plain}) == 4
    one = trust.load(write_group(tmp_path / "b", ONE, TWO, purposes=EVERYTHING[1:])).version
    divided = [write_group(tmp_path / name, root, purposes=EVERYTHING[1:]) for name, root in (("c", ONE), ("d", TWO))]
    assert trust.joined(map(trust.load, divided)).version == one, "however it is divided into groups"


def test_another_certificate_than_the_pinned_one_stops_the_load(tmp_path: Path) -> None:
    folder = write_group(tmp_path / "g", ONE)
    (folder / "0.pem").write_bytes(TWO.pem)
    with pytest.raises(
        trust.TrustError, match=r"^[^\n]*0\.pem: (holds|does not hold) a certificate [^\n]* sha256 \w+$"
    ):
        trust.load(tmp_path)


def test_a_certificate_slipped_into_a_pinned_file_or_folder_stops_the_load(tmp_path: Path) -> None:
    folder = write_group(tmp_path / "g", ONE)
    (folder / "0.pem").write_bytes(ONE.pem + TWO.pem)
    with pytest.raises(trust.TrustError, match=r"holds a certificate that group\.toml does not pin"):
        trust.load(tmp_path)
    (folder / "0.pem").write_bytes(ONE.pem)
    (folder / "two.crt").write_bytes(TWO.pem)
    with pytest.raises(trust.TrustError, match=r"two\.crt: group.toml does not pin it"):
        trust.load(tmp_path)
    (folder / "two.crt").unlink()
    (folder / "0.pem").unlink()
    with pytest.raises(trust.TrustError, match=r"0\.pem"):
        trust.load(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('purposes = ["tls"]', "tls"),
        ("purposes = []", "purposes"),
        ("taken = yesterday", "Invalid value"),
        ("colour = 1", "colour"),
        ("valid_from = 2026-02-01\nvalid_until = 2026-01-01", "valid_until"),
        ('[[certificate]]\nfile = "x.pem"\nsha256 = "00"', "64 hexadecimal digits"),
        (f'[[certificate]]\nfile = "../x.pem"\nsha256 = "{"0" * 64}"', "not a file of this folder"),
        ("a = [" * 2_000, "group.toml"),
        ("x = '\udcff'", "group.toml"),
    ],
)
def test_a_manifest_that_means_nothing_is_named(tmp_path: Path, line: str, said: str) -> None:
    kept = [
        text
        for text in ('name = "n"', 'purposes = ["seals"]', 'source = "s"', "taken = 2026-11-30")
        if text.split()[0] != line.split()[0]
    ]
    (tmp_path / "group.toml").write_bytes("\n".join([*kept, line]).encode("utf-8", "surrogateescape"))
    with pytest.raises(trust.TrustError, match=r"group\.toml") as failed:
        trust.load(tmp_path)
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)


def test_the_example_that_we_ship_is_read() -> None:
    found = trust_manifest.read_file(ROOT / "deploy" / "examples" / "group.toml")
    assert [one.anchor for one in found.certificate] == [True, False]
    assert set(found.purposes) < set(EVERYTHING)


def test_a_verdict_rests_on_anchors_for_its_purpose_alone(tmp_path: Path) -> None:
    both = trust.of([ONE.der, TWO.der])
    assert verdict(both) == ("TOTAL-PASSED", None, "timestamp")
    good = [
        write_group(tmp_path / "signatures", ONE, purposes=["signatures"]),
        write_group(tmp_path / "timestamps", TWO, purposes=["timestamps"]),
    ]
    assert verdict(trust.joined(map(trust.load, good))) == ("TOTAL-PASSED", None, "timestamp")
    swapped = [
        write_group(tmp_path / "a", ONE, purposes=["seals", "timestamps", "smime"]),
        write_group(tmp_path / "b", TWO, purposes=["timestamps"]),
    ]
    assert verdict(trust.joined(map(trust.load, swapped)))[:2] == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")
    stamps = [good[0], write_group(tmp_path / "c", TWO, purposes=["signatures", "seals", "smime"])]
    assert verdict(trust.joined(map(trust.load, stamps))) == ("TOTAL-PASSED", None, "claimed")


def test_outside_its_days_an_anchor_gives_no_passed_verdict(tmp_path: Path) -> None:
    day = (NOW - timedelta(days=400)).date()
    folder = write_group(tmp_path / "g", ONE, more=f"valid_until = {day}")
    assert verdict(trust.load(folder))[0] == "INDETERMINATE"
    folder = write_group(tmp_path / "g", ONE, more=f"valid_until = {(NOW + timedelta(days=400)).date()}")
    assert verdict(trust.load(folder))[0] == "TOTAL-PASSED"


def test_an_authority_that_is_known_and_no_anchor_completes_a_chain(tmp_path: Path) -> None:
    """A file that lacks the certificate between leads to the anchor all the same; alone it leads nowhere."""
    below = make_root("Below", issuer=ONE)
    alone = make_signer(below)
    signed = sign_pdf(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"), alone, chain=False)
    assert verdict(trust.of([ONE.der]), signed)[1] == "NO_CERTIFICATE_CHAIN_FOUND"
    store = trust.load(write_group(tmp_path / "g", ONE, known=[below]))
    assert verdict(store, signed)[0] == "TOTAL-PASSED"
    write_group(tmp_path / "h", TWO, known=[below])
    assert verdict(trust.load(tmp_path / "h"), signed)[1] == "NO_CERTIFICATE_CHAIN_FOUND"


def test_an_organisations_certificate_is_told_from_a_persons() -> None:
    def certificate(*names: tuple[str, str], statement: str = "") -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in names])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ONE.certificate.subject)
            .public_key(SIGNER.key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
        )
        if statement:
            value = bytes.fromhex("301530130606 04008e460106 3009060704008e4601 06".replace(" ", "") + statement)
            oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        return builder.sign(ONE.key, hashes.SHA256())

    common, organisation, surname = ("2.5.4.3", "ก"), ("2.5.4.97", "NTRTH-0994000"), ("2.5.4.4", "ข")
    assert purpose_of(_asn1(certificate(common))) == "signatures"
    assert purpose_of(_asn1(certificate(common, organisation))) == "seals"
    assert purpose_of(_asn1(certificate(common, organisation, surname))) == "signatures"
    assert purpose_of(_asn1(certificate(common, statement="02"))) == "seals"
    assert purpose_of(_asn1(certificate(common, organisation, statement="01"))) == "signatures"
