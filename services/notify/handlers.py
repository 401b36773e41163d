"""What happens at each of the three messages that notify hears.

ReceiptSealed    the final receipt to the sender, and the letter to the agency's mailboxes
LetterEntered    after the grace, if there is no final receipt: a provisional one, and the letter without verdict
ReleaseOrdered   a held receipt goes, since an officer says so
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from contracts import codec
from contracts.directory import Agency
from contracts.event import Position
from contracts.findings import Findings, LetterExamined, ReceiptSealed
from contracts.notices import MailFailed, ReceiptHeld
from contracts.orders import ReleaseOrdered
from contracts.register import LetterEntered
from contracts.values import from_instant
from services.notify import log, metrics, provisional
from services.notify.attempts import Attempts, Case, Now, due_in, written
from services.notify.covers import Covers
from services.notify.entry import Entry
from services.notify.examined import Examined
from services.notify.flight import Flight, Full
from services.notify.outbox import COVER, Hold, Outbox, Slip, Taken
from services.notify.receipts import Receipts, common_fields
from services.notify.releases import Releases
from services.notify.waiting import Waiting
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.errors import Conflict, Missing
from services.runtime.letters import read_letter, read_message
from services.runtime.settings import Notify
from services.runtime.settle import Delivery, Poison, Retry
from services.runtime.version import version

FINDINGS_SECONDS: Final = 5.0
"""The index is a moment behind at most; after this the message comes again."""

ROOM_SECONDS: Final = 30.0
"""Time a letter waits, here, for room in memory; then its message comes again."""

GRACE_RETRIES: Final = 500
"""Letters whose first mails may be tried again before their final receipt is there: half of what notify-grace holds."""

AFTERTHOUGHT: Final = timedelta(days=5)
"""A row that comes so much later than its grace is a backlog being worked off: no provisional receipt for it."""


class Handlers:
    """Carries out one message; returning means that all of it is done, for ever."""

    def __init__(
        self,
        *,
        bus: Bus,
        directory: Directory,
        settings: Notify,
        examined: Examined,
        outbox: Outbox,
        attempts: Attempts,
        receipts: Receipts,
        covers: Covers,
        releases: Releases,
        waiting: Waiting,
        seconds: float,
        now: Now,
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._settings = settings
        self._examined = examined
        self._outbox = outbox
        self._attempts = attempts
        self._receipts = receipts
        self._covers = covers
        self._releases = releases
        self._waiting = waiting
        self._in_grace = Waiting()
        self._flight = Flight(settings.flight_bytes, ROOM_SECONDS)
        self._seconds = seconds
        self._now = now

    async def sealed(self, delivery: Delivery[ReceiptSealed]) -> None:
        """Send the final receipt and the letter."""
        event = delivery.event
        entry = Entry.of_receipt(self._agency(event.agency), event.mail, event.position, event.receipt)
        if delivery.deliveries > 1:
            await self._not_before_due(entry)
        if not await self._examined.passed(delivery.position.sequence, FINDINGS_SECONDS):
            raise Retry(FINDINGS_SECONDS, "the index of findings is behind")
        findings = await self._findings(entry)
        if findings is None:
            log.findings_missing(entry.mail, entry.number_text)
        async with self._holding(entry) as hold:
            _close_provisional(hold.slip, self._now)
            async with self._flight.carry(event.receipt.size or 0):
                case = await self._case(entry, hold, findings, final=True)
                if case is None:
                    return
                waits = [
                    await self._receipts.carry(case, event.receipt, event.pdf, delivery.position),
                    await self._covers.carry(case),
                ]
        self._again(entry, waits)

    async def entered(self, delivery: Delivery[LetterEntered]) -> None:
        """After the grace: the provisional receipt, and the letter, if sign has not come to them."""
        row = delivery.event
        if row.mail is None or row.position is None or row.moved_from is not None:
            return  # came on paper: its sender has no address here; or it is the same letter under another number
        due = from_instant(row.received_at) + timedelta(seconds=self._settings.grace_seconds)
        grace = (due - self._now()).total_seconds()
        if grace > 0:
            raise Retry(grace, "within the grace")
        if not self._examined.current:
            raise Retry(FINDINGS_SECONDS, "the index of findings is behind")
        if self._examined.receipt(row.position) is not None:
            return
        entry = Entry.of_row(self._agency(row.agency), row)
        slip = await self._outbox.read(row.position)
        if slip is not None and "final" in slip.errands:
            return
        if slip is not None and delivery.deliveries > 1:
            await self._not_before_due(entry)
        body = await read_message(self._bus.nc, delivery.position.stream, delivery.position.sequence, self._bus.timeout)
        if body is None:
            raise Poison("the row is gone")
        findings = await self._findings(entry)
        async with self._holding(entry) as hold:
            if "final" in hold.slip.errands:
                return
            async with self._flight.carry(row.size or 0):
                case = await self._case(entry, hold, findings, final=False)
                if case is None:
                    return
                waits: list[float | None] = []
                if self._now() - due < AFTERTHOUGHT:
                    waits.append(await self._provisional(case, row, body.body))
                waits.append(await self._covers.carry(case))
        self._again_in_grace(entry, waits)

    async def released(self, delivery: Delivery[ReleaseOrdered]) -> None:
        """Send what is held of an entry, or remember that it may go."""
        order = delivery.event
        agency = self._agency(order.agency)
        held = await self._releases.held(order)
        if not held:
            self._say_released(order, "nothing_held")
            raise Poison(f"nothing is held of entry {order.number} in {order.series} {order.year}")
        final = held.get("final")
        if final is None or final.receipt is None:
            await self._release_unsealed(order, held["provisional"])
            return
        sealed = await self._read_sealed(final.receipt)
        entry = Entry.of_receipt(agency, sealed.mail, sealed.position, sealed.receipt)
        async with self._holding(entry) as hold:
            _reopen(hold.slip, "final", self._attempts)
            case = await self._case(entry, hold, None, final=True)
            if case is None:
                return
            wait = await self._receipts.carry(case, sealed.receipt, sealed.pdf, final.receipt)
        if wait is None:
            self._say_released(order, "sent")
        self._again(entry, [wait])

    async def _release_unsealed(self, order: ReleaseOrdered, held: ReceiptHeld) -> None:
        """Only the provisional receipt was held: the final one goes by itself, when sign comes to it."""
        try:
            async with self._outbox.hold(held.position, held.mail) as hold:
                final = hold.slip.errands.get("final")
                hold.slip.released = True
                await hold.save()
        except Taken as taken:
            raise Retry(taken.seconds, str(taken)) from taken
        if final is not None and final.state == "held":
            raise Retry(1.0, "the final receipt has just been held")
        self._say_released(order, "sent" if final is not None and final.settled else "waiting")

    async def _provisional(self, case: Case, row: LetterEntered, body: bytes) -> float | None:
        errand = case.hold.slip.errand("provisional", self._attempts.at)
        receipt = provisional.build(
            row, body, event=case.event, agency=case.entry.agency, issued_at=errand.since, software=version()
        )
        return await self._receipts.carry(case, receipt, None, None)

    def _agency(self, agency_id: str) -> Agency:
        if not self._directory.loaded:
            raise Retry(1.0, "the directory is not read yet")
        agency = self._directory.agency(agency_id)
        if agency is None:
            raise Poison(f"the directory has no agency {agency_id!r}")
        return agency

    async def _not_before_due(self, entry: Entry) -> None:
        """A message can come before its mails are due: after a restart of NATS its pause is forgotten there."""
        slip = await self._outbox.read(entry.position)
        if slip is None:
            return
        left = [due_in(errand, self._now()) for errand in slip.errands.values() if not errand.settled]
        if left and min(left) > 0:
            self._again(entry, [min(left)])

    @asynccontextmanager
    async def _holding(self, entry: Entry) -> AsyncIterator[Hold]:
        try:
            async with self._outbox.hold(entry.position, entry.mail) as hold:
                yield hold
        except Taken as taken:
            raise Retry(taken.seconds, str(taken)) from taken
        except Full as full:
            raise Retry(FINDINGS_SECONDS, str(full)) from full
        except Conflict as conflict:
            raise Retry(1.0, f"the letter was taken over: {conflict}") from conflict

    async def _case(self, entry: Entry, hold: Hold, findings: Findings | None, *, final: bool) -> Case | None:
        """The letter with its octets; None where it was erased, which is then told."""
        ends = time.monotonic() + self._seconds
        try:
            event, letter = await read_letter(self._bus.nc, entry.position, self._bus.timeout)
        except Missing as missing:
            await self._erased(entry, hold, str(missing))
            return None
        return Case(entry=entry, hold=hold, event=event, letter=letter, findings=findings, final=final, ends=ends)

    async def _erased(self, entry: Entry, hold: Hold, reason: str) -> None:
        names = ["final", *(name for name in hold.slip.errands if name.startswith(COVER))]
        for name in names:
            errand = hold.slip.errand(name, self._attempts.at)
            if errand.settled:
                continue
            errand.settle("failed", self._attempts.at, f"the letter was erased: {reason}")
            kind = "cover" if name.startswith(COVER) else "receipt"
            failed = MailFailed(
                errand="cover" if kind == "cover" else "receipt",
                code=None,
                reason=errand.reason,
                **common_fields(entry, errand),
            )
            await self._attempts.tell(hold, f"failed.{name}", failed)
            log.failed(entry.mail, entry.number_text, kind, errand.reason)

    async def _findings(self, entry: Entry) -> Findings | None:
        position = self._examined.findings(entry.position)
        if position is None:
            return None
        message = await read_message(self._bus.nc, position.stream, position.sequence, self._bus.timeout)
        return codec.decode(message.body, LetterExamined).findings if message is not None else None

    async def _read_sealed(self, position: Position) -> ReceiptSealed:
        message = await read_message(self._bus.nc, position.stream, position.sequence, self._bus.timeout)
        if message is None:
            raise Poison(f"the sealed receipt at {position} is gone")
        return codec.decode(message.body, ReceiptSealed)

    def _again(self, entry: Entry, waits: list[float | None]) -> None:
        """Done, or the message comes again when the next of its mails is due."""
        left = [wait for wait in waits if wait is not None]
        if not left:
            self._waiting.over(str(entry.position))
            return
        self._waiting.begin(str(entry.position), min(left))
        raise Retry(min(left), "a mail waits for its next attempt")

    def _again_in_grace(self, entry: Entry, waits: list[float | None]) -> None:
        """The same for a row. Where too many wait already, the rest is left to the final receipt's own message."""
        letter = str(entry.position)
        left = [wait for wait in waits if wait is not None]
        self._in_grace.over(letter)
        if left and self._in_grace.count() < GRACE_RETRIES:
            self._in_grace.begin(letter, min(left))
            self._again(entry, waits)

    def _say_released(self, order: ReleaseOrdered, outcome: str) -> None:
        metrics.RELEASED.labels(outcome).inc()
        log.released(order.agency, order.number, order.by, outcome)


def _close_provisional(slip: Slip, now: Now) -> None:
    """From here on no provisional receipt goes out for this letter."""
    errand = slip.errands.get("provisional")
    if errand is not None and not errand.settled:
        errand.settle("superseded", written(now()))


def _reopen(slip: Slip, name: str, attempts: Attempts) -> None:
    """An officer's word stands above the gate and the caps; what has gone out stays as it is."""
    slip.released = True
    errand = slip.errand(name, attempts.at)
    if errand.state == "held":
        errand.state, errand.since, errand.at, errand.reason = "open", attempts.at, "", ""
