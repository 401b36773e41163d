"""The receipt on paper, looked at through poppler: what it says, that nothing breaks it, that it is PDF/A-3."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.receipt import Receipt
from services.sign import paper, thai
from services.sign.paper import PLACEHOLDER, PRINTED_FILES, Paper, page, printable
from services.words import wording
from tests import receipts

PRESS = Paper()

pytestmark = pytest.mark.system("poppler-utils")


def poppler(program: str, pdf: Path, *options: str) -> str:
    return subprocess.run(
        [program, *options, str(pdf), *(["-"] if program == "pdftotext" else [])],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def text(octets: bytes, folder: Path) -> str:
    """The words of the PDF without regard to lines; extraction splits Thai and the letters across the page."""
    file = folder / "receipt.pdf"
    file.write_bytes(octets)
    above_the_foot = ("-x", "0", "-y", "0", "-W", "596", "-H", "780")
    return bare(poppler("pdftotext", file, *above_the_foot))


def foot(number: int, file: Path) -> str:
    options = ("-x", "0", "-y", "780", "-W", "596", "-H", "62", "-f", str(number), "-l", str(number))
    return " ".join(poppler("pdftotext", file, *options).split())


def bare(words: str) -> str:
    """Without space; extraction writes some Thai clusters twice, which our own reader undoes."""
    return thai.repair(re.sub(r"\s+", "", words))


def pages(octets: bytes, folder: Path) -> int:
    file = folder / "receipt.pdf"
    file.write_bytes(octets)
    found = re.search(r"Pages:\s+(\d+)", poppler("pdfinfo", file))
    assert found
    return int(found.group(1))


def test_it_says_what_the_receipt_says(tmp_path: Path) -> None:
    made = receipts.made(seal=receipts.seal("operator"))
    found = text(PRESS.render(made), tmp_path)
    for words in (
        "ใบรับหนังสืออิเล็กทรอนิกส์",
        receipts.AGENCY_NAME,
        receipts.NUMBER,
        receipts.LETTER_NUMBER,
        "๑๕ พฤศจิกายน ๒๕๖๗",
        "๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖:๓๑:๐๗.๑๒๓๔๕๖ น.",
        "๒ มิถุนายน ๒๕๖๙",
        "เข้าสู่ระบบ ๒๙ พฤษภาคม ๒๕๖๙ เวลา ๑๖.๓๑ น.",
        "นางสาวกัญญารัตน์ น้ำเพชรพิริยะกุล",
        "โทรศัพท์ ๐ ๒๖๑๒ ๖๐๐๐ ต่อ ๔๘๑๑",
        receipts.SUBJECT,
        "<1@opdc.go.th>",
        "ab" * 32,
        "cd" * 32,
        f"{1:064x}",
        receipts.FILE,
        "๑,๒๓๔,๕๖๗",
        f"unknown: {wording.NO_HEAD}",
        *made.statements,
    ):
        assert bare(words) in found, words


def test_every_page_has_its_number_and_the_receipts(tmp_path: Path) -> None:
    count = pages(PRESS.render(receipts.made()), tmp_path)
    assert count == 2
    assert "หน้า ๑ / ๒" in foot(1, tmp_path / "receipt.pdf")
    assert "หน้า ๒ / ๒" in foot(2, tmp_path / "receipt.pdf")
    assert receipts.NUMBER in foot(2, tmp_path / "receipt.pdf")


def test_the_json_is_embedded_as_it_is(tmp_path: Path) -> None:
    made = receipts.made()
    file = tmp_path / "receipt.pdf"
    file.write_bytes(PRESS.render(made))
    assert "1: receipt.json" in poppler("pdfdetach", file, "-list")
    poppler("pdfdetach", file, "-save", "1", "-o", str(tmp_path / "out.json"))
    octets = (tmp_path / "out.json").read_bytes()
    assert octets == msgspec.json.encode(made)
    assert msgspec.json.decode(octets, type=Receipt) == made


def test_what_a_letter_says_is_never_read_as_typst(tmp_path: Path) -> None:
    hostile = '"), panic("\\") #panic() \\" \\u{41} // */ $'
    subject = msgspec.structs.replace(receipts.findings().particulars, subject=receipts.particular(hostile))
    made = receipts.made(findings=receipts.findings(particulars=subject))
    pdf = PRESS.render(made)
    assert bare(hostile) in text(pdf, tmp_path)
    poppler("pdfdetach", tmp_path / "receipt.pdf", "-save", "1", "-o", str(tmp_path / "out.json"))
    assert (tmp_path / "out.json").read_bytes() == msgspec.json.encode(made)


def test_it_says_that_it_is_pdf_a_3_and_how_the_file_belongs_to_it() -> None:
    octets = PRESS.render(receipts.made())
    assert b"<pdfaid:part>3</pdfaid:part>" in octets
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in octets
    assert re.search(rb"/AFRelationship\s*/Data", octets)
    assert b"/OutputIntents" in octets
    assert re.search(rb"/AF\s*\[", octets)
    assert b"/JavaScript" not in octets


@pytest.mark.parametrize("kind", ["test", "operator", "agency"])
def test_only_a_test_seal_has_its_words_across_every_page(kind: str, tmp_path: Path) -> None:
    made = receipts.made(seal=receipts.seal(kind))
    assert page(made).across == (wording.TEST if kind == "test" else "")
    octets = PRESS.render(made)
    count = pages(octets, tmp_path)
    assert count > 1
    for number in range(1, count + 1):
        boxes = poppler("pdftotext", tmp_path / "receipt.pdf", "-bbox", "-f", str(number), "-l", str(number))
        # A letter of the words across the page is larger than any other word of it is high.
        heights = [float(y2) - float(y1) for y1, y2 in re.findall(r'yMin="([\d.]+)".*?yMax="([\d.]+)"', boxes)]
        assert (max(heights) > 50) is (kind == "test"), number


def test_everything_stays_on_the_page(tmp_path: Path) -> None:
    """A long subject, long names, 200 files: nothing leaves the margins, every file is there."""
    found = receipts.findings(
        particulars=msgspec.structs.replace(
            receipts.findings().particulars,
            subject=receipts.particular("ขอเชิญประชุมคณะกรรมการ" * 40 + "A" * 400),
            letter_number=receipts.particular("กษ" * 200),
        ),
        attachments=tuple(receipts.attachment("x" * 240 + f"{n}.pdf", n) for n in range(200)),
    )
    made = receipts.made(findings=found, seal=receipts.seal("operator"), received=receipts.received(source="s" * 300))
    octets = PRESS.render(made)
    words = text(octets, tmp_path)
    assert all(f"{n:064x}" in words for n in range(200))
    boxes = poppler("pdftotext", tmp_path / "receipt.pdf", "-bbox")
    edges = [float(x) for x in re.findall(r'xMax="([\d.]+)"', boxes)]
    feet = [float(y) for y in re.findall(r'yMax="([\d.]+)"', boxes)]
    assert max(edges) <= 595.3 - 56.6 + 1, "beyond the right margin of 2 cm"
    assert max(feet) <= 841.9 - 20


def test_no_word_lies_on_another(tmp_path: Path) -> None:
    """Boxes of words of the same size do not overlap; the stamp keeps off the title, notes off their values."""
    octets = PRESS.render(receipts.made(seal=receipts.seal("operator")))
    (tmp_path / "receipt.pdf").write_bytes(octets)
    boxes = poppler("pdftotext", tmp_path / "receipt.pdf", "-bbox", "-f", "1", "-l", "1")
    found = [
        tuple(float(value) for value in match)
        for match in re.findall(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)"', boxes)
    ]
    assert len(found) > 50
    for index, (left, top, right, foot) in enumerate(found):
        for other in found[index + 1 :]:
            width = min(right, other[2]) - max(left, other[0])
            height = min(foot, other[3]) - max(top, other[1])
            smaller = min(foot - top, other[3] - other[1])
            assert width <= 1 or height <= smaller * 0.45, ((left, top, right, foot), other)


def test_a_letter_with_a_thousand_files_prints_the_first_and_says_so(tmp_path: Path) -> None:
    many = tuple(receipts.attachment("f.pdf", n) for n in range(PRINTED_FILES + 20))
    made = receipts.made(findings=receipts.findings(attachments=many))
    words = text(PRESS.render(made), tmp_path)
    assert bare("และอีก ๒๐ ไฟล์") in words
    assert f"{PRINTED_FILES - 1:064x}" in words
    assert f"{PRINTED_FILES + 19:064x}" not in words


def test_the_same_receipt_gives_the_same_octets() -> None:
    made = receipts.made()
    assert Paper().render(made) == Paper().render(made)


# -- text that could break it ---------------------------------------------------------------------------------------


def test_every_character_that_is_let_through_is_in_both_fonts() -> None:
    """PDF/A refuses a document with a missing glyph."""
    characters = "".join(chr(code) for code in range(0x20, 0x3000) if not paper._NOT_DRAWN.match(chr(code)))
    assert "ก" in characters
    assert "é" in characters
    made = receipts.made(findings=receipts.findings(attachments=(receipts.attachment(characters),)))
    # The name of the file in the regular font, the agency's name in both.
    PRESS.render(msgspec.structs.replace(made, agency_name=characters))


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("ก\x00ข\tค\r\nง", "ก ข ค ง"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("請求書.pdf", PLACEHOLDER * 3 + ".pdf"),
        ("😀", PLACEHOLDER),
        ('#let x = 1 *bold* $ \\ " <a> @b', '#let x = 1 *bold* $ \\ " <a> @b'),
        ("  a   b  ", "a b"),
    ],
)
def test_what_the_font_has_not_and_what_turns_text_around(written: str, printed: str) -> None:
    assert printable(written).replace("\u200b", "") == printed


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_no_text_of_a_letter_stops_its_receipt(hostile: str) -> None:
    hostile = hostile.encode("utf-8", "replace").decode()
    found = receipts.findings(
        particulars=msgspec.structs.replace(
            receipts.findings().particulars, subject=receipts.particular(hostile or "x")
        ),
        attachments=(receipts.attachment(hostile),),
        signatures=(receipts.verdict(signer=hostile, part=hostile),),
    )
    made = receipts.made(findings=found, agency=receipts.agency(name=hostile or "x"))
    assert PRESS.render(made).startswith(b"%PDF-1.7")
