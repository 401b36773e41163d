"""The SMTP commands: what each asks, and what it is answered. The wire is `connection.py`, decisions are elsewhere.

`_getaddr` is aiosmtpd's address parser (45 microseconds, the standard library's), for uncommon forms only.
"""

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

from contracts import mail
from contracts.mail import Recipient
from contracts.streams import BATCH_MESSAGES
from contracts.values import UNASSIGNED, AgencyId
from services.ingest import addresses, log, metrics, parameters, recipients, replies
from services.ingest.addresses import Addressed
from services.ingest.arrival import PATIENCE, Arrival
from services.ingest.connection import Connection, Over
from services.ingest.next_hop import Declined
from services.ingest.parameters import ParameterError, RcptParameters
from services.ingest.parts import Parts
from services.ingest.reception import Kept, Protocol, Refusal
from services.ingest.recipients import Elsewhere, Operators, Ours, Refused
from services.ingest.replies import Reply
from services.ingest.transaction import Addressee, Transaction
from services.runtime.errors import BusError, StoreFull

BDAT: Final = re.compile(r"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE | re.ASCII)
CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
HELO_OCTETS: Final = 255
NAMED_MAILS: Final = 5

NOT_OFFERED: Final = frozenset(
    {b"AUTH", b"BURL", b"ETRN", b"EXPN", b"SAML", b"SEND", b"SOML", b"TURN", b"XCLIENT", b"XFORWARD"}
)
NOT_SMTP: Final = re.compile(rb"(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) |[A-Z][A-Z0-9-]*:", re.IGNORECASE)
"""HTTP, or the header of a letter whose DATA was refused: what follows is no command either."""


class SmtpSession(Connection):
    """One session."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(parts, loop)
        self._transaction: Transaction | None = None
        self._knocks: dict[tuple[AgencyId, Reply], list[str]] = {}
        self._extended = False
        self._guesses = 0

    async def _serve(self) -> None:
        self._say(replies.GREETING.saying(f"{self._parts.hostname} ESMTP saraban"))
        while True:
            await self._obey(await self._line())
            if self._errors > self._parts.settings.errors:
                raise Over(replies.TOO_MANY_ERRORS)

    async def _obey(self, line: bytes | None) -> None:
        if line is None:
            self._say(replies.LINE_TOO_LONG)
            return
        if NOT_SMTP.match(line):
            raise Over(replies.NOT_SMTP)
        if not line.endswith(b"\r\n"):
            self._say(replies.BARE_LINE_END)
            return
        verb, _, argument = line[:-2].partition(b" ")
        verb = verb.upper()
        command = _COMMANDS.get(verb)
        if command is None:
            self._say(replies.NOT_OFFERED if verb in NOT_OFFERED else replies.UNKNOWN_COMMAND)
            return
        argument = argument.strip(b" \t")  # RFC 5321 section 4.1.1: white space before the line's end is borne with
        if CONTROL.search(argument) and verb != b"BDAT":  # that one ends the session: nobody knows what would follow
            self._say(replies.BAD_SYNTAX)
            return
        try:
            await command(self, argument.decode("utf-8", "surrogateescape"))
        except ParameterError as error:
            self._say(error.reply)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def smtp_HELO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1."""
        self._greet(hostname, extended=False, said=[self._parts.hostname])

    async def smtp_EHLO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1; only what we do is offered."""
        offered = [
            self._parts.hostname,
            "PIPELINING",
            f"SIZE {self._parts.settings.message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "DSN",
            *(["STARTTLS"] if self._parts.certificate is not None and not self._peer.tls else []),
            "HELP",
        ]
        self._greet(hostname, extended=True, said=offered)

    def _greet(self, hostname: str, *, extended: bool, said: list[str]) -> None:
        words = hostname.split()
        if not words or not addresses.acceptable(hostname):
            self._say(replies.BAD_ARGUMENT)
            return
        self._reset_transaction()
        self._extended = extended
        peer = self._peer
        self._peer = mail.Peer(address=peer.address, helo=words[0][:HELO_OCTETS], tls=peer.tls, trusted=peer.trusted)
        self._output += [f"250-{line}\r\n".encode() for line in said[:-1]]
        self._say(replies.HELLO.saying(said[-1]))

    async def smtp_MAIL(self, argument: str | None) -> None:
        """RFC 5321 section 4.1.1.2."""
        if not self._peer.helo or self._transaction is not None:
            self._say(replies.BAD_ORDER)
            return
        given = self._addressed(argument or "", "FROM:")
        if given is None:
            self._say(replies.BAD_SENDER)
            return
        said = parameters.of_mail(given.parameters)
        if not said.utf8 and not (argument or "").isascii():
            self._say(replies.NEEDS_UTF8)
            return
        self._note_knocks()
        if said.size > self._parts.settings.message_bytes:
            self._parts.attempts.note(UNASSIGNED, self._peer, given.address, (), "mail", replies.TOO_LARGE, said.size)
            log.refused(replies.TOO_LARGE.name, "mail", None)
            self._parts.traffic.note(self._peer, given.address, (), "mail", replies.TOO_LARGE.sentence, said.size)
            self._say(replies.TOO_LARGE)
            return
        self._transaction = Transaction(
            sender=given.address,
            size=said.size,
            eight_bit=said.eight_bit,
            utf8=said.utf8,
            ret=said.ret,
            envid=said.envid,
        )
        self._say(replies.SENDER_OK)

    async def smtp_RCPT(self, argument: str | None) -> None:
        """RFC 5321 section 4.1.1.3."""
        transaction = self._transaction
        if transaction is None:
            self._say(replies.BAD_ORDER)
            return
        given = self._addressed(argument or "", "TO:")
        if given is None or not given.address:
            self._say(replies.BAD_RECIPIENT)
            return
        said = parameters.of_rcpt(given.parameters)
        if not transaction.utf8 and not (argument or "").isascii():
            self._say(replies.NEEDS_UTF8)
            return
        if transaction.chunks is not None:
            self._say(replies.BAD_ORDER)
            return
        verdict = self._judge(transaction, given)
        reply = replies.RECIPIENT_OK
        if isinstance(verdict, Elsewhere):
            reply = await self._pass_on(transaction, given, said, verdict)
            if not reply.good:
                verdict = Refused(reply, None)
        if isinstance(verdict, Refused):
            await self._refuse(transaction, given.address, verdict)
            return
        transaction.recipients += 1
        transaction.kind = type(verdict)
        if not isinstance(verdict, Elsewhere):
            transaction.leave()  # nobody before was taken there
        if isinstance(verdict, Ours):
            addressee = transaction.addressees.setdefault(verdict.agency, Addressee(verdict.upstreams))
            recipient = Recipient(address=given.address, notify=said.notify, orcpt=said.orcpt)
            addressee.recipients.setdefault(given.address, recipient)
            self._parts.reputation.expect(self._peer, verdict)
        else:
            others = transaction.operators if isinstance(verdict, Operators) else transaction.passed
            others.append(given.address)
        self._say(reply)

    async def _pass_on(
        self, transaction: Transaction, given: Addressed, said: RcptParameters, verdict: Elsewhere
    ) -> Reply:
        """Ask the domain's next hop; its reply is ours. The peer waits for it, and it has a deadline."""
        self._flush()
        self._deadline = None
        try:
            if verdict.next_hop in transaction.declined:
                return transaction.declined[verdict.next_hop]  # it may hang: not waited for again and again
            if transaction.next_hop != verdict.next_hop:  # the one before took nobody
                transaction.leave()
                transaction.next_hop = verdict.next_hop
            if transaction.passage is None:
                transaction.passage = await self._parts.next_hops.open(verdict.next_hop, self._peer, transaction)
                if self._lost:
                    raise Over
            reply = await transaction.passage.recipient(given.address, said.notify, said.orcpt)
        except Declined as declined:
            transaction.declined[verdict.next_hop] = reply = declined.reply
        return reply

    def _judge(self, transaction: Transaction, given: Addressed) -> Ours | Operators | Elsewhere | Refused:
        """Who it is for, and whether it may stand beside those before it (invariant 9).

        The first recipient that is taken decides. Not the first one asked for: while the next hop is down, a letter to
        staff and to us would otherwise come again and again, staff first, and never reach us.
        """
        peer = recipients.Peer(self._peer.address, self._peer.trusted)
        verdict = self._parts.recipients.judge(given.local, given.domain, peer)
        if isinstance(verdict, Refused):
            return verdict
        agency = verdict.agency if isinstance(verdict, Ours) else None
        if agency is not None and not self._parts.ready():
            return Refused(replies.NOT_READY, agency)
        if agency is not None and self._parts.mailroom.full:
            return Refused(replies.NO_ROOM, agency)
        mixed = transaction.kind not in (None, type(verdict))
        if isinstance(verdict, Elsewhere) and transaction.passed and transaction.next_hop != verdict.next_hop:
            mixed = True
        too_many = transaction.recipients >= self._parts.settings.recipients
        if mixed or too_many or (agency and not self._fits_with(transaction, agency)):
            return Refused(replies.TOO_MANY_RECIPIENTS, agency)
        return verdict

    def _fits_with(self, transaction: Transaction, agency: AgencyId) -> bool:
        """Whether one more agency leaves the one write that all of them need within its bounds."""
        agencies = len(transaction.addressees) + (agency not in transaction.addressees)
        octets = transaction.size or self._parts.settings.message_bytes
        messages = agencies * (octets // self._parts.mailroom.part_bytes + 2)
        return agencies == 1 or (agencies * octets <= self._parts.settings.flight_bytes and messages <= BATCH_MESSAGES)

    async def smtp_DATA(self, argument: str) -> None:
        """RFC 5321 section 4.1.1.4."""
        refusal = replies.BAD_ARGUMENT if argument else self._refusal_of_content()
        if refusal is not None:
            # A client that did not wait for the 354 sends its letter now: none of it may be taken for commands.
            if refusal is replies.NO_ROOM and self._transaction is not None:
                self._note(self._transaction, refusal, None)
                self._reset_transaction()
            if self._input:
                raise Over(refusal)
            self._say(refusal)
            return
        arrival = self._new_arrival()
        self._say(replies.START_DATA)
        await self._take(arrival, last=True)

    async def smtp_BDAT(self, argument: str) -> None:
        """RFC 3030 section 2. Whatever we answer, the octets it announces are no commands."""
        asked = BDAT.fullmatch(argument)
        if asked is None or int(asked[1]) > PATIENCE * self._parts.settings.message_bytes:
            raise Over(replies.TOO_LARGE if asked else replies.BAD_ARGUMENT)
        octets, last = int(asked[1]), asked[2] is not None
        transaction = self._transaction
        arrival = transaction.chunks if transaction is not None else None
        if arrival is None:
            refusal = self._refusal_of_content()
            arrival = self._new_arrival()
            if refusal is not None:
                arrival.refuse(refusal)
            if transaction is not None:
                transaction.chunks = arrival
        self._letter_until = arrival.began + self._parts.settings.data_seconds
        arrival.expect(octets, last=last)
        await self._take(arrival, last=last, octets=octets)

    def _refusal_of_content(self) -> Reply | None:
        """Why no letter may come now, or None."""
        transaction = self._transaction
        if transaction is None or transaction.chunks is not None:
            return replies.BAD_ORDER
        if not transaction.recipients:
            # If somebody was told to come again, no reply of ours may sound final.
            return replies.TRY_LATER if transaction.deferred else replies.NO_RECIPIENTS
        return None if self._parts.flight.has_room(transaction.size) else replies.NO_ROOM

    def _new_arrival(self) -> Arrival:
        return Arrival(self._parts.settings.message_bytes, self._parts.flight, self._parts.clock, self.loop.time())

    async def _take(self, arrival: Arrival, *, last: bool, octets: int = 0) -> None:
        """Let in what DATA or BDAT announced; if it is the letter's end, say what becomes of it."""
        transaction = self._transaction
        try:
            await self._let_in(arrival)
            if arrival.refusal is not None or transaction is None:
                reply = arrival.refusal or replies.BAD_ORDER
            elif last:
                reply = await self._conclude(transaction, arrival)
            else:
                reply = replies.CHUNK_OK.saying(f"{octets} octets received")
            if not reply.good and last and transaction is not None:
                self._note(transaction, reply, arrival)
        except Over as over:
            if over.reply is not None and transaction is not None:
                self._note(transaction, over.reply, arrival)
                transaction.chunks = None  # noted; `_forget` need not do it once more
                arrival.release()
            raise
        finally:
            if last or transaction is None:
                arrival.release()
        self._say(reply)
        if last:
            self._reset_transaction()

    async def _conclude(self, transaction: Transaction, arrival: Arrival) -> Reply:
        """Say what becomes of a letter that is wholly there."""
        agencies = list(transaction.addressees)
        try:
            if transaction.passed or transaction.operators:
                return await self._hand_on(transaction, arrival)
            if not self._parts.ready():
                return replies.NOT_READY
            started = time.perf_counter()  # the loop's own time is cut to milliseconds
            standing = await self._parts.reputation.of(self._peer, transaction, arrival)
            kept = await self._parts.reception.accept(
                transaction, self._peer, self._with(transaction), arrival, standing
            )
        except Refusal as refusal:
            return refusal.reply
        except StoreFull as error:
            log.deferred(str(error), self._peer.address, agencies)
            return replies.NO_ROOM
        except BusError as error:
            log.deferred(str(error), self._peer.address, agencies)
            return replies.TRY_LATER
        except Exception:  # noqa: BLE001 - every internal fault is 451, never 5xx (invariant 1)
            log.failed(self._peer.address)
            return replies.TRY_LATER
        self._count(kept, transaction, time.perf_counter() - started)
        mails = ", ".join(event.mail for event in kept.events[:NAMED_MAILS])
        return replies.KEPT.saying(f"Kept as {mails}")

    async def _hand_on(self, transaction: Transaction, arrival: Arrival) -> Reply:
        """What is not stored: what the domain's next hop, or the operator's server, says of it is our answer."""
        protocol = self._with(transaction)

        def wanted() -> bool:
            return not self._lost

        if transaction.passage is not None:
            reply = await transaction.passage.hand_over(arrival, protocol, wanted)
        else:
            assert self._parts.postmaster is not None
            reply = await self._parts.postmaster.hand_over(transaction, self._peer, protocol, arrival, wanted)
        log.handed_on(arrival.seen, reply.name, wanted())
        if reply.good:
            to = [*transaction.passed, *transaction.operators]
            called = arrival.message_id
            self._parts.traffic.note(
                self._peer, transaction.sender, to, "data", reply.sentence, arrival.seen, message_id=called
            )
        return reply

    def _count(self, kept: Kept, transaction: Transaction, seconds: float) -> None:
        first = kept.events[0]
        metrics.LETTERS.inc()
        metrics.EVENTS.inc(len(kept.events))
        metrics.LETTER_BYTES.observe(first.size)
        metrics.COMMIT.observe(seconds)
        for label in first.labels:
            metrics.ODD.labels(label).inc()
        mails = [event.mail for event in kept.events]
        log.kept(mails, first.size, seconds, str(kept.position), not self._lost)
        named = [recipient.address for event in kept.events for recipient in event.recipients]
        called = first.lines.message_id
        self._parts.traffic.note(
            self._peer, transaction.sender, named, "data", replies.KEPT.sentence, first.size, mails, called
        )

    async def smtp_RSET(self, argument: str) -> None:
        """RFC 5321 section 4.1.1.5."""
        if argument:
            self._say(replies.BAD_ARGUMENT)
            return
        self._reset_transaction()
        self._say(replies.OK)

    async def smtp_NOOP(self, argument: str) -> None:
        """RFC 5321 section 4.1.1.9."""
        self._say(replies.OK)

    async def smtp_VRFY(self, argument: str) -> None:
        """RFC 5321 section 3.5.3: allowed to say nothing."""
        self._say(replies.CANNOT_VERIFY if argument else replies.BAD_ARGUMENT)

    async def smtp_HELP(self, argument: str) -> None:
        """RFC 5321 section 4.1.1.8."""
        self._say(replies.HELP)

    async def smtp_QUIT(self, argument: str) -> None:
        """RFC 5321 section 4.1.1.10."""
        if argument:
            self._say(replies.BAD_ARGUMENT)
            return
        raise Over(replies.BYE)

    async def smtp_STARTTLS(self, argument: str) -> None:
        """RFC 3207. What was sent in clear behind the command would otherwise be taken as said under TLS."""
        certificate = self._parts.certificate
        if certificate is None or self._peer.tls:
            self._say(replies.BAD_ORDER if self._peer.tls else replies.NOT_OFFERED)
            return
        if argument:
            self._say(replies.BAD_ARGUMENT)
            return
        if self._input:
            self._input.clear()
            raise Over(replies.INJECTED)
        self._reset_transaction()
        await self._begin_tls(certificate.context())

    # --- the transaction ----------------------------------------------------------------------------------------------

    def _addressed(self, argument: str, keyword: str) -> Addressed | None:
        """The address behind FROM: or TO:, and its parameters; None for what is no address."""
        if argument[: len(keyword)].upper() != keyword:
            raise ParameterError(replies.BAD_ARGUMENT)
        rest = argument[len(keyword) :].strip(" ")
        given = addresses.common(rest)
        if given is None and (">" in rest if rest.startswith("<") else "@" in rest):
            try:
                address, words = self._getaddr(rest)
            except Exception:  # noqa: BLE001 - the standard library's parser fails in many ways on hostile input
                return None
            if address and addresses.said(rest, address):  # the parser also mends what is no address
                given = Addressed(address, words or "")
        return given if given is not None and addresses.acceptable(given.address) else None

    def _with(self, transaction: Transaction) -> Protocol:
        if not self._extended:
            return "SMTP"
        if transaction.utf8:
            return "UTF8SMTPS" if self._peer.tls else "UTF8SMTP"
        return "ESMTPS" if self._peer.tls else "ESMTP"

    async def _refuse(self, transaction: Transaction, address: str, verdict: Refused) -> None:
        transaction.deferred |= verdict.reply.code < 500
        log.refused(verdict.reply.name, "rcpt", verdict.agency)
        self._parts.traffic.note(self._peer, transaction.sender, (address,), "rcpt", verdict.reply.sentence)
        if verdict.agency is not None:
            self._knocks.setdefault((verdict.agency, verdict.reply), []).append(address)
        self._say(verdict.reply)
        if verdict.reply.name in replies.GUESSES:
            self._guesses += 1
            if self._guesses > self._parts.settings.guesses and not self._peer.trusted:
                metrics.GUESSES.inc()
                await self._linger(self._parts.settings.guess_seconds)

    def _note(self, transaction: Transaction, reply: Reply, arrival: Arrival | None) -> None:
        """Note a letter that was refused or deferred, for each agency it was for."""
        size, called = (arrival.seen, arrival.message_id) if arrival is not None else (0, "")
        named = [address for addressee in transaction.addressees.values() for address in addressee.recipients]
        log.refused(reply.name, "data", next(iter(transaction.addressees), None))
        others = [*transaction.operators, *transaction.passed]
        self._parts.traffic.note(
            self._peer, transaction.sender, named or others, "data", reply.sentence, size, message_id=called
        )
        for agency, addressee in transaction.addressees.items():
            to = list(addressee.recipients)
            self._parts.attempts.note(agency, self._peer, transaction.sender, to, "data", reply, size, called)

    def _note_knocks(self) -> None:
        """Note the recipients of this transaction that were not taken, one attempt for each agency and reply."""
        sender = self._transaction.sender if self._transaction is not None else ""
        for (agency, reply), to in self._knocks.items():
            self._parts.attempts.note(agency, self._peer, sender, to, "rcpt", reply)
        self._knocks.clear()

    def _forget(self, reply: Reply | None) -> None:
        transaction = self._transaction
        if transaction is not None and transaction.chunks is not None and reply is not None and not reply.good:
            self._note(transaction, reply, transaction.chunks)  # ended between two chunks of a letter
        self._reset_transaction()

    def _reset_transaction(self) -> None:
        self._note_knocks()
        transaction, self._transaction = self._transaction, None
        self._letter_until = math.inf
        if transaction is not None:
            if transaction.chunks is not None:
                transaction.chunks.release()
            transaction.leave()


_COMMANDS: Final[dict[bytes, Callable[[SmtpSession, str], Awaitable[None]]]] = {
    b"HELO": SmtpSession.smtp_HELO,
    b"EHLO": SmtpSession.smtp_EHLO,
    b"MAIL": SmtpSession.smtp_MAIL,
    b"RCPT": SmtpSession.smtp_RCPT,
    b"DATA": SmtpSession.smtp_DATA,
    b"BDAT": SmtpSession.smtp_BDAT,
    b"RSET": SmtpSession.smtp_RSET,
    b"NOOP": SmtpSession.smtp_NOOP,
    b"VRFY": SmtpSession.smtp_VRFY,
    b"HELP": SmtpSession.smtp_HELP,
    b"QUIT": SmtpSession.smtp_QUIT,
    b"STARTTLS": SmtpSession.smtp_STARTTLS,
}
