"""Letters that are pictures: Tesseract's reading is marked `ocr`, overrides nothing, and is bounded."""

import asyncio
import email
import io
import os
import stat
import time
from pathlib import Path

import msgspec
import pypdfium2
import pytest

from contracts.findings import Findings
from services.runtime.settings import Sign
from services.sign import letter_text, pictures
from services.sign.children import Children
from services.sign.ocr import Ocr
from services.sign.pages import POINTS
from services.sign.trust import TrustStore
from tests.hostile import inputs
from tests.letters import letter_mail, typst_pdf

pytestmark = [pytest.mark.slow, pytest.mark.system("tesseract-ocr")]

LETTER = """
#set page(paper: "a4", margin: (left: 3cm, right: 2cm, y: 1.5cm))
#set text(font: "Sarabun", size: 16pt, lang: "th")
#set par(leading: 0.5em, spacing: 0.6em)
#align(center)[#text(size: 22pt)[ลับ]]
#v(1cm)
#grid(columns: (1fr, 1fr), [ที่ SUB 0808.2/1234], [กรมส่งเสริมการปกครองท้องถิ่น \\ ถนนนครราชสีมา กทม. 10300])
#align(center)[15 มกราคม YEAR]
เรื่อง  ขอเชิญเข้าร่วมการประชุมชี้แจงแนวทางการปฏิบัติงาน

เรียน  ผู้ว่าราชการจังหวัดเชียงใหม่

#h(2.5cm)ด้วยกรมส่งเสริมการปกครองท้องถิ่นจะจัดการประชุมชี้แจงแนวทางการปฏิบัติงานสารบรรณ
จึงขอเชิญท่านหรือผู้แทนเข้าร่วมการประชุมตามวันและเวลาดังกล่าว

#h(2.5cm)จึงเรียนมาเพื่อโปรดพิจารณา

#align(center)[ขอแสดงความนับถือ #v(1cm) (นายสมชาย ใจดี) \\ อธิบดีกรมส่งเสริมการปกครองท้องถิ่น]
#place(bottom + center)[#text(size: 22pt)[ลับ]]
"""


def picture_of(pdf: bytes) -> bytes:
    """The PDF as a scanner without recognition writes it: a picture a page, 200 dpi, grey."""
    document, scan = pypdfium2.PdfDocument(pdf), pypdfium2.PdfDocument.new()
    for page in document:
        bitmap = page.render(scale=200 / 72, grayscale=True)
        sheet = scan.new_page(*page.get_size())
        image = pypdfium2.PdfImage.new(scan)
        image.set_bitmap(bitmap)
        image.set_matrix(pypdfium2.PdfMatrix().scale(*page.get_size()))
        sheet.insert_obj(image)
        sheet.gen_content()
    out = io.BytesIO()
    scan.save(out)
    return out.getvalue()


def scan(letters: str = "มท", year: str = "2569") -> bytes:
    return picture_of(typst_pdf(LETTER.replace("SUB", letters).replace("YEAR", year)))


async def found_in(subject: str, pdf: bytes, **changes: object) -> Findings:
    children = Children(msgspec.structs.replace(Sign(), **changes), TrustStore(), None, "test")
    try:
        return await children.examine(letter_mail(pdf, "a@b.th", "c@d.th", subject))
    finally:
        await children.close()


async def test_a_picture_of_a_letter_is_read_and_says_so() -> None:
    found = await found_in("ขอส่งหนังสือ", scan())
    read = found.particulars
    assert read.letter_number
    assert read.letter_date
    assert read.issuer
    assert read.addressee
    assert read.secrecy
    assert (read.letter_number.value, read.letter_date.value) == ("มท 0808.2/1234", "2026-01-15")
    assert "กรมส่งเสริมการปกครองท้องถิ" in read.issuer.value
    assert "ผู้ว่าราชการจังหวัดเชียงใหม่" in read.addressee.value
    assert {read.letter_number.source, read.letter_date.source, read.issuer.source, read.secrecy.source} == {"ocr"}
    # Nothing of a guess is shown as the letter's own word, but a mark hides it.
    assert read.letter_number.confidence < 0.5
    assert (read.secrecy.value, read.secrecy.confidence >= 0.5) == ("ลับ", True)
    assert {said.code for said in found.warnings} == {"number_from_scan", "text_from_scan"}


async def test_the_subject_line_stands_where_the_picture_disagrees() -> None:
    found = await found_in("ที่ มท 0808.2/9999 ลว. 20 ม.ค. 2569 เรื่อง ขอเชิญประชุม", scan())
    read = found.particulars
    assert read.letter_number
    assert read.letter_date
    assert read.subject
    assert (read.letter_number.value, read.letter_number.source) == ("มท 0808.2/9999", "subject")
    assert (read.letter_date.value, read.letter_date.source) == ("2026-01-20", "subject")
    assert (read.subject.value, read.subject.source) == ("ขอเชิญประชุม", "subject")
    assert "number_differs" in {said.code for said in found.warnings}


async def test_thai_figures_of_a_picture_are_no_date_and_no_number() -> None:
    """Tesseract takes ๖ and ๙ for other figures: a date fifty years off would be invented."""
    thai = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")
    found = await found_in(
        "ขอส่งหนังสือ",
        picture_of(
            typst_pdf(
                LETTER.replace("SUB 0808.2/1234", "มท ๐๘๐๘.๒/๑๒๓๔")
                .replace("15", "๑๕")
                .replace("YEAR", "2569".translate(thai))
            )
        ),
    )
    assert found.particulars.letter_number is found.particulars.letter_date is None
    assert found.particulars.addressee
    assert not any("๐" <= figure <= "๙" for figure in msgspec.json.encode(found.particulars).decode())


