"""From a row, its exact octets and what was found to the receipt. Pure: the same input gives the same receipt."""

from datetime import datetime

from contracts import chain
from contracts.directory import Agency
from contracts.findings import Findings, Particular
from contracts.mail import MailReceived
from contracts.receipt import (
    ClockStatement,
    Deemed,
    Head,
    Proof,
    Receipt,
    ReceivedFile,
    Receiver,
    Seal,
    Stated,
    Text,
    Unknown,
)
from contracts.register import LetterEntered
from contracts.values import BANGKOK, Digest, Instant, from_instant
from services.words import header_text, roster, secrecy, wording

SURE = 0.5
"""Below it a particular is not stated: an invented value is worse than none."""

NOT_READ = frozenset({"message_unreadable", "examination_failed", "resource_limit", "smime_encrypted"})
"""Warnings (warnings.py) after which a particular that is missing was not looked for everywhere."""

LEFT_OUT = NOT_READ | {"parts_left_out", "part_damaged", "tnef_not_read"}
"""… after which the list of files may not be whole."""

NOT_JUDGED = LEFT_OUT | {
    "attachment_encrypted",
    "pdf_unreadable",
    "pgp_not_checked",
    "signature_unreadable",
    "smime_not_checked",
}
"""… after which there may be signatures that nobody judged."""

WITHHELD_NAME = "ไม่แสดงชื่อไฟล์"
NO_NAME = "ไม่มีชื่อไฟล์"


def build(
    row: LetterEntered,
    body: bytes,
    *,
    received: MailReceived | None,
    findings: Findings | None,
    agency: Agency,
    seal: Seal,
    software: str,
    issued_at: Instant,
    head: Head | Unknown,
    between: tuple[Digest, ...] = (),
) -> Receipt:
    """The final receipt of an entry whose row, as stored, has the octets `body`.

    `findings` are None where the letter was erased before it could be read, `received` also where its event cannot be
    read. What is not known carries its reason. A letter marked secret, by its series or in itself, keeps number,
    subject and file names out. `head` is the newest signed head of the book before the row, `between` the digests of
    the bodies after it.
    """
    secret = row.series == "classified" or secrecy.mark(findings) is not None
    entered = from_instant(row.received_at)
    deemed = from_instant(row.deemed_at)
    lost = Unknown(reason=wording.ERASED if findings is None else wording.UNREADABLE)
    clock = _clock(row, received, lost)
    officer = _receiver(agency, deemed)
    return Receipt(
        kind="final",
        letter_number=_particular(findings, "letter_number", secret=secret),
        letter_date=_particular(findings, "letter_date", secret=secret),
        series=row.series,
        year=row.year,
        number=row.number,
        register_number=row.number_text,
        clock=clock,
        deemed=Deemed(at=row.deemed_at, calendar=row.calendar, words=wording.deemed(deemed, row.calendar)),
        receiver=officer,
        agency=row.agency,
        agency_name=agency.name,
        mail=row.mail,
        position=row.position,
        message_id=_message_id(received, lost),
        subject=_subject(received, findings, secret=secret),
        sha256=row.sha256,
        size=row.size,
        body_sha256=_digest(findings, "body_sha256"),
        text_sha256=_digest(findings, "text_sha256"),
        files=_files(findings, secret=secret),
        signatures=_signatures(findings, secret=secret),
        remarks=row.remarks,
        statements=tuple(_statements(row, entered, clock, deemed, officer, seal, findings, secret=secret)),
        proof=Proof(row=body, link=chain.next_link(row.previous, body), head=head, between=between),
        seal=seal,
        rules=row.rules,
        software=software,
        issued_at=issued_at,
    )


def _statements(
    row: LetterEntered,
    entered: datetime,
    clock: ClockStatement,
    deemed: datetime,
    officer: Receiver,
    seal: Seal,
    findings: Findings | None,
    *,
    secret: bool,
) -> list[str]:
    said = [
        wording.received(entered, clock.words),
        wording.entry(row.number_text, row.number, row.series, row.year),
        wording.deemed(deemed, row.calendar),
        wording.receiver(officer.name, officer.position),
        wording.sealed(seal),
    ]
    if secret:
        said.append(wording.CLASSIFIED_LETTER)
    if findings is None:
        said.append(wording.LETTER_ERASED)
    elif _warned(findings, NOT_JUDGED):
        said.append(wording.INCOMPLETE_LETTER)
    if findings is not None and findings.scan is not None and findings.scan.outcome == "infected":
        said.append(wording.infected(findings.scan))
    if seal.kind == "test":
        said.append(wording.TEST)
    return said


