"""The letter to the agency's mailboxes, once; instead of it an alert where nothing of the letter may go in clear."""

from contracts import addresses
from contracts.directory import Mailbox
from contracts.event import Position
from contracts.notices import LetterDelivered, MailFailed, RegistrarAlerted
from contracts.values import sha256_hex
from services.notify import alert_mail, cover_mail, log, metrics
from services.notify.alert_mail import Why
from services.notify.attempts import Attempts, Case
from services.notify.outbox import COVER, Errand, Outbox
from services.notify.postroom import Task
from services.notify.receipts import common_fields
from services.notify.relay import Offers
from services.notify.wire import Mail
from services.runtime.directory import Directory
from services.words import secrecy

ALERT = "alert"


class Covers:
    """Carries the cover errands of a letter, `cover <mailbox>` each, and its alert."""

    def __init__(self, attempts: Attempts, outbox: Outbox, directory: Directory, *, scanned: bool) -> None:
        """`scanned`: letters are scanned for malware, so one that was not looked at is not passed on."""
        self._scanned = scanned
        self._attempts = attempts
        self._outbox = outbox
        self._directory = directory

    async def carry(self, case: Case) -> float | None:
        """Bring all of them as far as they go now. None when they are settled, otherwise seconds until it goes on."""
        if ALERT in case.hold.slip.errands:
            return await self._alert(case, self._why(case))
        if not case.hold.slip.covers() and cover_mail.secret(case.entry, case.findings):
            return await self._alert(case, "classified")
        if case.findings is None and self._scanned and not case.final:
            return None  # with the final receipt, when it is known what the scanner says
        waits = [await self._cover(case, mailbox) for mailbox in self._mailboxes(case)]
        left = [wait for wait in waits if wait is not None]
        if left:
            return min(left)
        await self._tell(case)
        if cover_mail.infected(case.findings):
            return await self._alert(case, "infected")
        if any(errand.state == "failed" for errand in case.hold.slip.covers().values()):
            return await self._alert(case, "undeliverable")
        return None

    def _why(self, case: Case) -> Why:
        if cover_mail.infected(case.findings) and not cover_mail.secret(case.entry, case.findings):
            return "infected"
        return "undeliverable" if case.hold.slip.covers() else "classified"

    def _mailboxes(self, case: Case) -> tuple[Mailbox, ...]:
        agency = case.entry.agency
        if agency.mailboxes:
            return agency.mailboxes
        if agency.relay is None:
            return (Mailbox(address=agency.addresses[0]),)  # into the folder, where there is no mailbox to reach
        log.no_mailbox(agency.id, case.entry.number_text)
        return ()

    async def _cover(self, case: Case, mailbox: Mailbox) -> float | None:
        agency = case.entry.agency
        name = COVER + mailbox.address
        errand = case.hold.slip.errand(name, self._attempts.at)
        if errand.settled:
            return None
        unscanned = case.findings is None and self._scanned
        if cover_mail.infected(case.findings) or unscanned:
            errand.bare = True
        reason = await self._loop(case, mailbox)
        if reason:
            errand.settle("failed", self._attempts.at, reason)
            await case.hold.save()
            return None

        def compose(offers: Offers) -> Mail:
            return cover_mail.compose(
                case.entry,
                case.event,
                case.letter,
                case.findings,
                to=mailbox.address,
                dated=errand.since,
                eight_bit_relay=offers.eight_bit,
                utf8_relay=offers.utf8,
                with_original=not errand.bare,
                unscanned=unscanned,
            )

        task = Task(
            kind="cover",
            relay=mailbox.relay or agency.relay,
            agency=agency.id,
            dkim=agency.dkim,
            file=f"cover-{case.entry.name}" + self._which(case, mailbox),
            compose=compose,
        )
        wait = await self._attempts.make(case, name, task)
        if errand.state == "failed" and errand.too_large and not errand.bare:
            # The letter is too large for this mailbox: its number and how to get it still have to arrive.
            errand.state, errand.bare = "open", True
            wait = await self._attempts.make(case, name, task)
        return wait

    def _which(self, case: Case, mailbox: Mailbox) -> str:
        """A mark for the file where there are several mailboxes."""
        all_of_them = [one.address for one in self._mailboxes(case)]
        return f"-{all_of_them.index(mailbox.address) + 1}" if len(all_of_them) > 1 else ""

    async def _loop(self, case: Case, mailbox: Mailbox) -> str:
        """Why a cover mail to this mailbox would come back to us for ever; empty if it would not."""
        owner = self._directory.by_address(mailbox.address)
        if owner is not None and case.entry.agency.mailboxes:
            return f"{mailbox.address} is a central address (of {owner.id}), not a mailbox"
        named = addresses.answered_entry(case.event.lines.message_id)
        if named is None or named[0] != "cover":
            return ""
        # Anybody can write such a Message-ID: only one that we did give out counts.
        _, mail, stream, sequence = named
        slip = await self._outbox.read(Position(stream=stream, sequence=sequence))
        if slip is None or slip.mail != mail or not slip.covers():
            return ""
        log.loop(case.entry.mail, case.entry.number_text)
        return "this is our own cover mail: a mailbox of the agency leads back to its central address"

    async def _tell(self, case: Case) -> None:
        entry, hold = case.entry, case.hold
        covers = hold.slip.covers()
        sent = [errand for errand in covers.values() if errand.state == "sent"]
        failed = {address: errand for address, errand in covers.items() if errand.state == "failed"}
        if sent:
            delivered = LetterDelivered(
                message_id=entry.message_id("cover"),
                relay=", ".join(dict.fromkeys(errand.place for errand in sent)),
                original=sha256_hex(case.letter) if not all(errand.bare for errand in sent) else None,
                **common_fields(entry, sent[-1]),
            )
            if await self._attempts.tell(hold, "delivered", delivered):
                metrics.COVERS.labels("delivered").inc(len(sent))
                log.delivered(entry.mail, entry.number_text, delivered.relay, len(sent))
        if failed:
            reason = "; ".join(f"{address}: {errand.reason}" for address, errand in failed.items())
            last = list(failed.values())[-1]
            event = MailFailed(errand="cover", code=last.code, reason=reason, **common_fields(entry, last))
            if await self._attempts.tell(hold, "failed.cover", event):
                metrics.COVERS.labels("failed").inc(len(failed))
                log.failed(entry.mail, entry.number_text, "cover", reason)

    async def _alert(self, case: Case, why: Why) -> float | None:
        entry, hold = case.entry, case.hold
        errand = hold.slip.errand(ALERT, self._attempts.at)
        registrar = entry.agency.registrar
        if not errand.settled and (not registrar or self._directory.by_address(registrar) is not None):
            errand.settle("failed", self._attempts.at, "the directory names no registrar's mailbox")
        if not errand.settled:
            covers = hold.slip.covers().values()
            reason = "; ".join(one.reason for one in covers if one.state == "failed")
            malware = cover_mail.infected(case.findings)
            passed = any(one.state == "sent" and not one.bare for one in covers)

            def compose(_: Offers) -> Mail:
                return alert_mail.compose(
                    entry,
                    why,
                    to=registrar,
                    dated=errand.since,
                    reason=reason,
                    moves=secrecy.moving_mark(case.findings) is not None,
                    malware=malware,
                    passed=passed,
                )

            task = Task(
                kind="alert",
                relay=entry.agency.relay,
                agency=entry.agency.id,
                dkim=entry.agency.dkim,
                file=f"alert-{entry.name}",
                compose=compose,
            )
            wait = await self._attempts.make(case, ALERT, task)
            if wait is not None:
                return wait
        await self._tell_alert(case, why, errand)
        return None

    async def _tell_alert(self, case: Case, why: Why, errand: Errand) -> None:
        entry = case.entry
        sent = errand.state == "sent"
        event = RegistrarAlerted(why=why, sent=sent, **common_fields(entry, errand))
        if await self._attempts.tell(case.hold, "alerted", event):
            if why == "classified":
                metrics.COVERS.labels("withheld").inc()
            metrics.ALERTS.labels(why, "sent" if sent else "not_sent").inc()
            log.alerted(entry.mail, entry.number_text, why, sent)
