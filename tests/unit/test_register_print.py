"""The book on paper: what stands in which cell, and that a book in pieces is one book."""

import io
from datetime import date
from typing import Any

import msgspec
import pypdfium2
import pytest

from services.desk import form13, printing
from services.desk.form13 import Row, fit
from services.desk.lines import Line, Note, Read
from services.desk.printing import Chosen, Counts, Gathered, lay_out
from tests.books import agency

HEAD = "0123456789abcdef" * 4


def a_line(number: int = 1, **changes: Any) -> Line:
    values: dict[str, Any] = {
        "number": number, "number_text": f"ทส/{number}", "received_at": "2026-06-05T16:50:00.000000Z",
        "deemed_at": "2026-06-08T08:30:00+07:00", "channel": "mail", "place": f"MAIL_2569:{number}", "withheld": False,
        "erased": False, "letter_number": None, "letter_date": None, "sender": "clerk@sender.example", "author": None,
        "addressee": None, "subject": "ขอเชิญประชุม", "fixed": (), "voided": None, "moved_to": None, "moved_from": None,
        "corrected": None, "entered_by": None, "notes": (), "remarks": (),
    }  # fmt: skip
    return Line(**(values | changes))


READ = Read(
    letter_number="นร 0100/ว1", letter_date="2026-06-01", issuer="กรมบัญชีกลาง", addressee="ผู้อำนวยการ", subject=None
)


def said(row: Row) -> list[list[str]]:
    return [[words.text.replace("\u200b", "") for words in cell.lines] for cell in row.cells]


def test_the_columns_of_the_form() -> None:
    cells = said(form13.row(a_line(notes=(Note("มอบกองคลัง", "สมชาย", "2026-06-09T02:00:00.000000Z"),)), READ))
    assert cells == [
        ["๘ มิ.ย. ๒๕๖๙", "๐๘.๓๐ น.", "เข้าระบบ ๕ มิ.ย. ๒๕๖๙", "๒๓.๕๐ น."],
        ["ทส/1"],
        ["นร ๐๑๐๐/ว๑"],
        ["๑ มิ.ย. ๒๕๖๙"],
        ["กรมบัญชีกลาง", "clerk@sender.example"],
        ["ผู้อำนวยการ"],
        ["ขอเชิญประชุม"],
        ["มอบกองคลัง", "สมชาย", "๙ มิ.ย. ๒๕๖๙ ๐๙.๐๐ น."],
        [],
    ]


def test_what_an_officer_wrote_is_not_overridden_by_what_was_read() -> None:
    fixed = a_line(letter_number="กค 1/2", sender="ก.พ.ร.", fixed=("letter_number", "sender"))
    cells = said(form13.row(fixed, READ))
    assert (cells[2], cells[4]) == (["กค ๑/๒"], ["ก.พ.ร."])


def test_a_void_entry_is_struck_and_says_who_and_why() -> None:
    row = form13.row(a_line(voided=Note("ลงซ้ำ", "มาลี", "2026-06-09T02:00:00.000000Z")), READ)
    assert row.struck
    assert said(row)[8] == ["ยกเลิก", "ลงซ้ำ", "มาลี", "๙ มิ.ย. ๒๕๖๙ ๐๙.๐๐ น."]
    assert row.cells[8].plain, "the remark itself is not struck through"


def test_nothing_of_a_classified_or_erased_letter_is_printed() -> None:
    hidden = said(form13.row(a_line(withheld=True, sender=None, subject=None), READ))
    assert hidden[2:7] == [[], [], [], [], [form13.WITHHELD]]
    gone = said(form13.row(a_line(erased=True, sender=None, subject=None), READ))
    assert gone[2:7] == [[form13.ERASED]] * 5