def _clock(row: LetterEntered, received: MailReceived | None, lost: Unknown) -> ClockStatement:
    # The row is what the book proves; only the sources have to come from the letter's event.
    bound, within = row.bound_ms, row.within_bound is True
    source = received.source if received is not None else wording.reason(lost)
    return ClockStatement(
        received_at=row.received_at,
        bound_ms=bound,
        within_bound=within,
        source=source,
        stratum=received.stratum if received is not None else None,
        words=wording.clock(bound, within, source),
    )


def _receiver(agency: Agency, deemed: datetime) -> Receiver:
    officer = roster.on_duty(agency, deemed.astimezone(BANGKOK).date())
    if officer is None:
        nobody = Unknown(reason=wording.NOBODY)
        return Receiver(name=nobody, position=nobody, telephone=nobody)
    telephone: Stated = Unknown(reason=wording.NOT_IN_DIRECTORY)
    if officer.telephone:
        telephone = Text(value=officer.telephone)
    return Receiver(name=Text(value=officer.name), position=Text(value=officer.position), telephone=telephone)


def _particular(findings: Findings | None, name: str, *, secret: bool) -> Stated:
    if secret:
        return Unknown(reason=wording.CLASSIFIED)
    if findings is None:
        return Unknown(reason=wording.ERASED)
    found: Particular | None = getattr(findings.particulars, name)
    if found is None:
        return Unknown(reason=wording.INCOMPLETE if _warned(findings, NOT_READ) else wording.NOT_FOUND)
    return Text(value=found.value) if found.confidence >= SURE else Unknown(reason=wording.UNSURE)


def _message_id(received: MailReceived | None, lost: Unknown) -> Stated:
    if received is None:
        return lost
    if any(field.endswith("message_id") for field in received.cut):
        return Unknown(reason=wording.CUT)
    return _stated(received.lines.message_id)


def _subject(received: MailReceived | None, findings: Findings | None, *, secret: bool) -> Stated:
    found = _particular(findings, "subject", secret=secret)
    if secret or received is None or isinstance(found, Text):
        return found
    return _stated(header_text.decoded(received.lines.subject))


def _stated(text: str) -> Stated:
    kept = text.encode("utf-8", "replace").decode().strip()  # a lone surrogate is no JSON
    return Text(value=kept) if kept else Unknown(reason=wording.NOT_FOUND)


def _digest(findings: Findings | None, name: str) -> Stated:
    if findings is None:
        return Unknown(reason=wording.ERASED)
    found: str | None = getattr(findings, name)
    return Text(value=found) if found else Unknown(reason=wording.UNREADABLE)


def _files(findings: Findings | None, *, secret: bool) -> tuple[ReceivedFile, ...] | Unknown:
    if findings is None:
        return Unknown(reason=wording.ERASED)
    if _warned(findings, LEFT_OUT) and not findings.attachments:
        return Unknown(reason=wording.INCOMPLETE)
    return tuple(
        ReceivedFile(name=WITHHELD_NAME if secret else file.name or NO_NAME, size=file.size, sha256=file.sha256)
        for file in findings.attachments
    )


def _signatures(findings: Findings | None, *, secret: bool) -> tuple[str, ...] | Unknown:
    if findings is None:
        return Unknown(reason=wording.ERASED)
    judged = from_instant(findings.judged_at)
    if findings.signatures:
        return tuple(wording.signature(verdict, judged, withheld=secret) for verdict in findings.signatures)
    if _warned(findings, NOT_JUDGED):
        return Unknown(reason=wording.INCOMPLETE)
    return (wording.no_signature(judged),)


def _warned(findings: Findings, codes: frozenset[str]) -> bool:
    """Whether something was left unread: then absence is not stated."""
    return any(warning.code in codes for warning in findings.warnings)
