"""`saraban verify` as a person types it: languages, forms, exit codes, and what a wrong word gives."""

import json
from pathlib import Path

import pytest

from services.verify.report import CAVEAT
from tests.proofs import Office, mail
from tests.world import Typed, typed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    office = Office(folder)
    (folder / "trust").mkdir()
    (folder / "trust" / "root.pem").write_bytes(office.root.pem)
    (folder / "trust" / "stamps.pem").write_bytes(office.stamps.pem)
    (folder / "receipt.pdf").write_bytes(office.usual_paper)
    (folder / "letter.eml").write_bytes(mail())
    (folder / "other.eml").write_bytes(mail("อีกฉบับ\n"))
    return folder


def said(place: Path, *words: str) -> Typed:
    """What it says; a word that names a file of the place is that file."""
    return typed(["verify", *(str(place / word) if (place / word).exists() else word for word in words)])


def test_both_languages_unless_one_is_asked_for(place: Path) -> None:
    both = said(place, "letter.eml", "receipt.pdf", "--trust", "trust")
    thai = said(place, "letter.eml", "receipt.pdf", "--trust", "trust", "--lang", "th")
    english = said(place, "letter.eml", "receipt.pdf", "--trust", "trust", "--lang", "en")
    assert [one.returncode for one in (both, thai, english)] == [0, 0, 0]
    assert both.stdout.startswith("พิสูจน์ได้ว่า")
    assert "\nProven: the letter given reached" in both.stdout
    assert "Proven" not in thai.stdout
    assert english.stdout.startswith("Proven: the letter given reached")
    assert CAVEAT.thai in thai.stdout
    assert english.stdout.rstrip().endswith(CAVEAT.english)
    assert all(line in both.stdout for line in english.stdout.splitlines() if not line.startswith((" ", "✓", "?")))


def test_every_finding_is_one_sentence_with_its_code(place: Path) -> None:
    lines = said(place, "receipt.pdf", "--trust", "trust", "--lang", "en").stdout.splitlines()
    findings = [line for line in lines if line[:2] in ("✓ ", "✗ ", "? ")]
    assert len(findings) == sum(line.startswith("    [") for line in lines) == 12
    assert all(line.endswith(".") or "certificate" in line for line in findings)


def test_json_says_the_same(place: Path) -> None:
    done = said(place, "other.eml", "receipt.pdf", "--trust", "trust", "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 1
    assert report["verdict"] == "contradicted"
    assert report["receipts"][0]["register_number"] == "สพร ร/๒๕๖๙/๑๕๗๗"
    assert {"letter_other_text"} == {one["code"] for one in report["findings"] if one["status"] == "contradicted"}


def test_two_receipts_are_shown_one_after_the_other(place: Path) -> None:
    done = said(place, "receipt.pdf", "receipt.pdf", "--trust", "trust", "--lang", "en")
    assert done.returncode == 0
    assert [line[:2] for line in done.stdout.splitlines() if line[:2] in ("1.", "2.")] == ["1.", "2."]
    assert "The two receipts are of the same entry" in done.stdout


def test_exit_codes(place: Path) -> None:
    assert said(place, "receipt.pdf").returncode == 2
    assert said(place, "letter.eml").returncode == 3
    assert said(place, "nowhere.pdf").returncode == 3
    assert said(place, "receipt.pdf", "--trust", "letter.eml").returncode == 3
    assert said(place, "letter.eml", "receipt.pdf", "receipt.pdf", "receipt.pdf").returncode == 3


def test_what_an_attacker_wrote_does_not_steer_the_terminal(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.eml").write_bytes(mail(Message_ID="<\x1b[31mred>"))
    done = said(place, str(tmp_path / "bad.eml"), "receipt.pdf", "--trust", "trust")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
