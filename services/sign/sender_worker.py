"""The early look: soon after a letter was numbered its sender is judged, however far behind the examination is.

Keys rotate and SPF records change; what a letter's sender could show when it came cannot be asked for a day later. A
DNS that does not answer is asked again here, where only this letter waits. A crash anywhere means one look more.
"""

import time
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from contracts.codec import UndecodableError
from contracts.event import Position
from contracts.findings import Authentication, Findings
from contracts.mail import MailReceived
from contracts.register import LetterEntered
from contracts.streams import SENDERS
from contracts.values import from_instant, instant
from services.runtime.bus import Bus
from services.runtime.errors import Conflict, Missing
from services.runtime.letters import read_letter
from services.runtime.settle import Delivery, Retry
from services.sign import metrics
from services.sign.child_process import ChildError
from services.sign.children import Children, SlowError
from services.sign.evidence import TEMPORARY
from services.sign.ledger import Ledger
from services.sign.senders import Kept, Senders

FIRST_SECONDS: Final = 2.0
"""What the DNS may take at the first look: nearly every domain answers in it, and a flood of letters from dead ones
does not keep the others waiting for minutes. Later looks have all of `sign.dns_seconds`."""

PAUSES: Final = (15.0, 30.0, 60.0)
"""Between the looks at one sender; the last one repeats. Longer than the resolver remembers a failure."""

CHILD_PAUSE_SECONDS: Final = 10.0
"""How long a letter waits where the host could start no child process."""

CROWDED_SECONDS: Final = 2.0
"""How long a letter waits whose second look would take the last place from the first looks of others."""


class SenderWorker:
    """The handler of REGISTER's rows that runs ahead of the examination."""

    def __init__(
        self, bus: Bus, children: Children, places: int, ledger: Ledger, senders: Senders, patience_seconds: float
    ) -> None:
        """`children` are its own, `places` of them: a letter that is examined for a minute holds up no sender."""
        self._bus = bus
        self._children = children
        self._later_places = max(1, places - 1)
        self._later = 0
        self._ledger = ledger
        self._senders = senders
        self._patience = patience_seconds

    async def entered(self, delivery: Delivery[LetterEntered]) -> None:
        """Keep what the sender of this row's letter can show, unless it is kept already.

        Raises:
            Retry: the DNS did not answer, and is asked again; or no child can be started.
        """
        row = delivery.event
        if row.mail is None or row.position is None or row.moved_from is not None:
            return  # it gets no findings
        if _age(delivery.stored_at) > SENDERS.ttl_seconds:
            return  # what was found then is not kept any more: the examination has it, or asks itself
        before, revision = await self._senders.get(row.position)
        if before is not None and before.next_at is None:
            return
        await self._ledger.cover(delivery.stored_at)
        if self._ledger.answered(row.position):
            return
        kept = await self._looked(row.position, before)
        try:
            await self._senders.put(row.position, kept, revision)
        except Conflict as error:
            raise Retry(1.0, "another worker looks at the same sender") from error
        # A crash from here on: it is delivered again, and what is kept says whether anything is left to do.
        if kept.next_at is not None:
            metrics.SENDERS.labels("again").inc()
            raise Retry(max(1.0, -_age(from_instant(kept.next_at))), "the sender's DNS did not answer")
        metrics.SENDERS.labels("settled" if kept.authentication is not None else "ended").inc()
        metrics.SENDER_LATENCY.observe(max(0.0, _age(delivery.stored_at)))

    async def _looked(self, position: Position, before: Kept | None) -> Kept:
        try:
            received, octets = await read_letter(self._bus.nc, position, self._bus.timeout)
        except (Missing, UndecodableError):
            # Erased, or without the event that says where it came from: the examination need not wait.
            return Kept(authentication=None, first_at=instant(time.time_ns()))
        return self._kept(await self._look(octets, received, before), received, before)

    async def _look(self, octets: bytes, received: MailReceived, before: Kept | None) -> Findings:
        try:
            if before is None:
                return await self._children.judge_sender(octets, received, FIRST_SECONDS)
            if self._later >= self._later_places:
                raise Retry(CROWDED_SECONDS, "other senders are looked at")
            self._later += 1
            try:
                return await self._children.judge_sender(octets, received)
            finally:
                self._later -= 1
        except ChildError as error:
            raise Retry(CHILD_PAUSE_SECONDS, str(error)) from error
        except SlowError as error:
            raise Retry(CROWDED_SECONDS, "the letter takes long, and others go first") from error

    def _kept(self, found: Findings, received: MailReceived, before: Kept | None) -> Kept:
        """What to keep of this look, and when the next one is due, if one is."""
        now_ns = time.time_ns()
        first_at = before.first_at if before is not None else instant(now_ns)
        result, next_at = found.authentication, None
        if result is not None:
            looks = 1 + (before.authentication.tries if before is not None and before.authentication else 0)
            result = replace(result, tries=looks)
            left = self._patience - _age(from_instant(first_at))
            if worth_another(result, received) and left > 0:
                pause = min(PAUSES[min(looks, len(PAUSES)) - 1], max(1.0, left))
                next_at = instant(now_ns + int(pause * 1e9))
        return Kept(authentication=result, warnings=found.warnings, first_at=first_at, next_at=next_at)


def worth_another(found: Authentication, received: MailReceived) -> bool:
    """Whether asking the DNS again could tell more that anybody needs.

    Not where every question has its answer; nor where the author's domain and the reverse-path's are proven already;
    nor for a peer whom the operator trusts, who needs no proof (invariant 11).
    """
    if "temperror" not in (found.spf, found.dkim, found.dmarc):
        return False
    if not any(answer.status in TEMPORARY for answer in found.evidence):
        return False  # it asked for more than a letter may, and would again
    if received.peer.trusted and received.upstream is None:
        return False
    path_proven = found.spf == "pass" or any(_related(domain, found.spf_domain) for domain in found.dkim_domains)
    return not (found.dmarc == "pass" and path_proven)


def _related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _age(moment: datetime) -> float:
    return time.time() - moment.timestamp()