def test_a_wrong_figure_is_no_value_and_a_list_keeps_its_items() -> None:
    page = "ที นร ๑๒๐๐/ว๕๐\n๑๕ มกราคม ๒๕๐๑\nเรือง การประชุม พ.ศ. ๒๕๐๑\nเรียน ผู้ว่าราชการจังหวัด\nสิงทีส่งมาด้วย ๑. แบบ ก\n๒. แบบ ข"
    read = letter_text.read(pictures.lines([page]))
    assert read.subject
    assert read.addressee
    assert read.number is read.date is None
    assert read.subject.value == "การประชุม พ.ศ. \ufffd\ufffd\ufffd\ufffd"
    assert [item.value for item in read.enclosures] == ["แบบ ก", "แบบ ข"]
    ascii_page = "ที นร 1200/56\n15 มกราคม 2569\nเรือง ก\nเรียน ข"
    figures = letter_text.read(pictures.lines([ascii_page]))
    assert figures.number
    assert figures.date
    assert (figures.number.value, figures.date.value) == ("นร 1200/56", "2026-01-15")


async def test_switched_off_or_absent_it_stays_unknown() -> None:
    for program in ("", "no-such-tesseract"):
        found = await found_in("ขอส่งหนังสือ", scan(), ocr=program)
        assert found.particulars.letter_number is found.particulars.issuer is None
        assert [said.code for said in found.warnings] == ["without_text"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in Tesseract's place."""
    return tmp_path / "tesseract"


def written(program: Path, lines: str) -> str:
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


async def test_one_that_never_ends_is_ended_and_the_letter_goes_on(program: Path) -> None:
    path = written(program, "cat >/dev/null; while :; do sleep 600; done")
    begun = time.monotonic()
    found = await found_in("ที่ มท 0808.2/1 เรื่อง ก", scan(), ocr=path, ocr_seconds=1.0)
    assert [said.code for said in found.warnings] == ["without_text"]
    assert found.particulars.letter_number
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    "lines",
    [
        "exit 1",
        "head -c 1000000 /dev/zero",
        "kill -9 $$",
        "cat >/dev/null; echo x > /tmp/saraban-written-by-ocr && echo found",
    ],
)
async def test_one_that_fails_floods_or_writes_says_nothing(program: Path, lines: str) -> None:
    ocr = Ocr(written(program, lines), 30, 1)
    try:
        assert not (await ocr.letter().read(2, 2, b"\xff" * 4) or "").strip()
        assert not Path("/tmp/saraban-written-by-ocr").is_file() or not Path("/tmp/saraban-written-by-ocr").read_text()
    finally:
        Path("/tmp/saraban-written-by-ocr").unlink(missing_ok=True)


async def test_it_runs_behind_walls(program: Path) -> None:
    path = written(program, "cat >/dev/null; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status; ulimit -v; nice")
    said = await Ocr(path, 30, 1).letter().read(2, 2, b"\xff" * 4)
    assert said is not None
    words = said.split()
    assert words[:4] == ["NoNewPrivs:", "1", "Seccomp:", "2"]
    assert int(words[4]) <= 1_048_576
    assert int(words[5]) >= 10 + os.nice(0) or int(words[5]) == 19


async def test_what_is_no_bitmap_or_too_much_never_reaches_the_program(program: Path, tmp_path: Path) -> None:
    path = written(program, "cat >/dev/null; echo read")
    letter = Ocr(path, 30, 1).letter()
    assert await letter.read(3, 3, b"\xff" * 8) is None
    assert await Ocr(path, 30, 1).letter().read(1, POINTS + 1, b"\xff" * (POINTS + 1)) is None
    assert (await letter.read(2, 2, b"\xff" * 4) or "").strip() == "read"
    assert await letter.read(2, 2, b"\xff" * 4) is None  # two pages a letter


async def test_letters_take_turns(program: Path, tmp_path: Path) -> None:
    """While one is read no other is: the second one's time runs out in front of the door."""
    path = written(program, "cat >/dev/null; sleep 600")
    ocr = Ocr(path, 2, 1)
    first, second = await asyncio.gather(*(ocr.letter().read(2, 2, b"\xff" * 4) for _ in range(2)))
    assert first is second is None


def test_a_page_of_any_size_is_a_bounded_bitmap() -> None:
    pdf = pypdfium2.PdfDocument.new()
    for size in ((14_400, 14_400), (595, 842), (1, 14_400)):
        pdf.new_page(*size)
    out = io.BytesIO()
    pdf.save(out)
    bitmaps = list(pictures.render(out.getvalue()))
    assert len(bitmaps) == 2
    for bitmap in bitmaps:
        assert bitmap.width * bitmap.height == len(bitmap.octets) <= POINTS


def test_a_page_that_cannot_be_drawn_is_passed_over() -> None:
    """A tree of pages that is its own child: the file opens, and has no page."""
    kids = inputs.make(7, list(inputs.kinds()).index("pdf page_loop"), 100_000)
    for part in email.message_from_bytes(kids.octets).walk():
        if part.get_content_type() == "application/pdf":
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            assert list(pictures.render(octets)) == []
            return
    raise AssertionError("no file in it")
