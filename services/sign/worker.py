"""From a row to its receipt: the letter is examined, once, and answered, once."""

import time
from typing import Final, NoReturn

from contracts.codec import UndecodableError
from contracts.directory import Agency
from contracts.event import Position
from contracts.findings import Findings, LetterExamined, Particulars, ReceiptSealed
from contracts.mail import MailReceived
from contracts.receipt import Receipt, Seal
from contracts.register import LetterEntered
from contracts.values import MailId, instant
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.errors import Missing, Refused
from services.runtime.letters import read_letter, read_message
from services.runtime.settle import Delivery, Poison, Retry
from services.sign import fit, log, metrics, receipt, reclassified
from services.sign.checkpoints import Checkpoints
from services.sign.child_process import ChildError
from services.sign.children import Children, SlowError
from services.sign.clamd import Clamd, scanned
from services.sign.ledger import Ledger
from services.sign.paper import PaperError
from services.sign.press import Press
from services.sign.seal import SealError, SealKey
from services.sign.seals import NoSealError, Seals
from services.sign.senders import Kept, Senders
from services.sign.slow_letters import SlowLetters
from services.sign.warnings import warning
from services.sign.withheld import withheld
from services.words import secrecy

SEAL_PAUSE_SECONDS: Final = 60.0
"""How long rows wait where the operator's own key cannot be used: it is many agencies', and somebody is at it."""

TOKEN_PAUSE_SECONDS: Final = 10.0
"""How long a letter waits where the token with the key does not sign: it may be on its way back."""

CHILD_PAUSE_SECONDS: Final = 10.0
"""How long a letter waits where the host could start no child process."""

Letter = tuple[MailReceived | None, bytes]
"""A letter's event and octets; without the event where its headers are none (numbered `unreadable`)."""


