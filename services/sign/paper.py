"""The receipt as a PDF to read: A4, PDF/A-3, the receipt's JSON embedded as `receipt.json`."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import typst
from msgspec import Struct

from contracts.receipt import Receipt, ReceivedFile, Seal, Stated, Text, Unknown
from contracts.values import from_instant
from services.words import thai_style, wording

ATTACHMENT: Final = "receipt.json"

_FOLDER = Path(__file__).parent
# Where a run has no place to break, one is made: in Latin soon, in Thai only where no writing has so many letters
# without a space or a leading vowel, and never before a mark that stands on its consonant.
_LONG_RUN = re.compile(
    r"[^\s\u0e00-\u0e7f\u200b]{25}(?=[^\s])|[\u0e01-\u0e3a\u0e45-\u0e5b]{40}(?=[\u0e01-\u0e30\u0e45\u0e46\u0e50-\u0e5b])"
)
# What the Sarabun font draws. PDF/A knows no missing glyph: a letter beyond it would be refused, not left out.
_NOT_DRAWN = re.compile(
    "[^\u0020-\u007e\u00a0-\u00ac\u00ae-\u017e\u0e01-\u0e3a\u0e3f-\u0e5b\u200b\u2010\u2012-\u2015\u2018-\u201a"
    "\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122\u25a0]"
)
PLACEHOLDER: Final = "\u25a0"
"""Stands for a character the font has not; the embedded JSON has it."""


PRINTED_FILES: Final = 500
PRINTED_LETTERS: Final = 1_000
"""What a page shows of a list and of a text; the JSON has all of it. A hostile letter costs pages otherwise."""


_SOURCE: Final = b'#import "/receipt.typ": paper\n#paper("%b", "%b")\n'


class PaperError(Exception):
    """The receipt could not be laid out. Permanent for this receipt."""


class Field(Struct, frozen=True, kw_only=True):
    """A line of a table: what it is, what it says, small print."""

    label: str
    value: str
    notes: tuple[str, ...] = ()
    code: bool = False


class Stamp(Struct, frozen=True, kw_only=True):
    """The receive stamp (form 12)."""

    agency: str
    number: str
    date: str
    time: str
    note: str


class FileLine(Struct, frozen=True, kw_only=True):
    """A line of the table of files."""

    number: str
    name: str
    size: str
    sha256: str


class Page(Struct, frozen=True, kw_only=True):
    """Everything that receipt.typ prints beside its own headings."""

    agency: str
    number: str
    across: str
    stamp: Stamp
    fields: tuple[Field, ...]
    letter: tuple[Field, ...]
    files: tuple[FileLine, ...]
    no_files: str
    more_files: tuple[str, ...]
    signatures: tuple[str, ...]
    remarks: tuple[str, ...]
    statements: tuple[str, ...]
    proof: tuple[Field, ...]
    sealed: tuple[str, ...]
    sealed_by: str
    issued: str
    footer: str


class Paper:
    """The press: the template and the fonts, read once. One call at a time; use it from one thread."""

    def __init__(self) -> None:
        self._compiler = typst.Compiler(
            root=str(_FOLDER),
            font_paths=[str(_FOLDER / "fonts")],
            ignore_system_fonts=True,
        )

    def render(self, receipt: Receipt) -> bytes:
        """The unsealed PDF of a receipt. The same receipt gives the same octets.

        Raises:
            PaperError: the typesetter refused it.
        """
        try:
            pdf = self._compiler.compile(
                input=_SOURCE % (_literal(page(receipt)), _literal(receipt)),
                format="pdf",
                pdf_standards=["a-3b"],
                timestamp=int(from_instant(receipt.issued_at).timestamp()),
            )
        except typst.TypstError as error:
            raise PaperError(str(error)) from error
        if not isinstance(pdf, bytes):
            raise PaperError("the typesetter returned no PDF")
        return pdf


def page(receipt: Receipt) -> Page:
    """What stands on the paper."""
    test = receipt.seal.kind == "test"
    by = _said(receipt.seal.by)
    return Page(
        agency=printable(receipt.agency_name),
        number=printable(receipt.register_number),
        across=wording.TEST if test else "",
        stamp=_stamp(receipt),
        fields=_fields(receipt),
        letter=_letter(receipt),
        files=() if isinstance(receipt.files, Unknown) else tuple(_files(receipt.files[:PRINTED_FILES])),
        no_files=_said(receipt.files) if isinstance(receipt.files, Unknown) else "ไม่มีไฟล์แนบ",
        more_files=_more(receipt.files),
        signatures=_sentences(receipt.signatures),
        remarks=_sentences(wording.REMARKS.get(code, code) for code in receipt.remarks),
        statements=_sentences(receipt.statements),
        proof=_proof(receipt),
        sealed=_sealed(receipt.seal),
        sealed_by=by,
        issued=f"ออกเมื่อ {thai_style.date_and_time(from_instant(receipt.issued_at))}",
        footer=printable(f"เลขทะเบียนรับ {receipt.register_number} · {receipt.agency_name[:70]} · {wording.AUTOMATIC}"),
    )


def printable(text: str) -> str:
    """The text as the font can draw it and the page can hold it.

    Controls become a space, invisible marks go (a file name must not be able to turn its own letters around), what
    the font has not becomes a placeholder, and a long run gets places where it may break.
    """
    kept = "".join(
        " " if (kind := unicodedata.category(char)) in ("Cc", "Zl", "Zp", "Zs") else "" if kind == "Cf" else char
        for char in unicodedata.normalize("NFC", text[: 4 * PRINTED_LETTERS])
    )
    drawn = _NOT_DRAWN.sub(PLACEHOLDER, " ".join(kept.split()))
    if len(drawn) > PRINTED_LETTERS:
        drawn = drawn[:PRINTED_LETTERS] + " …"
    return _LONG_RUN.sub(lambda run: run.group() + "\u200b", drawn)


def _literal(value: Page | Receipt) -> bytes:
    """The value's JSON as the inside of a typst string: nothing but these two characters means anything there."""
    return msgspec.json.encode(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _sentences(found: Iterable[str] | Unknown) -> tuple[str, ...]:
    return (_said(found),) if isinstance(found, Unknown) else tuple(printable(sentence) for sentence in found)


def _said(value: Stated) -> str:
    return printable(value.value if isinstance(value, Text) else wording.reason(value))


def _sealed(seal: Seal) -> tuple[str, ...]:
    by = f"ประทับตราอิเล็กทรอนิกส์โดย {_said(seal.by)}"
    return (by,) if seal.by == seal.on_behalf_of else (by, f"แทน {_said(seal.on_behalf_of)}")


def _date(value: Stated) -> str:
    if isinstance(value, Unknown):
        return _said(value)
    try:
        return thai_style.calendar_date(from_instant(f"{value.value}T00:00:00+07:00").date())
    except ValueError:
        return printable(value.value)


def _stamp(receipt: Receipt) -> Stamp:
    deemed, entered = from_instant(receipt.deemed.at), from_instant(receipt.clock.received_at)
    return Stamp(
        agency=printable(receipt.agency_name),
        number=printable(receipt.register_number),
        date=thai_style.calendar_date(deemed.date()),
        time=thai_style.clock_time(deemed),
        note="" if deemed == entered else f"เข้าสู่ระบบ {thai_style.date_and_time(entered)}",
    )


def _fields(receipt: Receipt) -> tuple[Field, ...]:
    who = receipt.receiver
    contact = [] if isinstance(who.position, Unknown) else [_said(who.position)]
    if isinstance(who.telephone, Text):
        contact.append(printable(f"โทรศัพท์ {thai_style.digits(who.telephone.value)}"))
    return (
        Field(label="ที่ (เลขที่หนังสือ)", value=_said(receipt.letter_number)),
        Field(label="ลงวันที่", value=_date(receipt.letter_date)),
        Field(
            label="เลขทะเบียนรับ",
            value=printable(receipt.register_number),
            notes=(f"{wording.SERIES[receipt.series]} ปี {thai_style.digits(receipt.year)}",),
        ),
        Field(
            label="วันเวลาที่รับ",
            value=f"เข้าสู่ระบบ {thai_style.exact_time(from_instant(receipt.clock.received_at))}",
            notes=(f"คำนวณเป็นวันเวลารับ {thai_style.date_and_time(from_instant(receipt.deemed.at))}",),
        ),
        Field(label=who.label, value=_said(who.name), notes=(*contact, f"({who.issued})")),
        Field(label="ส่วนราชการผู้รับ", value=printable(receipt.agency_name)),
    )


def _letter(receipt: Receipt) -> tuple[Field, ...]:
    size = () if receipt.size is None else (f"ขนาด {thai_style.number(receipt.size)} ไบต์",)
    return (
        Field(label="เรื่อง", value=_said(receipt.subject)),
        Field(label="Message-ID", value=_said(receipt.message_id)),
        Field(label="SHA-256 ของหนังสือ", value=receipt.sha256 or "-", notes=size, code=True),
        Field(
            label="SHA-256 ของเนื้อความ",
            value=receipt.body_sha256.value if isinstance(receipt.body_sha256, Text) else _said(receipt.body_sha256),
            notes=("เนื้อความในรูป DKIM relaxed",),
            code=isinstance(receipt.body_sha256, Text),
        ),
    )


def _files(files: tuple[ReceivedFile, ...]) -> Iterable[FileLine]:
    for number, file in enumerate(files, 1):
        yield FileLine(
            number=thai_style.number(number),
            name=printable(file.name),
            size=thai_style.number(file.size),
            sha256=file.sha256,
        )


def _more(files: tuple[ReceivedFile, ...] | Unknown) -> tuple[str, ...]:
    left = 0 if isinstance(files, Unknown) else len(files) - PRINTED_FILES
    return (f"และอีก {thai_style.number(left)} ไฟล์ ตามรายการใน {ATTACHMENT} ที่แนบอยู่ในใบรับนี้",) if left > 0 else ()


def _proof(receipt: Receipt) -> tuple[Field, ...]:
    head = receipt.proof.head
    return (
        Field(label="ค่าเชื่อมโยงของรายการ", value=receipt.proof.link, code=True),
        Field(
            label="หัวทะเบียนที่ลงนาม",
            value=_said(head) if isinstance(head, Unknown) else head.link,
            notes=(f"unknown: {head.reason}",) if isinstance(head, Unknown) else (),
            code=not isinstance(head, Unknown),
        ),
        Field(label="ปฏิทินและเวลาทำการ", value=receipt.deemed.calendar, code=True),
        Field(label="กฎและซอฟต์แวร์", value=printable(f"{receipt.rules} · {receipt.software}")),
    )
