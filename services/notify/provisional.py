"""The provisional receipt (ฉบับชั่วคราว): it only says that the letter came and has its number. Nobody sealed it. Pure."""

from typing import Final

from contracts import chain
from contracts.directory import Agency
from contracts.mail import MailReceived
from contracts.receipt import ClockStatement, Deemed, Proof, Receipt, Receiver, Seal, Stated, Text, Unknown
from contracts.register import LetterEntered
from contracts.values import BANGKOK, Instant, from_instant
from services.words import header_text, roster, wording

EXAMINING: Final = wording.EXAMINING


def build(
    row: LetterEntered, body: bytes, *, event: MailReceived, agency: Agency, issued_at: Instant, software: str
) -> Receipt:
    """The provisional receipt of a row whose octets, as stored, are `body`."""
    secret = row.series == "classified"
    examining = Unknown(reason=wording.CLASSIFIED if secret else EXAMINING)
    deemed = from_instant(row.deemed_at)
    bound, within = row.bound_ms, row.within_bound is True
    clock = ClockStatement(
        received_at=row.received_at,
        bound_ms=bound,
        within_bound=within,
        source=event.source,
        stratum=event.stratum,
        words=wording.clock(bound, within, event.source),
    )
    officer = _receiver(agency, row)
    subject = header_text.decoded(event.lines.subject)
    message_id = event.lines.message_id.strip()
    return Receipt(
        kind="provisional",
        letter_number=examining,
        letter_date=examining,
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
        message_id=_stated(message_id),
        subject=examining if secret else _stated(subject),
        sha256=row.sha256,
        size=row.size,
        body_sha256=Unknown(reason=EXAMINING),
        files=Unknown(reason=EXAMINING),
        signatures=Unknown(reason=EXAMINING),
        remarks=row.remarks,
        statements=(
            wording.PROVISIONAL,
            wording.received(from_instant(row.received_at), clock.words),
            wording.entry(row.number_text, row.number, row.series, row.year),
            wording.deemed(deemed, row.calendar),
            wording.receiver(officer.name, officer.position),
            *((wording.CLASSIFIED_LETTER,) if secret else ()),
        ),
        proof=Proof(row=body, link=chain.next_link(row.previous, body), head=Unknown(reason=EXAMINING)),
        seal=Seal(kind="none", by=Unknown(reason=wording.NOT_SEALED), on_behalf_of=Unknown(reason=wording.NOT_SEALED)),
        rules=row.rules,
        software=software,
        issued_at=issued_at,
    )


def _receiver(agency: Agency, row: LetterEntered) -> Receiver:
    officer = roster.on_duty(agency, from_instant(row.deemed_at).astimezone(BANGKOK).date())
    if officer is None:
        nobody = Unknown(reason=wording.NOBODY)
        return Receiver(name=nobody, position=nobody, telephone=nobody)
    telephone: Stated = Text(value=officer.telephone) if officer.telephone else Unknown(reason=wording.NOT_IN_DIRECTORY)
    return Receiver(name=Text(value=officer.name), position=Text(value=officer.position), telephone=telephone)


def _stated(text: str) -> Stated:
    return Text(value=text) if text else Unknown(reason=wording.NOT_FOUND)