def test_a_long_row_keeps_to_its_page() -> None:
    notes = tuple(Note("ดำเนินการแล้ว " * 40, "ก" * 90, "2026-06-09T02:00:00.000000Z") for _ in range(30))
    row = form13.row(a_line(subject="ขอเชิญ" * 500, notes=notes), READ)
    assert "อีก" in said(row)[7][0], "what is left out is said"
    assert sum(len(text) for text in said(row)[7]) < 1_000
    assert len(printed([a_line(subject="ขอเชิญ" * 500, notes=notes, sender="x" * 4_000)] * 3)) == 3


def test_latin_words_get_places_to_break() -> None:
    assert max(len(part) for part in fit("a" * 60 + "@example.go.th", 200).split("\u200b")) <= 12
    assert "\u200b" not in fit("สพด สค/๒๕๖๙/๑๕๗๗", 100)


@pytest.mark.parametrize(
    "number", ["ศธ ๐๔๑๗๒.๐๓๒/๐๒๘๕", "มท ๐๘๐๘.๒/ว๑๒๓๔๕-๖๗๘๙๐", "๑๒๓๔๕๖๗๘๙๐๑๒๓๔๕๖๗๘๙๐", "SMT-015.2026/00012345"]
)
def test_a_long_letter_number_is_not_cut_at_the_edge_of_its_column(number: str) -> None:
    with pypdfium2.PdfDocument(pdf_of([a_line(letter_number=number)])) as document:
        text = document[0].get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars())]
        document_height = document[0].get_height()
        totals = text.get_charbox(text.get_text_range().index("สรุป"))[3]
    head, left, right = document_height - 2.4 / 2.54 * 72, 6.5 / 2.54 * 72, 9.1 / 2.54 * 72
    inside = [box for box in boxes if left < box[0] < right and totals < box[1] < head]
    assert len(inside) > len(number), "the column's head stands there too"
    assert max(box[2] for box in inside) <= right - 2


def gathered(lines: list[Line]) -> Gathered:
    spool = io.BytesIO()
    counts = Counts()
    for one in lines:
        counts.add(one)
        spool.write(msgspec.json.encode(one) + b"\n")
    return Gathered(
        agency=agency(),
        series="received",
        year=2569,
        spool=spool,
        counts=counts,
        found={},
        head=HEAD,
        length=len(lines),
    )


def pdf_of(lines: list[Line]) -> bytes:
    file = io.BytesIO()
    lay_out(gathered(lines), file, lambda what, done, total: None)
    return file.getvalue()


def printed(lines: list[Line]) -> list[str]:
    """The text of each page."""
    with pypdfium2.PdfDocument(pdf_of(lines)) as document:
        return [page.get_textpage().get_text_range() for page in document]


def test_totals_pages_and_the_head_stand_on_the_paper() -> None:
    pages = printed(
        [a_line(n, voided=Note("x", "y", "2026-06-09T02:00:00.000000Z") if n == 2 else None) for n in (1, 2, 3)]
    )
    assert len(pages) == 1
    assert HEAD in pages[0]
    assert "๑ / ๑" in pages[0]
    assert "๓ รายการ" in pages[0]


def test_a_book_in_pieces_is_the_book_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is cut short where a piece ends, none is numbered twice, no row is lost or printed twice."""
    lines = [a_line(n, subject="ขอเชิญประชุม " * (n % 5 + 1)) for n in range(1, 91)]
    whole = printed(lines)
    monkeypatch.setattr(printing, "PIECE", 32)
    pieces = printed(lines)
    assert len(whole) > 4
    assert pieces == whole


def test_the_same_lines_give_the_same_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [a_line(n) for n in range(1, 41)]
    assert pdf_of(lines) == pdf_of(lines)
    monkeypatch.setattr(printing, "PIECE", 20)
    assert pdf_of(lines) == pdf_of(lines), "also where the pieces are put together"


def test_which_entries() -> None:
    chosen = Chosen(first=2, last=3, days=(date(2026, 6, 8), date(2026, 6, 8)))
    assert [n for n in range(1, 6) if chosen.has(a_line(n))] == [2, 3]
    assert not Chosen(days=(date(2026, 6, 5), date(2026, 6, 7))).has(a_line()), "it counts for the 8th"
