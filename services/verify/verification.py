"""The verification: each check in its order, and what follows from all of them in one sentence."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from contracts.receipt import Receipt
from contracts.values import from_instant
from services.sign.trust import TrustStore
from services.verify import deemed, head, letter, page, pair, receipt_file, row, seal
from services.verify.receipt_file import ReceiptFile, UnreadableError
from services.verify.report import Finding, Report, Said, Subject, Verdict, verdict
from services.verify.sentences import fill


class File(Struct, frozen=True, kw_only=True):
    """A file as it was given."""

    name: str
    octets: bytes


class Given(Struct, frozen=True, kw_only=True):
    """What was given, sorted: one or two receipts, and perhaps the letter."""

    receipts: tuple[tuple[File, ReceiptFile], ...]
    letter: File | None


_PROVEN: Final = Said(
    "พิสูจน์ได้ว่า{letter_thai} ระบบของ {agency} ได้รับไว้เมื่อ {at} และลงทะเบียนรับเลขที่ {number} ตามใบรับที่ประทับตราโดย {sealer}",
    "Proven: {letter} reached the system of {agency} on {at} and was entered there as number {number}, by a receipt "
    "that {sealer} sealed.",
)
_TEST: Final = Said(
    "ไม่พบสิ่งใดขัดกัน แต่เป็นใบรับทดสอบ ไม่มีผลเป็นหลักฐาน (เลขที่ {number} ของ {agency})",
    "Nothing contradicts it, but it is a test's receipt and no evidence (number {number} of {agency}).",
)
_UNKNOWN: Final = Said(
    "ไม่พบสิ่งใดขัดกัน แต่ยังไม่พิสูจน์: {why} (เลขที่ {number} ของ {agency})",
    "Nothing contradicts it, but it is not proven: {why} (number {number} of {agency})",
)
_CONTRADICTED: Final = Said("เชื่อถือไม่ได้: {why}", "Do not rely on it: {why}")
_OTHER_LETTER: Final = Said("หนังสือที่ให้มาไม่ตรงกับใบรับ: {why}", "The letter given does not fit the receipt: {why}")
_OTHER_RECEIPT: Final = Said("ใบรับสองฉบับเป็นจริงพร้อมกันไม่ได้: {why}", "The two receipts cannot both be true: {why}")
_UNREADABLE: Final = Said("อ่านไม่ได้: {why}", "Unreadable: {why}")

_LETTERS: Final = {
    None: Said("หนังสือซึ่งมีค่าแฮช {digest}…", "a letter with the SHA-256 {digest}…"),
    "letter_stored": Said("หนังสือที่ให้มา", "the letter given"),
    "letter_line_ends": Said("หนังสือที่ให้มา", "the letter given"),
    "letter_covered": Said("ต้นฉบับที่แนบอยู่ในไปรษณีย์ที่ให้มา", "the original attached to the mail given"),
    "letter_named": Said("หนังสือที่ท่านให้สำเนามา", "the letter of which you gave a copy"),
    "letter_message_id": Said("หนังสือที่ท่านให้สำเนามา", "the letter of which you gave a copy"),
    "letter_is_file": Said("หนังสือที่มีไฟล์ที่ให้มาแนบอยู่", "a letter with the file given attached"),
}


def sort(files: list[File]) -> Given:
    """Tell letter and receipts apart: `[LETTER] RECEIPT [RECEIPT2]`.

    Raises:
        UnreadableError: what has to be a receipt is none; names the file.
    """
    last = [files[-1]]
    if len(files) == 3:
        last = files[1:]
    receipts = [(file, _read(file)) for file in last]
    if len(files) == 2 and not letter.is_of(files[0].octets, receipts[0][1].receipt):
        try:
            return Given(receipts=((files[0], receipt_file.read(files[0].octets)), *receipts), letter=None)
        except UnreadableError:
            pass
    return Given(receipts=tuple(receipts), letter=files[0] if len(files) > len(last) else None)


def verify(files: list[File], trust: TrustStore, now: datetime) -> Report:
    """Verify what was given: one to three files in the order of `sort`. Opens no connection of any kind."""
    try:
        given = sort(files)
    except UnreadableError as error:
        why = {"why": str(error)}
        return Report(verdict="unreadable", said=fill(_UNREADABLE, **why))
    found: list[Finding] = []
    sealers: list[str] = []
    subjects: list[Subject] = []
    for number, (file, paper) in enumerate(given.receipts, 1):
        alone, sealed = _receipt(paper, trust, now)
        if given.letter is not None:
            alone += letter.check(given.letter.octets, paper.receipt)
        found += [replace(one, receipt=number) for one in alone]
        sealers.append(sealed or "-")
        subjects.append(_subject(file, paper.receipt, sealed))
    first = given.receipts[0][1].receipt
    if len(given.receipts) == 2:
        found += pair.check(first, given.receipts[1][1].receipt, (sealers[0], sealers[1]))
    outcome = verdict(found)
    return Report(
        verdict=outcome, said=_said(outcome, found, first, sealers[0]), receipts=tuple(subjects), findings=tuple(found)
    )


def _read(file: File) -> ReceiptFile:
    try:
        return receipt_file.read(file.octets)
    except UnreadableError as error:
        raise UnreadableError(f"{file.name} {error}") from error


def _receipt(paper: ReceiptFile, trust: TrustStore, now: datetime) -> tuple[list[Finding], str | None]:
    """All findings about one receipt by itself, and by whom it is sealed."""
    receipt = paper.receipt
    found, sealed = seal.check(paper.pdf, receipt, trust, now)
    if paper.pdf is not None:
        found += page.check(paper.pdf, receipt)
    entered = row.read(receipt)
    found += row.check(receipt, entered)
    if entered is not None:
        found += deemed.check(entered)
        found += head.check(receipt, entered, sealed, trust)
    return found, sealed.by


def _subject(file: File, receipt: Receipt, sealed: str | None) -> Subject:
    return Subject(
        file=file.name, agency=receipt.agency_name, register_number=receipt.register_number, sealed_by=sealed
    )


def _said(outcome: Verdict, found: list[Finding], receipt: Receipt, sealer: str) -> Said:
    values = {"agency": receipt.agency_name, "number": receipt.register_number}
    if outcome == "contradicted":
        against = [one for one in found if one.status == "contradicted"]
        lead = {"letter": _OTHER_LETTER, "pair": _OTHER_RECEIPT}.get(against[0].about, _CONTRADICTED)
        why = against[0].sentence
        return Said(lead.thai.format(why=why.thai), lead.english.format(why=why.english))
    if outcome == "unknown":
        lacking = [one for one in found if one.needed and one.status == "not known"]
        if any(one.code == "test_seal" for one in lacking) and all(one.about in ("seal", "test") for one in lacking):
            return fill(_TEST, **values)
        why = lacking[0].sentence
        return Said(
            _UNKNOWN.thai.format(why=why.thai, **values),
            _UNKNOWN.english.format(why=why.english, **values),
        )
    shown = next((_LETTERS[one.code] for one in found if one.code in _LETTERS), _LETTERS[None])
    shown = fill(shown, digest=(receipt.sha256 or "")[:16])
    at = from_instant(receipt.clock.received_at)
    return fill(_PROVEN, letter=shown.english, letter_thai=shown.thai, at=at, sealer=sealer, **values)
