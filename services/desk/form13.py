"""The receive register (ทะเบียนหนังสือรับ, form 13) as a PDF: which words stand in which cell, and the typesetter."""

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import typst
from msgspec import Struct

from contracts.values import Series
from services.desk.lines import Line, Note, Read, thai_moment
from services.sign import paper
from services.sign.paper import printable
from services.words import thai_style, wording

_FOLDER: Final = Path(__file__).parent
_FONTS: Final = Path(paper.__file__).parent / "fonts"

MONTHS: Final = ("ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.")
ERASED: Final = "(ลบแล้ว)"
WITHHELD: Final = "(ชั้นความลับ ไม่แสดง)"
VOID: Final = "ยกเลิก"
NO_SUBJECT: Final = "(ไม่มีชื่อเรื่อง)"
_RUN: Final = re.compile(r"(?<=[!-~])[@./_-](?=[!-~])|[^\s\u0e00-\u0e7f\u200b@./_-]{11}(?=[^\s\u0e00-\u0e7f@./_-])")
"""Behind these a line may break: the narrowest column holds some twelve Latin letters."""
_LONG_NUMBER: Final = re.compile(r"[^\s\u200b]*[๐-๙][^\s\u200b]*")
_IN_A_NUMBER: Final = re.compile(r"(?<=[๐-๙])[./-](?=\S)|[๐-๙]{11}(?=[๐-๙])")
_NUMBER_FITS: Final = 12
"""So many Thai digits and letters fit too; in a longer number they may part behind a mark between them."""
CHANNELS: Final = {"paper": "รับเป็นเอกสาร", "ecms": "รับทาง e-CMS"}


class FormError(Exception):
    """The typesetter refused the book; says why."""


class Cell(Struct, frozen=True, kw_only=True):
    """What stands in a cell, a line each, some in small print; `plain` is not struck through in a void entry."""

    lines: tuple["Words", ...] = ()
    plain: bool = False


class Words(Struct, frozen=True):
    """A line of a cell."""

    text: str
    small: bool = False
    whole: bool = False
    """Never broken: a date."""


class Row(Struct, frozen=True, kw_only=True):
    """A row of the form."""

    struck: bool
    cells: tuple[Cell, ...]


class Total(Struct, frozen=True, kw_only=True):
    """A line of the summary."""

    label: str
    value: str
    code: bool = False


class Sheet(Struct, frozen=True, kw_only=True, rename={"number_head": "number-head"}):
    """Everything that form13.typ prints beside its own headings."""

    title: str
    number_head: str
    agency: str
    book: str
    year: str
    range: str
    footer: str
    before: int = 0
    pages: int = 0
    rows: tuple[Row, ...] = ()
    totals: tuple[Total, ...] = ()
    note: str = ""


def row(line: Line, read: Read | None) -> Row:
    """The row of a line; `read` is what was found in the letter, where it is known."""
    if line.withheld or line.erased:
        # Findings of an erased letter are erased with it or not: the book shows neither, since the record is gone.
        read = None
    return Row(
        struck=line.voided is not None,
        cells=(
            _registered(line),
            _cell(line.number_text, 100),
            _cell(
                thai_style.digits(
                    _value(line, "letter_number", line.letter_number, read.letter_number if read else None)
                ),
                150,
            ),
            _dated(line, read),
            _from(line, read),
            _cell(_value(line, "addressee", line.addressee, read.addressee if read else None), 250),
            _subject(line, read),
            _done(line.notes),
            _remarks(line),
        ),
    )


def fit(text: str, longest: int) -> str:
    """The text as the font draws it, cut where a row would not stand on a page, with places for a line to break."""
    plain = printable(text).replace("\u200b", "")
    if len(plain) > longest:
        plain = plain[:longest].rstrip() + " …"
    broken = _RUN.sub(lambda run: run.group() + "\u200b", plain)
    return _LONG_NUMBER.sub(lambda number: _parted(number.group()), broken)


def _parted(number: str) -> str:
    return _IN_A_NUMBER.sub(lambda mark: mark.group() + "\u200b", number) if len(number) > _NUMBER_FITS else number


