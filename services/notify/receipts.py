"""The receipt to the sender: whether it may go (answers, gate, caps), and that it goes."""

from typing import Any

from contracts.event import Position
from contracts.notices import MailFailed, ReceiptHeld, ReceiptKind, SenderReceipted
from contracts.receipt import Receipt
from services.notify import answers, cover_mail, delivery_report, gate, log, metrics, receipt_mail
from services.notify.attempts import Attempts, Case
from services.notify.caps import Cap, Caps
from services.notify.entry import Entry
from services.notify.outbox import Errand
from services.notify.postroom import Task
from services.notify.relay import Offers
from services.notify.wire import Mail, Part


class Receipts:
    """Carries receipt errands. Their names in the slip are `final` and `provisional`."""

    def __init__(self, attempts: Attempts, caps: Caps, hostname: str) -> None:
        """`hostname` is the ingress's: the server that reports a delivery is the one that took the letter."""
        self._attempts = attempts
        self._caps = caps
        self._hostname = hostname

    async def carry(self, case: Case, receipt: Receipt, pdf: bytes | None, sealed: Position | None) -> float | None:
        """Bring the errand as far as it goes now. None when it is settled, otherwise seconds until it goes on."""
        errand = case.hold.slip.errand(receipt.kind, self._attempts.at)
        if not errand.settled:
            if not errand.attempts:
                await self._decide(case, errand)
            if not errand.settled:
                wait = await self._send(case, receipt, pdf)
                if wait is not None:
                    return wait
        await self._tell(case, receipt.kind, errand, sealed)
        return None

    async def _decide(self, case: Case, errand: Errand) -> None:
        why = answers.why_not(case.event)
        if why is not None:
            errand.settle("unanswered", self._attempts.at, why)
        elif not case.hold.slip.released:
            held = await self._held(case, errand)
            if held is not None:
                errand.settle("held", self._attempts.at, held)
        if errand.settled:
            await case.hold.save()

    async def _held(self, case: Case, errand: Errand) -> str | None:
        found = case.findings.authentication if case.findings is not None else None
        if not gate.authenticated(case.event, found):
            return "unauthenticated"
        if errand.counted:
            return None
        cap: Cap | None = await self._caps.take(case.entry.agency.id, case.event.sender)
        errand.counted = cap is None
        return cap

    async def _send(self, case: Case, receipt: Receipt, pdf: bytes | None) -> float | None:
        report: list[Part] = []
        if receipt.kind == "final":  # one report a letter, as there is one final receipt
            secret = case.findings is None or cover_mail.secret(case.entry, case.findings)
            report = delivery_report.parts(case.event, case.letter, self._hostname, secret=secret)

        def compose(_: Offers) -> Mail:
            return receipt_mail.compose(case.entry, case.event, receipt, pdf, report)

        mark = "receipt" if receipt.kind == "final" else "receipt-provisional"
        agency = case.entry.agency
        task = Task(
            kind="receipt",
            relay=agency.relay,
            agency=agency.id,
            dkim=agency.dkim,
            file=f"{mark}-{case.entry.name}",
            compose=compose,
        )
        return await self._attempts.make(case, receipt.kind, task)

    async def _tell(self, case: Case, kind: ReceiptKind, errand: Errand, sealed: Position | None) -> None:
        entry, hold = case.entry, case.hold
        common = common_fields(entry, errand)
        match errand.state:
            case "sent" | "unanswered":
                sent = errand.state == "sent"
                if kind == "provisional" and not sent:
                    return  # nothing went out and nothing is held back: the final one will say why
                event = SenderReceipted(
                    kind=kind,
                    sent=sent,
                    why="" if sent else errand.reason,
                    message_id=entry.message_id(kind),
                    relay=errand.place,
                    **common,
                )
                if await self._attempts.tell(hold, f"receipted.{kind}", event):
                    metrics.RECEIPTS.labels(kind, errand.state).inc()
                    if sent:
                        log.receipted(entry.mail, entry.number_text, kind, errand.place)
                    else:
                        log.unanswered(entry.mail, entry.number_text, errand.reason)
            case "held":
                held = ReceiptHeld(kind=kind, why=errand.reason, receipt=sealed, **common)  # type: ignore[arg-type]  # one of the Literal's words, kept as text in the slip
                if await self._attempts.tell(hold, f"held.{kind}", held):
                    metrics.RECEIPTS.labels(kind, "held").inc()
                    metrics.HELD.labels(errand.reason).inc()
                    log.held(entry.mail, entry.number_text, kind, errand.reason)
            case "failed":
                # A provisional one is let go: the final one follows, and that one's failure is the letter's.
                failed = MailFailed(errand="receipt", code=errand.code, reason=errand.reason, **common)
                if kind == "final" and await self._attempts.tell(hold, f"failed.{kind}", failed):
                    metrics.RECEIPTS.labels(kind, "failed").inc()
                    log.failed(entry.mail, entry.number_text, "receipt", errand.reason)
            case _:
                return


def common_fields(entry: Entry, errand: Errand) -> dict[str, Any]:
    """What every event about a letter says; the time is that of the errand, so that a repeat says the same."""
    return {
        "agency": entry.agency.id,
        "mail": entry.mail,
        "position": entry.position,
        "series": entry.series,
        "year": entry.year,
        "number": entry.number,
        "at": errand.at,
    }
