"""A book on paper: gathered from the streams, laid out in pieces, put together.

Memory has a bound: lines wait in a file, what was found in the letters is a few hundred octets for each printed one,
and no more than PIECE rows are laid out at once. A piece ends with a full page, so that nobody sees where one began.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
import pypdfium2
from msgspec import Meta, Struct

from contracts import codec
from contracts.directory import Agency
from contracts.findings import LetterExamined
from contracts.streams import FINDINGS
from contracts.values import Series, from_instant
from services.audit.reading import last_before
from services.desk import form13
from services.desk.form13 import Form, Row, Sheet, Total, fit
from services.desk.lines import Line, Read, line, read
from services.register.book import book_subject, end
from services.register.listing import entries
from services.register.lookup import newest_of
from services.register.scan import end_of_stream, messages
from services.runtime.bus import Bus
from services.words import thai_style

PIECE: Final = 400
"""Rows laid out at once: some forty pages, 150 MB."""

UNVERIFIED: Final = "รูปแบบตามคอลัมน์ของแบบที่ ๑๓ (ยังไม่ได้ตรวจสอบกับแบบพิมพ์ทางการ)"
Tell = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""


class NothingToPrintError(Exception):
    """The book has no such entries; says so."""


class Chosen(Struct, frozen=True, kw_only=True):
    """Which entries of the book."""

    first: int = 1
    last: int | None = None
    days: Annotated[tuple[date, date] | None, Meta(description="First and last day they count for.")] = None

    def has(self, one: Line) -> bool:
        """Whether the entry is one of them."""
        if one.number < self.first or (self.last is not None and one.number > self.last):
            return False
        return self.days is None or self.days[0].isoformat() <= one.day <= self.days[1].isoformat()


class Counts(Struct):
    """The totals."""

    entries: int = 0
    voided: int = 0
    moved: int = 0
    entered: int = 0
    corrected: int = 0
    first: str = ""
    last: str = ""
    at: int = 0

    def add(self, one: Line) -> None:
        """Count a line."""
        self.entries += 1
        self.voided += one.voided is not None
        self.moved += one.moved_to is not None
        self.entered += one.channel != "mail"
        self.corrected += one.corrected is not None
        self.first = self.first or one.number_text
        self.last = one.number_text
        self.at = int(from_instant(one.received_at).timestamp())


class Gathered(Struct):
    """What is printed: everything the paper needs of the streams."""

    agency: Agency
    series: Series
    year: int
    spool: IO[bytes]
    counts: Counts
    found: dict[str, Read]
    head: str
    length: int


async def gather(
    bus: Bus, agency: Agency, series: Series, year: int, chosen: Chosen, spool: IO[bytes], tell: Tell
) -> Gathered:
    """Read the book's lines into `spool`, and what was found in their letters.

    Raises NothingToPrintError, and the errors of the bus.
    """
    subject = book_subject(agency.id, series, year)
    newest, length = await newest_of(bus, subject), 0
    while newest is not None:  # the length at this very message: a book may grow in between
        length, before = await _length(bus, subject), newest.sequence
        newest = await newest_of(bus, subject)
        if newest is not None and newest.sequence == before:
            break
    if newest is None:
        raise NothingToPrintError(f"there is no book {agency.id}/{series}/{year}")
    counts, places, since = Counts(), set[str](), 0
    total = 0
    async with aclosing(entries(bus, agency.id, series, year)) as found:
        async for entry in found:
            if entry.sequence > newest.sequence:
                break
            total = total or entry.left + 1
            tell("reading the book", total - entry.left, total)
            one = line(entry)
            if not chosen.has(one):
                continue
            counts.add(one)
            spool.write(msgspec.json.encode(one) + b"\n")
            if one.place and not one.withheld and not one.erased:
                places.add(one.place)
                since = since or int(from_instant(one.received_at).timestamp() * 1e9)
    if not counts.entries:
        raise NothingToPrintError(f"the book {agency.id}/{series}/{year} has no such entries")
    return Gathered(
        agency=agency,
        series=series,
        year=year,
        spool=spool,
        counts=counts,
        found=await _findings(bus, agency.id, places, since, tell) if places else {},
        head=end(newest.body, newest.sequence).link,
        length=length,
    )


async def _length(bus: Bus, subject: str) -> int:
    info = await bus.api("STREAM.INFO.REGISTER", {"subjects_filter": subject})
    return int(info["state"]["subjects"][subject])


async def _findings(bus: Bus, agency: str, places: set[str], since: int, tell: Tell) -> dict[str, Read]:
    """What was found in the letters at these places; nothing was examined before it had come."""
    found: dict[str, Read] = {}
    after, last = await last_before(bus, FINDINGS.family, since), await end_of_stream(bus, FINDINGS.family)
    total = 0
    async with aclosing(messages(bus, [f"sign.v1.examined.{agency}"], last, after, FINDINGS.family)) as stored:
        async for message in stored:
            total = total or message.pending + 1
            tell("reading the findings", total - message.pending, total)
            event = codec.decode(message.body, LetterExamined)
            if (place := str(event.position)) in places:
                found[place] = read(event)
    return found


def lay_out(book: Gathered, output: IO[bytes], tell: Tell) -> int:
    """Write the PDF; returns its pages. The same log gives the same octets. Raises FormError."""
    book.spool.seek(0)
    form, rows = Form(), _rows(book)
    sheet = _sheet(book)
    if book.counts.entries <= PIECE:
        whole = msgspec.structs.replace(sheet, rows=tuple(rows), totals=_totals(book), note=UNVERIFIED)
        pdf = form.render(whole, book.counts.at)
        output.write(pdf)
        with pypdfium2.PdfDocument(pdf) as document:
            return len(document)
    with tempfile.TemporaryDirectory(prefix="saraban-print-") as folder:
        pieces: list[tuple[Path, int]] = []
        before = done = 0
        for number, piece in enumerate(_pieces(form, sheet, rows, book)):
            where = Path(folder) / f"{number}.json"
            where.write_bytes(msgspec.json.encode(msgspec.structs.replace(piece[0], before=before)))
            before += piece[1]
            done += len(piece[0].rows)
            pieces.append((where, piece[1]))
            tell("counting pages", done, book.counts.entries)
        whole_document = pypdfium2.PdfDocument.new()
        for number, (where, pages) in enumerate(pieces):
            piece_sheet = msgspec.json.decode(where.read_bytes(), type=Sheet)
            pdf = form.render(msgspec.structs.replace(piece_sheet, pages=before), book.counts.at)
            with pypdfium2.PdfDocument(pdf) as document:
                whole_document.import_pages(document, list(range(pages)))
            tell("laying out", number + 1, len(pieces))
        _save(whole_document, book.counts.at, output)
        whole_document.close()
        return before


def _pieces(form: Form, sheet: Sheet, rows: Iterator[Row], book: Gathered) -> Iterator[tuple[Sheet, int]]:
    """Sheets, each but the last with full pages only, and their pages."""
    waiting: list[Row] = []
    over = False
    while not over:
        for row in rows:
            waiting.append(row)
            if len(waiting) == PIECE:
                break
        else:
            over = True
        piece = msgspec.structs.replace(sheet, rows=tuple(waiting))
        if over:
            piece = msgspec.structs.replace(piece, totals=_totals(book), note=UNVERIFIED)
        pages = form.pages_of_rows(piece)
        if over:
            yield piece, pages[-1]
            return
        full = pages[-1] - 1
        kept = sum(page <= full for page in pages[:-1]) if full else len(waiting)
        yield msgspec.structs.replace(piece, rows=tuple(waiting[:kept])), max(full, 1)
        waiting = waiting[kept:]


def _rows(book: Gathered) -> Iterator[Row]:
    for text in book.spool:
        one = msgspec.json.decode(text, type=Line)
        yield form13.row(one, book.found.get(one.place))


def _sheet(book: Gathered) -> Sheet:
    title, counts = form13.series_title(book.series), book.counts
    return Sheet(
        title=title,
        number_head="เลขทะเบียนรับ",
        agency=fit(book.agency.name, 120),
        book=book_subject(book.agency.id, book.series, book.year),
        year=f"ปี พ.ศ. {thai_style.digits(book.year)}",
        range=fit(f"{counts.first} ถึง {counts.last}", 80),
        footer=fit(f"{title} · {book.agency.name[:90]} · ปี {thai_style.digits(book.year)}", 160),
    )


def _totals(book: Gathered) -> tuple[Total, ...]:
    counts = book.counts
    said = [
        ("จำนวนรายการ", f"{thai_style.number(counts.entries)} รายการ"),
        ("ตั้งแต่เลขทะเบียน", fit(f"{counts.first} ถึง {counts.last}", 120)),
        ("ยกเลิก", f"{thai_style.number(counts.voided)} รายการ"),
        ("ย้ายไปทะเบียนอื่น", f"{thai_style.number(counts.moved)} รายการ"),
        ("ลงด้วยมือ (เอกสาร, e-CMS)", f"{thai_style.number(counts.entered)} รายการ"),
        ("แก้ไข", f"{thai_style.number(counts.corrected)} รายการ"),
        ("พิมพ์ถึงข้อความลำดับที่ของทะเบียน", thai_style.number(book.length)),
    ]
    totals = [Total(label=label, value=value) for label, value in said]
    return (*totals, Total(label="ค่าเชื่อมโยงหัวทะเบียน (SHA-256)", value=book.head, code=True))


_CLOCK: Final = re.compile(rb"(?<=/CreationDate\(D:)\d{14}")
_NAMES: Final = re.compile(rb"(?<=/ID\[<)([0-9A-Fa-f]{32})><[0-9A-Fa-f]{32}(?=>\])")


def _save(document: pypdfium2.PdfDocument, at: int, output: IO[bytes]) -> None:
    """Write it with an instant and an identifier that follow from its content: pdfium takes its own of each writing."""
    with tempfile.TemporaryFile() as file:
        document.save(file)
        file.seek(0)
        body = file.read()
    body = _CLOCK.sub(datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S").encode(), body, count=1)
    name = hashlib.sha256(_NAMES.sub(b"", body)).hexdigest()[:32].encode()
    output.write(_NAMES.sub(name + b"><" + name, body))
