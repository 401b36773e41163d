from pathlib import Path

import pytest

from services.sign import trust
from tests.pki import make_root


def test_the_empty_store_says_that_it_is() -> None:
    assert trust.load(None).version == "empty"
    assert trust.of([]).anchors == ()


def test_a_folder_of_pem_and_der(tmp_path: Path) -> None:
    one, two, three = make_root("One"), make_root("Two"), make_root("Three")
    (tmp_path / "both.pem").write_bytes(one.pem + two.pem)
    (tmp_path / "three.der").write_bytes(three.der)
    (tmp_path / "readme.txt").write_text("no certificate")
    store = trust.load(tmp_path)
    assert set(store.anchors) == {one.der, two.der, three.der}


def test_the_version_names_the_anchors_and_not_their_files(tmp_path: Path) -> None:
    one, two = make_root("One"), make_root("Two")
    version = trust.of([one.der, two.der]).version
    assert trust.of([two.pem, one.pem, one.der]).version == version
    assert trust.of([one.der]).version != version
    assert version.startswith("sha256:")


@pytest.mark.parametrize(
    "octets", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "bad.pem").write_bytes(octets)
    with pytest.raises(trust.TrustError, match=r"bad\.pem"):
        trust.load(tmp_path)


def test_a_private_key_is_no_anchor(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(trust.TrustError, match="no certificate"):
        trust.load(tmp_path)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(trust.TrustError, match="no such"):
        trust.load(tmp_path / "missing")
