"""The throw-away test authority."""

import stat
import threading
from pathlib import Path

from cryptography import x509

from services.sign import authority
from services.sign.paper import Paper
from tests import receipts
from tests.unit.test_seal import judged


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "test-authority"
    first, again = authority.ensure(folder), authority.ensure(folder)
    assert first.certificate.dump() == again.certificate.dump()
    assert authority.ensure(tmp_path / "other").certificate.dump() != first.certificate.dump()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["test-authority"]


def test_its_names_say_test(tmp_path: Path) -> None:
    key = authority.ensure(tmp_path / "a")
    root = x509.load_pem_x509_certificate((tmp_path / "a" / authority.ROOT_FILE).read_bytes())
    for name in (key.certificate.subject.human_friendly, root.subject.rfc4514_string()):
        assert "TEST" in name
        assert "ทดสอบ" in name
    assert "no evidence" in key.name


def test_its_seal_verifies_by_its_root(tmp_path: Path) -> None:
    key = authority.ensure(tmp_path / "a")
    status = judged(key.seal(Paper().render(receipts.made()), "x"), (tmp_path / "a" / authority.ROOT_FILE).read_bytes())
    assert status.bottom_line


def test_nobody_else_reads_the_key_and_the_root_has_none(tmp_path: Path) -> None:
    authority.ensure(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / authority.SEAL_FILE).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [authority.ROOT_FILE, authority.SEAL_FILE]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    found: list[bytes] = []
    line = threading.Barrier(4)

    def start() -> None:
        line.wait()
        found.append(authority.ensure(tmp_path / "a").certificate.dump())

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
