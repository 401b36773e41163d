"""The SMTP session: commands in, replies out. What a reply means is decided elsewhere; this file is about the wire.

An aiosmtpd session whose reading and writing are our own, for measured reasons: aiosmtpd reads DATA line by line
(1 MiB: 25 letters a second here, in whole chunks several hundred), parses every address with the mail parser of the
standard library (45 microseconds), and waits for the socket after each reply. Private names of aiosmtpd are used in
this file only: `_handle_client` (its command loop, replaced), `_getaddr` (its address parser, for uncommon forms),
`_reset_timeout` (its idle timer, replaced by deadlines that a peer cannot push back).
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast

from aiosmtpd.smtp import SMTP
from msgspec import Struct

from contracts import mail
from contracts.mail import Recipient
from contracts.streams import BATCH_MESSAGES
from contracts.values import UNASSIGNED, AgencyId
from services.ingest import addresses, log, metrics, networks, parameters, recipients, replies
from services.ingest.addresses import Addressed
from services.ingest.admission import Flight
from services.ingest.arrival import Arrival
from services.ingest.attempts import Attempts
from services.ingest.certificate import Certificate
from services.ingest.mailroom import Mailroom
from services.ingest.parameters import ParameterError
from services.ingest.reception import Kept, Protocol, Reception
from services.ingest.recipients import Operators, Ours, Recipients, Refused
from services.ingest.replies import Reply
from services.ingest.sessions import Sessions
from services.ingest.transaction import Addressee, Transaction
from services.runtime.clock import Clock
from services.runtime.errors import BusError, StoreFull
from services.runtime.settings import Ingest

if TYPE_CHECKING:
    from services.ingest.postmaster import Postmaster

LINE_OCTETS: Final = 4_096
"""A command line: RFC 5321 asks for 512, DSN and SMTPUTF8 for some more."""

INPUT_OCTETS: Final = 65_536
"""Commands that a peer may send ahead of our replies; beyond it we stop reading."""

BURST_OCTETS: Final = 131_072
"""Of a letter, at one go. libuv reads a busy socket up to 32 times before it looks at another: 8 MB, 50 ms."""

HANDSHAKE_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 10.0
"""A peer that does not read our last reply is dropped."""

HELO_OCTETS: Final = 255
NAMED_MAILS: Final = 5

NOT_OFFERED: Final = frozenset(
    {b"AUTH", b"BDAT", b"BURL", b"ETRN", b"EXPN", b"SAML", b"SEND", b"SOML", b"TURN", b"XCLIENT", b"XFORWARD"}
)


class Parts(Struct, frozen=True, kw_only=True):
    """What all sessions of a process share; app.py builds it."""

    settings: Ingest
    hostname: str
    clock: Clock
    recipients: Recipients
    reception: Reception
    mailroom: Mailroom
    flight: Flight
    sessions: Sessions
    attempts: Attempts
    certificate: Certificate | None
    postmaster: "Postmaster | None"  # it brings an SMTP client, which an ingress without it need not hold in memory
    ready: Callable[[], bool]


class Over(Exception):  # noqa: N818 - no error: the session has come to its end
    """The session is over; with a last reply, if the peer can still hear it."""

    def __init__(self, reply: Reply | None = None) -> None:
        super().__init__(reply.name if reply else "gone")
        self.reply = reply


class SmtpSession(SMTP):
    """One connection."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(None, hostname=parts.hostname, enable_SMTPUTF8=True, loop=loop)
        self.deadline: float | None = loop.time() + parts.settings.command_seconds
        self._parts = parts
        self._wire = asyncio.Transport()
        self._input = bytearray()
        self._output: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._arrival: Arrival | None = None
        self._transaction: Transaction | None = None
        self._knocks: dict[tuple[AgencyId, Reply], list[str]] = {}
        self._peer = mail.Peer(address="")
        self._extended = False
        # Not on aiosmtpd's session object: STARTTLS rebuilds that, and the peer would get a fresh budget of errors.
        self._errors = 0
        self._broken = False
        self._burst = 0
        self._overlong = False
        self._paused = False
        self._choked = False
        self._draining = False
        self._expired = False
        self._finished = False
        self._lost = False
        self._ended = False

    def __dir__(self) -> list[str]:
        """Nothing: aiosmtpd's constructor would look through it for commands and AUTH: 70 microseconds a session."""
        return []

    # --- the connection -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer is there."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class
        name = transport.get_extra_info("peername") or ("",)
        address = str(networks.parsed(str(name[0])) or name[0])
        trusted = networks.contains(self._parts.settings.trusted_networks, address)
        self._peer = mail.Peer(address=address, trusted=trusted)
        self._parts.sessions.add(self)
        super().connection_made(transport)  # begins _handle_client

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone. Nothing is cancelled: a letter that is being stored is stored to its end."""
        self._finished = self._lost = True
        self._parts.sessions.remove(self)
        super(SMTP, self).connection_lost(error)
        self._wake()

    def eof_received(self) -> bool:
        """The peer sends no more; what it has sent is still answered, where the transport can."""
        self._finished = True
        self._wake()
        return not self._peer.tls

    def data_received(self, data: bytes) -> None:
        """Octets of a letter go to it at once; commands wait until the session looks at them."""
        if self._arrival is not None:
            try:
                rest = self._arrival.feed(data)
            except Exception:  # noqa: BLE001 - raised into the event loop it would end the session without a word
                log.failed(self._peer.address)
                self._broken = True
                self._wake()
                return
            if rest is None:
                self._burst += len(data)
                if self._burst >= BURST_OCTETS:
                    self._burst = 0
                    self._wire.pause_reading()
                    self.loop.call_soon(self._go_on)
                if self._arrival.endless:
                    self._wake()
                return
            self._arrival = None
            data = rest
        self._input += data
        if len(self._input) > INPUT_OCTETS and not self._paused:
            self._paused = True
            self._wire.pause_reading()
        self._wake()

    def _go_on(self) -> None:
        if not self._paused and not self._wire.is_closing():
            self._wire.resume_reading()

    def pause_writing(self) -> None:
        """The peer does not read; it gets no further reply until it does."""
        self._choked = True

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._choked = False
        self._wake()

    def expire(self) -> None:
        """The peer was too slow."""
        if self._ended:
            self._wire.abort()
        self._expired = True
        self._wake()

    def drain(self) -> None:
        """End as soon as no letter is in the middle."""
        self._draining = True
        self._wake()

    def abort(self) -> None:
        """End now."""
        self._wire.abort()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's idle timer is pushed back by every command and does not cover DATA; see `deadline`."""

    # --- the command loop ---------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        self._say(replies.GREETING.saying(f"{self._parts.hostname} ESMTP saraban"))
        try:
            while True:
                await self._obey(await self._line())
                if self._errors > self._parts.settings.errors:
                    raise Over(replies.TOO_MANY_ERRORS)  # noqa: TRY301 - one way out of the loop
        except Over as over:
            self._leave(over.reply)
        except Exception:  # noqa: BLE001 - a session must never end in silence, whatever is broken
            log.failed(self._peer.address)
            self._leave(replies.TRY_LATER)

    async def _obey(self, line: bytes | None) -> None:
        if line is None:
            self._say(replies.LINE_TOO_LONG)
            return
        if not line.endswith(b"\r\n"):
            self._say(replies.BARE_LINE_END)
            return
        verb, _, argument = line[:-2].partition(b" ")
        verb = verb.upper()
        command = _COMMANDS.get(verb)
        if command is None:
            self._say(replies.NOT_OFFERED if verb in NOT_OFFERED else replies.UNKNOWN_COMMAND)
            return
        try:
            await command(self, argument.strip().decode("utf-8", "surrogateescape"))
        except ParameterError as error:
            self._say(error.reply)

    async def _line(self) -> bytes | None:
        """The next command line with its end; None for one that was too long."""
        self.deadline = self.loop.time() + self._parts.settings.command_seconds
        while True:
            if self._draining:
                raise Over(replies.SHUTTING_DOWN)
            if self._choked:
                await self._wait()
                continue
            end = self._input.find(b"\n") + 1
            if end:
                line = bytes(self._input[:end])
                del self._input[:end]
                overlong, self._overlong = self._overlong or end > LINE_OCTETS, False
                return None if overlong else line
            if len(self._input) > LINE_OCTETS:
                self._input.clear()
                self._overlong = True
            if self._finished:
                raise Over
            self._flush()
            self._read_on()
            await self._wait()

    def _read_on(self) -> None:
        """Look at the socket again, if we stopped because too much was waiting."""
        if self._paused:
            self._paused = False
            self._wire.resume_reading()

    async def _wait(self) -> None:
        """Wait until something happens; raises Over if it is that the peer was too slow or is gone."""
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._expired:
            raise Over(replies.TOO_SLOW)
        if self._lost:
            raise Over

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- replies ------------------------------------------------------------------------------------------------------

    def _say(self, reply: Reply) -> None:
        """Reply; what is said together with other replies goes out in one write (RFC 2920 section 3.2)."""
        self._output.append(reply.line)
        if reply.code >= 400:
            metrics.REFUSED.labels(reply.name).inc()
            if reply.code >= 500:
                self._errors += 1

    def _flush(self) -> None:
        if self._output and not self._wire.is_closing():
            self._wire.write(b"".join(self._output))
        self._output.clear()

    def _leave(self, reply: Reply | None) -> None:
        if reply is not None:
            self._say(reply)
            if not reply.good:
                log.session_ended(self._peer.address, reply.name)
        self._note_knocks()
        self._flush()
        self._ended = True
        self.deadline = self.loop.time() + LINGER_SECONDS
        self._wire.close()

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
        if not given.address.isascii() and not said.utf8:
            self._say(replies.NEEDS_UTF8)
            return
        self._note_knocks()
        if said.size > self._parts.settings.message_bytes:
            self._parts.attempts.note(UNASSIGNED, self._peer, given.address, (), "mail", replies.TOO_LARGE, said.size)
            log.refused(replies.TOO_LARGE.name, "mail", self._peer.address, given.address, ())
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
        if not given.address.isascii() and not transaction.utf8:
            self._say(replies.NEEDS_UTF8)
            return
        verdict = self._judge(transaction, given)
        if isinstance(verdict, Refused):
            self._refuse(transaction, given.address, verdict)
            return
        transaction.recipients += 1
        if isinstance(verdict, Ours):
            addressee = transaction.addressees.setdefault(verdict.agency, Addressee(verdict.upstreams))
            recipient = Recipient(address=given.address, notify=said.notify, orcpt=said.orcpt)
            addressee.recipients.setdefault(given.address, recipient)
        else:
            transaction.operators.append(given.address)
        self._say(replies.RECIPIENT_OK)

    def _judge(self, transaction: Transaction, given: Addressed) -> Ours | Operators | Refused:
        peer = recipients.Peer(self._peer.address, self._peer.trusted)
        verdict = self._parts.recipients.judge(given.local, given.domain, peer)
        if isinstance(verdict, Refused):
            return verdict
        agency = verdict.agency if isinstance(verdict, Ours) else None
        if agency is not None and not self._parts.ready():
            return Refused(replies.NOT_READY, agency)
        if agency is not None and self._parts.mailroom.full:
            return Refused(replies.NO_ROOM, agency)
        mixed = bool(transaction.operators) if agency else bool(transaction.addressees)
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
        transaction = self._transaction
        if transaction is None or argument:
            self._say(replies.BAD_ARGUMENT if argument else replies.BAD_ORDER)
            return
        if not transaction.addressees and not transaction.operators:
            # If somebody was told to come again, no reply of ours may sound final.
            self._say(replies.TRY_LATER if transaction.deferred else replies.NO_RECIPIENTS)
            return
        if not self._parts.flight.has_room(transaction.size):
            self._note(transaction, replies.NO_ROOM, 0)
            self._say(replies.NO_ROOM)
            self._reset_transaction()
            return
        settings = self._parts.settings
        arrival = Arrival(settings.message_bytes, self._parts.flight, self._parts.clock)
        try:
            await self._receive(arrival)
            reply = await self._conclude(transaction, arrival)
        except Over as over:
            if over.reply is not None:
                self._note(transaction, over.reply, arrival.seen)
            raise
        finally:
            self._arrival = None
            arrival.release()
        if not reply.good:
            self._note(transaction, reply, arrival.seen)
        self._say(reply)
        self._reset_transaction()

    async def _receive(self, arrival: Arrival) -> None:
        """Let the letter in; returns at the end of DATA, raises Over if it does not come."""
        self._say(replies.START_DATA)
        self._flush()
        self.deadline = self.loop.time() + self._parts.settings.data_seconds
        self._arrival = arrival
        if self._input:  # sent ahead of our 354
            ahead = bytes(self._input)
            self._input.clear()
            self.data_received(ahead)
        self._read_on()
        while self._arrival is not None:
            if self._finished:
                raise Over
            if arrival.endless:
                raise Over(arrival.refusal)
            if self._broken:
                raise Over(replies.TRY_LATER)
            await self._wait()
        self.deadline = None

    async def _conclude(self, transaction: Transaction, arrival: Arrival) -> Reply:
        """Say what becomes of a letter that is wholly there."""
        if arrival.refusal is not None:
            return arrival.refusal
        agencies = list(transaction.addressees)
        try:
            if transaction.operators:
                assert self._parts.postmaster is not None
                return await self._parts.postmaster.hand_over(transaction, self._peer, arrival)
            if not self._parts.ready():
                return replies.NOT_READY
            started = time.perf_counter()  # the loop's own time is cut to milliseconds
            kept = await self._parts.reception.accept(transaction, self._peer, self._with(transaction), arrival)
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

    def _count(self, kept: Kept, transaction: Transaction, seconds: float) -> None:
        first = kept.events[0]
        metrics.LETTERS.inc()
        metrics.EVENTS.inc(len(kept.events))
        metrics.LETTER_BYTES.observe(first.size)
        metrics.COMMIT.observe(seconds)
        for label in first.labels:
            metrics.ODD.labels(label).inc()
        mails = [event.mail for event in kept.events]
        log.kept(mails, self._peer.address, transaction.sender, first.size, seconds, str(kept.position), not self._lost)

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
        self._wire.pause_reading()  # the handshake's first octets belong to TLS
        self._say(replies.START_TLS)
        self._flush()
        self.deadline = None
        try:
            transport = await self.loop.start_tls(
                self._wire,
                self,
                certificate.context(),
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except (ssl.SSLError, OSError) as error:
            metrics.HANDSHAKES.labels("failed").inc()
            log.handshake_failed(self._peer.address, repr(error))
            raise Over from None
        if transport is None:
            raise Over
        self.transport = self._wire = transport
        # Nothing said before the handshake counts (RFC 3207 section 4.2); the peer's budget of errors does.
        version = transport.get_extra_info("ssl_object").version() or "TLS"
        self._peer = mail.Peer(address=self._peer.address, tls=version, trusted=self._peer.trusted)
        metrics.HANDSHAKES.labels("done").inc()

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
            # It also mends what is no address: what comes out must have been said, quoted or not.
            said = rest if '"' not in rest else rest.replace('"', "") + rest
            given = Addressed(address, words or "") if address and address in said else None
        return given if given is not None and addresses.acceptable(given.address) else None

    def _with(self, transaction: Transaction) -> Protocol:
        if not self._extended:
            return "SMTP"
        if transaction.utf8:
            return "UTF8SMTPS" if self._peer.tls else "UTF8SMTP"
        return "ESMTPS" if self._peer.tls else "ESMTP"

    def _refuse(self, transaction: Transaction, address: str, verdict: Refused) -> None:
        transaction.deferred |= verdict.reply.code < 500
        log.refused(verdict.reply.name, "rcpt", self._peer.address, transaction.sender, (address,))
        if verdict.agency is not None:
            self._knocks.setdefault((verdict.agency, verdict.reply), []).append(address)
        self._say(verdict.reply)

    def _note(self, transaction: Transaction, reply: Reply, size: int) -> None:
        """Note a letter that was refused or deferred, for each agency it was for."""
        named = [address for addressee in transaction.addressees.values() for address in addressee.recipients]
        log.refused(reply.name, "data", self._peer.address, transaction.sender, named or transaction.operators)
        for agency, addressee in transaction.addressees.items():
            to = list(addressee.recipients)
            self._parts.attempts.note(agency, self._peer, transaction.sender, to, "data", reply, size)

    def _note_knocks(self) -> None:
        """Note the recipients of this transaction that were not taken, one attempt for each agency and reply."""
        sender = self._transaction.sender if self._transaction is not None else ""
        for (agency, reply), to in self._knocks.items():
            self._parts.attempts.note(agency, self._peer, sender, to, "rcpt", reply)
        self._knocks.clear()

    def _reset_transaction(self) -> None:
        self._note_knocks()
        self._transaction = None


_COMMANDS: Final[dict[bytes, Callable[[SmtpSession, str], Awaitable[None]]]] = {
    b"HELO": SmtpSession.smtp_HELO,
    b"EHLO": SmtpSession.smtp_EHLO,
    b"MAIL": SmtpSession.smtp_MAIL,
    b"RCPT": SmtpSession.smtp_RCPT,
    b"DATA": SmtpSession.smtp_DATA,
    b"RSET": SmtpSession.smtp_RSET,
    b"NOOP": SmtpSession.smtp_NOOP,
    b"VRFY": SmtpSession.smtp_VRFY,
    b"HELP": SmtpSession.smtp_HELP,
    b"QUIT": SmtpSession.smtp_QUIT,
    b"STARTTLS": SmtpSession.smtp_STARTTLS,
}