class Form:
    """The press for one book. A piece is laid out twice where there are several: for its pages, then for the paper."""

    def pages_of_rows(self, sheet: Sheet) -> list[int]:
        """The page, counted from 1 within the piece, on which each row begins."""
        found = self._compiler(sheet).query("<row>", field="value")
        return [int(each["page"]) for each in json.loads(found)]

    def render(self, sheet: Sheet, at: int) -> bytes:
        """The PDF of a piece. The same sheet gives the same octets; `at` is the instant it bears (seconds).

        Raises:
            FormError: the typesetter refused it.
        """
        try:
            pdf = self._compiler(sheet).compile(format="pdf", timestamp=at)
        except typst.TypstError as error:
            raise FormError(str(error)) from error
        if not isinstance(pdf, bytes):
            raise FormError("the typesetter returned no PDF")
        return pdf

    def _compiler(self, sheet: Sheet) -> typst.Compiler:
        return typst.Compiler(
            input=str(_FOLDER / "form13.typ"),
            root=str(_FOLDER),
            font_paths=[str(_FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"sheet": msgspec.json.encode(sheet).decode()},
        )


def series_title(series: Series) -> str:
    """The book's title on paper."""
    return wording.SERIES[series]


def short_date(day: date) -> str:
    """๕ มิ.ย. ๒๕๖๙."""
    return thai_style.digits(f"{day.day} {MONTHS[day.month - 1]} {day.year + 543}")


def _registered(line: Line) -> Cell:
    deemed, came = thai_moment(line.deemed_at), thai_moment(line.received_at)
    lines = [Words(short_date(deemed.date()), whole=True), Words(thai_style.clock_time(deemed), small=True)]
    if deemed != came:
        lines.append(Words(f"เข้าระบบ {short_date(came.date())}", small=True))
        lines.append(Words(thai_style.clock_time(came), small=True, whole=True))
    return Cell(lines=tuple(lines))


def _value(line: Line, name: str, own: str | None, read: str | None) -> str:
    """What the book says, or where no officer wrote it what was read in the letter."""
    if line.erased:
        return ERASED
    return (own if name in line.fixed or own is not None else read) or ""


def _cell(text: str, longest: int) -> Cell:
    return Cell(lines=(Words(fit(text, longest)),) if text else ())


def _dated(line: Line, read: Read | None) -> Cell:
    text = _value(line, "letter_date", line.letter_date, read.letter_date if read else None)
    try:
        return Cell(lines=(Words(short_date(date.fromisoformat(text)), whole=True),))
    except ValueError:
        return _cell(text, 100)  # nothing, or as somebody wrote it


def _from(line: Line, read: Read | None) -> Cell:
    if line.erased:
        return _cell(ERASED, 100)
    if line.withheld or "sender" in line.fixed:
        return _cell(line.sender or "", 300)
    written = line.author or line.sender or ""
    if read is None or not read.issuer:
        return _cell(written, 300)
    said = (Words(fit(read.issuer, 250)), Words(fit(written, 150), small=True))
    return Cell(lines=said if written else said[:1])


def _subject(line: Line, read: Read | None) -> Cell:
    if line.withheld:
        return Cell(lines=(Words(WITHHELD),), plain=True)
    if line.erased:
        return _cell(ERASED, 100)
    text = line.subject if "subject" in line.fixed or read is None or not read.subject else read.subject
    return _cell(text or NO_SUBJECT, 700)


def _done(notes: Sequence[Note]) -> Cell:
    """The newest notes, as many as a row holds that has to stand on one page."""
    lines: list[Words] = []
    left, room = len(notes), 420
    for note in reversed(notes):
        text = fit(note.text, 300)
        room -= len(text) + 60
        if lines and room < 0:
            break
        lines[:0] = [Words(text), *_by(note)]
        left -= 1
    if left:
        lines.insert(0, Words(f"(ก่อนหน้านี้อีก {thai_style.number(left)} รายการ)", small=True))
    return Cell(lines=tuple(lines), plain=True)


def _remarks(line: Line) -> Cell:
    lines: list[Words] = []
    if line.voided is not None:
        lines += [Words(VOID), *_small(line.voided.text), *_by(line.voided)]
    if line.moved_to is not None:
        series, year, number = line.moved_to
        lines.append(Words(f"ย้ายไป{wording.SERIES[series]} เลข {thai_style.digits(f'{number}/{year}')}"))
    if line.moved_from is not None:
        lines.append(Words(fit(f"รับต่อจาก {line.moved_from}", 100)))
    if line.channel in CHANNELS:
        lines.append(Words(CHANNELS[line.channel]))
        lines += _small(f"ลงโดย {line.entered_by}" if line.entered_by else "")
    if line.corrected is not None:
        lines += [Words("แก้ไขแล้ว"), *_by(line.corrected)]
    for code in line.remarks:
        lines += _small(wording.REMARKS.get(code, code))
    return Cell(lines=tuple(lines), plain=True)


def _small(text: str) -> tuple[Words, ...]:
    return (Words(fit(text, 120), small=True),) if text else ()


def _by(note: Note) -> tuple[Words, ...]:
    if not note.by:
        return ()
    at = thai_moment(note.at)
    when = f"{short_date(at.date())} {thai_style.clock_time(at)}"
    return (*_small(note.by[:60]), Words(when, small=True, whole=True))