class Worker:
    """The handler of REGISTER's rows."""

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        children: Children,
        scanner: Clamd | None,
        ledger: Ledger,
        seals: Seals,
        press: Press,
        checkpoints: Checkpoints,
        senders: Senders,
        software: str,
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._children = children
        self._scanner = scanner
        self._ledger = ledger
        self._seals = seals
        self._press = press
        self._checkpoints = checkpoints
        self._senders = senders
        self._software = software
        self._slow = SlowLetters()

    async def entered(self, delivery: Delivery[LetterEntered]) -> None:
        """Publish what the letter of this row is, then its sealed receipt; each once, however often this is called.

        Raises:
            Poison: there will never be a receipt as things stand; `saraban dead retry` after they were changed.
            Retry: the operator's key cannot be used at the moment, no child can be started, the sender is being looked
                at, or the letter takes long and others go first.
        """
        begun = time.monotonic()
        row = delivery.event
        if row.mail is None or row.position is None:
            return self._skip(delivery, "not_by_mail")  # paper and e-CMS: the desk stamps them, nobody wrote to us
        if row.moved_from is not None:
            return self._skip(delivery, "moved")  # the letter has its one final receipt, by its first number
        await self._ledger.cover(delivery.stored_at)
        if self._ledger.sealed(row.position):
            return self._skip(delivery, "sealed_before")
        if row.position in self._slow and not self._children.room:
            self._put_off(row.mail, row.position)  # before tens of megabytes are read for it
        agency = self._agency(row)
        key, seal = self._seal(agency)
        known = await self._ledger.examined(row.position)
        sender = None if known is not None else await self._senders.settled(row.position, delivery.stored_at)
        body = await self._octets(delivery.position)
        letter = await self._letter(row.mail, row.position)
        if known is not None:
            findings = known.findings
        else:
            findings = await self._examined(row, row.mail, row.position, letter, sender)
        # A crash from here on: the findings are there and are taken as they are.
        await self._reclassify(row, findings)
        head, between = await self._checkpoints.before(row, delivery.position, delivery.stored_at)
        issued = receipt.build(
            row,
            body,
            received=letter[0] if letter else None,
            findings=findings if letter else None,
            agency=agency,
            seal=seal,
            software=self._software,
            issued_at=instant(time.time_ns()),
            head=head,
            between=between,
        )
        letter = None  # tens of megabytes, which need not wait for the press
        pdf = await self._print(issued, key)
        event = ReceiptSealed(agency=row.agency, mail=row.mail, position=row.position, receipt=issued, pdf=pdf)
        if not await self._publish(event):
            return self._skip(delivery, "sealed_before")
        # A crash from here on: the row is delivered again, and the ledger knows its receipt.
        metrics.RECEIPTS.labels(seal.kind).inc()
        metrics.LATENCY.observe(max(0.0, time.time() - delivery.stored_at.timestamp()))
        log.sealed(row.mail, row.nats_subject, row.number, seal.kind, len(event.pdf), time.monotonic() - begun)
        return None

    def _agency(self, row: LetterEntered) -> Agency:
        agency = self._directory.agency(row.agency)
        if agency is None:
            raise Poison(f"the directory has no agency {row.agency!r}: its receipt can name nobody")
        return agency

    def _seal(self, agency: Agency) -> tuple[SealKey, Seal]:
        try:
            return self._seals.of(agency)
        except NoSealError as error:
            log.no_seal(agency.id, str(error))
            if error.shared:
                raise Retry(SEAL_PAUSE_SECONDS, str(error)) from error
            raise Poison(str(error)) from error

    async def _octets(self, position: Position) -> bytes:
        message = await read_message(self._bus.nc, position.stream, position.sequence, self._bus.timeout)
        if message is None:
            raise Poison(f"the row at {position} is gone: the register is damaged")
        return message.body

    async def _letter(self, mail: MailId, position: Position) -> Letter | None:
        try:
            return await read_letter(self._bus.nc, position, self._bus.timeout)
        except UndecodableError as error:
            log.event_unreadable(mail, str(position), str(error))
            message = await read_message(self._bus.nc, position.stream, position.sequence, self._bus.timeout)
            return None if message is None else (None, message.body)
        except Missing:
            log.erased(mail, str(position))
            return None

    async def _examined(
        self, row: LetterEntered, mail: MailId, position: Position, letter: Letter | None, sender: Kept | None
    ) -> Findings:
        findings = await self._examine(mail, position, letter, sender)
        if letter is not None:
            findings = fit.remarked(findings, self._directory)
        event = LetterExamined(
            agency=row.agency,
            mail=mail,
            position=position,
            series=row.series,
            year=row.year,
            number=row.number,
            findings=withheld(findings) if row.series == "classified" or secrecy.mark(findings) else findings,
        )
        if not await self._publish(event):
            known = await self._ledger.examined(position)
            return known.findings if known is not None else findings
        if findings.scan is not None and findings.scan.outcome == "infected":
            log.malware_found(mail, str(position), findings.scan.malware, findings.scan.scanner)
        for verdict in findings.signatures:
            metrics.VERDICTS.labels(verdict.indication or "none").inc()
        return findings

    async def _reclassify(self, row: LetterEntered, findings: Findings) -> None:
        """Order the move of a letter that is marked secret in itself, before anybody is told of it."""
        order = reclassified.move(row, findings)
        if order is not None:
            await self._bus.publish(order)
            metrics.RECLASSIFIED.inc()
            log.reclassified(row.agency, row.nats_subject, row.number)

    async def _examine(self, mail: MailId, position: Position, letter: Letter | None, sender: Kept | None) -> Findings:
        if letter is None:
            return Findings(
                particulars=Particulars(),
                warnings=(warning("letter_erased"),),
                judged_at=instant(time.time_ns()),
                software=self._software,
            )
        received, octets = letter
        try:
            async with scanned(self._scanner, octets) as scan:
                with metrics.EXAMINING.time():
                    asked = received if sender is None else None
                    found = await self._children.examine(octets, asked, slow=position in self._slow)
                found = await scan.added_to(found if sender is None else sender.given_to(found))
        except ChildError as error:
            raise Retry(CHILD_PAUSE_SECONDS, str(error)) from error
        except SlowError:
            self._put_off(mail, position)
        self._slow.discard(position)
        return found

    def _put_off(self, mail: MailId, position: Position) -> NoReturn:
        seconds = self._slow.add(position)
        metrics.LETTERS_PUT_OFF.inc()
        log.put_off(mail, seconds)
        raise Retry(seconds, "the letter takes long, and the slow lane is full")

    async def _print(self, paper: Receipt, key: SealKey) -> bytes:
        try:
            return await self._press.print(paper, key)
        except PaperError as error:
            raise Poison(f"the receipt cannot be laid out: {error}") from error
        except SealError as error:
            log.no_seal(paper.agency, str(error))
            raise Retry(TOKEN_PAUSE_SECONDS, str(error)) from error

    async def _publish(self, event: LetterExamined | ReceiptSealed) -> bool:
        try:
            return await self._ledger.publish(event)
        except Refused as error:
            raise Poison(f"{event.type} cannot be stored: {error}") from error

    def _skip(self, delivery: Delivery[LetterEntered], reason: str) -> None:
        metrics.SKIPPED.labels(reason).inc()
        log.skipped(delivery.event.key, reason)
