"""`saraban examine`, as a person runs it, on both real letters: as PDF and as a mail with that PDF."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus_smime.mails import file, letter, multipart, opaque, text
from tests.corpus_smime.people import person
from tests.corpus_smime.signing import By, signed
from tests.letters import letter_mail, letter_pdf, letter_text
from tests.pki import make_root, make_signer, sign_pdf

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ACT = "พระราชบัญญัติการปฏิบัติราชการทางอิเล็กทรอนิกส์ พ.ศ. ๒๕๖๕"
EVERYBODY = "หัวหน้าส่วนราชการ จังหวัด องค์การมหาชน รัฐวิสาหกิจ สถาบันการศึกษา และหน่วยงานอื่นของรัฐ"
EXPECTED = {
    "opdc-w56": {
        "letter_number": "นร ๑๒๐๐/ว๕๖",
        "letter_number_ascii": "นร 1200/ว56",
        "letter_date": "2024-11-15",
        "issuer": "สำนักงาน ก.พ.ร.",
        "subject": f"แนวปฏิบัติที่ดีตาม{ACT}",
        "addressee": EVERYBODY,
        "enclosures": [f"Infographic แนวปฏิบัติที่ดีในการใช้ไปรษณีย์อิเล็กทรอนิกส์ตาม{ACT}"],
        "telephones": ["๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐปติ)"],
        "emails": ["saraban@opdc.go.th"],
        "signer": "นายณัฐฐา พาชัยยุทธ",
        "signer_position": "ที่ปรึกษาการพัฒนาระบบราชการ ปฏิบัติราชการแทน เลขาธิการ ก.พ.ร.",
        "acknowledgement": None,
        "urgency": None,
        "secrecy": None,
        "references": [],
    },
    "opdc-w75": {
        "letter_number": "นร ๑๒๐๐/ว๗๕",
        "letter_number_ascii": "นร 1200/ว75",
        "letter_date": "2025-12-23",
        "issuer": "สำนักงาน ก.พ.ร.",
        "subject": f"การแจ้งหน่วยงานของรัฐเพื่อปฏิบัติตาม{ACT}",
        "addressee": EVERYBODY,
        "enclosures": ["สถานะความพร้อมการปฏิบัติราชการทางอิเล็กทรอนิกส์ของหน่วยงานรัฐ"],
        "telephones": ["๐ ๒๓๕๖ ๙๙๙๙ ต่อ ๘๘๑๐ (ณัฐฐา) ๘๘๐๒ (ศศิกานต์) ๘๘๓๑ (ขวัญกมล)"],
        "emails": ["saraban@opdc.go.th"],
        "signer": "นายณัฐฐา พาชัยยุทธ",
        "signer_position": "ที่ปรึกษาการพัฒนาระบบราชการ ปฏิบัติราชการแทน เลขาธิการ ก.พ.ร.",
        "acknowledgement": None,
        "urgency": None,
        "secrecy": None,
        "references": [],
    },
}


def saraban(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "services.cli", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def plain(value: object) -> object:
    """A particular without source and confidence."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value["value"] if isinstance(value, dict) and "value" in value else value


def test_both_real_letters_as_pdf_and_as_mail(tmp_path: Path) -> None:
    for name in EXPECTED:
        pdf = letter_pdf(letter_text(name))
        (tmp_path / f"{name}.pdf").write_bytes(pdf)
        (tmp_path / f"{name}.eml").write_bytes(letter_mail(pdf, "a@b.th", "saraban@demo.localhost", "ขอส่งหนังสือ"))
    done = saraban("examine", tmp_path, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(answer["file"]).name for answer in answers] == [
        "opdc-w56.eml",
        "opdc-w56.pdf",
        "opdc-w75.eml",
        "opdc-w75.pdf",
    ]
    for answer in answers:
        particulars = {field: plain(value) for field, value in answer["particulars"].items()}
        assert particulars == EXPECTED[Path(answer["file"]).stem]
        assert answer["warnings"] == []


def test_the_table_shows_them(tmp_path: Path) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(letter_pdf(letter_text("opdc-w56")))
    done = saraban("examine", file)
    assert done.returncode == 0, done.stderr
    for value in ("นร ๑๒๐๐/ว๕๖", "2024-11-15", "สำนักงาน ก.พ.ร.", EVERYBODY, "saraban@opdc.go.th", "๐ ๒๓๕๖ ๙๙๙๙"):
        assert value in done.stdout


@pytest.mark.parametrize(("trusted", "verdict"), [(True, "TOTAL-PASSED"), (False, None)])
def test_a_signed_letter(tmp_path: Path, trusted: bool, verdict: str | None) -> None:
    root = make_root()
    pdf = sign_pdf(letter_pdf(letter_text("opdc-w75")), make_signer(root))
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "letter.eml").write_bytes(letter_mail(pdf, "a@b.th", "c@d.th", "x"))
    anchors = ["--trust", tmp_path / "root.pem"] if trusted else []
    done = saraban("examine", tmp_path / "letter.eml", *anchors, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [signature["indication"] for signature in answer["signatures"]] == [verdict]
    # The throw-away certificate is not that of the person who signs the letter.
    expected = ["signer_not_named"] if trusted else ["trust_store_empty", "signer_not_named"]
    assert [said["code"] for said in answer["warnings"]] == expected


def test_a_signed_mail(tmp_path: Path) -> None:
    root = make_root()
    content = multipart("multipart/mixed", [text(), file("letter.pdf", letter_pdf(letter_text("opdc-w75")))], "files")
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "letter.eml").write_bytes(letter(opaque(signed(content, By(who=person(root)), carries=content))))
    done = saraban("examine", tmp_path / "letter.eml", "--trust", tmp_path / "root.pem")
    assert done.returncode == 0, done.stderr
    for words in (
        "S/MIME",
        "TOTAL-PASSED",
        "whole (message)",
        "ครอบคลุมเนื้อหาทั้งหมดของข้อความ",
        "letter.pdf",
        "นร ๑๒๐๐/ว๗๕",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["missing.pdf"], "missing.pdf"), ([ROOT / "pyproject.toml"], "neither .eml nor .pdf")],
)
def test_a_wrong_file_is_one_line(arguments: list[object], words: str) -> None:
    done = saraban("examine", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_wrong_anchor_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(letter_pdf("x"))
    (tmp_path / "bad.pem").write_text("no certificate")
    done = saraban("examine", tmp_path / "a.pdf", "--trust", tmp_path / "bad.pem")
    assert done.returncode == 2
    assert "bad.pem" in done.stderr
