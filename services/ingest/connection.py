"""One connection on the wire: octets in, lines and letters out of them, replies out, deadlines. It knows no command.

An aiosmtpd session whose reading and writing are our own, for measured reasons: aiosmtpd reads DATA line by line
(1 MiB: 25 letters a second here, in whole chunks several hundred) and waits for the socket after each reply. Private
names of aiosmtpd are used in this file and in `protocol.py` only: here `_handle_client` (its command loop, replaced)
and `_reset_timeout` (its idle timer, replaced by deadlines that a peer cannot push back).
"""

import asyncio
import math
import ssl
from typing import Final, cast

from aiosmtpd.smtp import SMTP

from contracts import mail
from services.ingest import log, metrics, networks, proxy_header, replies
from services.ingest.arrival import Arrival
from services.ingest.parts import Parts
from services.ingest.replies import Reply

LINE_OCTETS: Final = 4_096
"""A command line: RFC 5321 asks for 512, DSN and SMTPUTF8 for some more."""

INPUT_OCTETS: Final = 65_536
"""Commands that a peer may send ahead of our replies; beyond it we stop reading."""

BURST_OCTETS: Final = 131_072
"""Of a letter, at one go. libuv reads a busy socket up to 32 times before it looks at another: 8 MB, 50 ms."""

PROXY_SECONDS: Final = 10.0
"""For a load balancer to say who its client is; it sends that with the connection."""
HANDSHAKE_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 10.0
"""A peer that does not read our last reply is dropped."""


class Over(Exception):  # noqa: N818 - no error: the session has come to its end
    """The session is over; with a last reply, if the peer can still hear it."""

    def __init__(self, reply: Reply | None = None) -> None:
        super().__init__(reply.name if reply else "gone")
        self.reply = reply


class Connection(SMTP):
    """What `SmtpSession` says and hears."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(None, hostname=parts.hostname, enable_SMTPUTF8=True, loop=loop)
        self._parts = parts
        self._deadline: float | None = loop.time() + parts.settings.command_seconds
        """When the peer has been too slow, in the loop's time; None while it waits for us."""
        self._letter_until = math.inf
        """Until when a letter that comes in chunks has to be there: commands between them do not push that back."""
        self._idle = 0.0
        """Since when a command is waited for; 0 while none is."""
        self._wire = asyncio.Transport()
        self._input = bytearray()
        self._output: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._arrival: Arrival | None = None
        self._peer = mail.Peer(address="")
        self._place: str | None = None
        # Not on aiosmtpd's session object: STARTTLS rebuilds that, and the peer would get a fresh budget of errors.
        self._errors = 0
        self._broken = False
        self._burst = 0
        self._overlong = False
        self._paused = False
        self._choked = False
        self._draining = False
        self._cut = False
        self._expired = False
        self._finished = False
        self._lost = False
        self._ended = False

    def __dir__(self) -> list[str]:
        """Nothing: aiosmtpd's constructor would look through it for commands and AUTH: 70 microseconds a session."""
        return []

    # --- what the loop calls ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer is there."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class
        name = transport.get_extra_info("peername") or ("",)
        self._meet(str(networks.parsed(str(name[0])) or name[0]))
        self._parts.sessions.add(self)
        super().connection_made(transport)  # begins _handle_client

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone. Nothing is cancelled: a letter that is being stored is stored to its end."""
        self._finished = self._lost = True
        self._parts.sessions.remove(self)
        if self._place is not None:
            self._parts.sessions.leave(self._place)
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

    # --- what `Sessions` calls ----------------------------------------------------------------------------------------

    def late(self, now: float) -> bool:
        """Whether the peer has been too slow: with a command, with a letter as a whole, or octet by octet."""
        if self._deadline is None:
            return False
        arrival, settings = self._arrival, self._parts.settings
        if arrival is not None:
            slow = now - arrival.began - settings.data_grace_seconds
            return self._deadline <= now or (slow > 0 and arrival.seen < settings.data_rate * slow)
        crowded = self._idle and self._parts.sessions.crowded
        return self._deadline <= now or bool(crowded and now - self._idle > settings.crowded_seconds)

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

    def cut(self) -> None:
        """The time to drain is up: end with a word, also in the middle of a letter."""
        self._cut = True
        self._wake()

    def abort(self) -> None:
        """End now."""
        self._wire.abort()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's idle timer is pushed back by every command and does not cover DATA; see `_deadline`."""

    # --- the session's beginning and end ------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            await self._introduce()
            await self._serve()
        except Over as over:
            self._leave(over.reply)
        except Exception:  # noqa: BLE001 - a session must never end in silence, whatever is broken
            log.failed(self._peer.address)
            self._leave(replies.TRY_LATER)

    async def _serve(self) -> None:
        """Greet, hear and answer until Over is raised."""
        raise NotImplementedError

    async def _introduce(self) -> None:
        """Know who the peer is, and whether it may have one more session."""
        if not self._peer.address:
            raise Over  # it reset the connection before anybody could look: nothing is taken from nobody
        settings = self._parts.settings
        if settings.proxy_networks and networks.contains(settings.proxy_networks, self._peer.address):
            await self._be_introduced()
        if self._peer.trusted:
            return
        self._place = self._parts.sessions.enter(self._peer.address)
        if self._place is None:
            raise Over(replies.TOO_MANY_FROM_YOU)
        if self._lost:  # before it was counted
            self._parts.sessions.leave(self._place)

    async def _be_introduced(self) -> None:
        self._deadline = self.loop.time() + PROXY_SECONDS
        while True:
            try:
                said = proxy_header.read(self._input)
            except proxy_header.MalformedError as error:
                metrics.PROXY_HEADERS.labels("malformed").inc()
                log.proxy_header_malformed(self._peer.address, str(error))
                raise Over from None  # section 2 of its text: without a word
            if said is not None:
                break
            if self._finished:
                raise Over
            await self._wait()
        del self._input[: said.octets]
        metrics.PROXY_HEADERS.labels("read" if said.address else "local").inc()
        if said.address:
            self._meet(said.address)

    def _meet(self, address: str) -> None:
        trusted = networks.contains(self._parts.settings.trusted_networks, address)
        self._peer = mail.Peer(address=address, trusted=trusted)

    def _leave(self, reply: Reply | None) -> None:
        if reply is not None:
            self._say(reply)
            if not reply.good:
                log.session_ended(self._peer.address, reply.name)
        self._forget(reply)
        self._flush()
        self._ended = True
        self._deadline = self.loop.time() + LINGER_SECONDS
        self._wire.close()

    def _forget(self, reply: Reply | None) -> None:
        """What is to be done with the transaction when the session ends, with this last reply."""
        raise NotImplementedError

    # --- hearing ------------------------------------------------------------------------------------------------------

    async def _line(self) -> bytes | None:
        """The next command line with its end; None for one that was too long."""
        self._deadline = min(self.loop.time() + self._parts.settings.command_seconds, self._letter_until)
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
                self._idle = 0.0
                overlong, self._overlong = self._overlong or end > LINE_OCTETS, False
                return None if overlong else line
            if len(self._input) > LINE_OCTETS:
                self._input.clear()
                self._overlong = True
            if self._finished:
                raise Over
            self._flush()
            self._read_on()
            self._idle = self._idle or self.loop.time()
            await self._wait()

    async def _let_in(self, arrival: Arrival) -> None:
        """Give what comes to a letter until DATA, or the chunk that was announced, ends; raises Over if it does not."""
        self._flush()
        self._deadline = arrival.began + self._parts.settings.data_seconds
        self._arrival = arrival
        try:
            ahead = bytes(self._input)  # sent ahead of our reply, or behind BDAT
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
        finally:
            self._arrival = None
        self._deadline = None

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
        if self._cut:
            raise Over(replies.SHUTTING_DOWN)
        if self._lost:
            raise Over

    async def _linger(self, seconds: float) -> None:
        """Let the peer wait for what was said; shorter if the session has to end."""
        self._deadline = None
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self._wake()

        # Not by the clock: a timer may fire a fraction early, and what was waited for then would never come.
        timer = self.loop.call_later(seconds, end)
        try:
            while not over and not self._draining:
                await self._wait()
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- saying -------------------------------------------------------------------------------------------------------

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

    async def _begin_tls(self, context: ssl.SSLContext) -> None:
        """Say that TLS begins and shake hands; raises Over where that fails."""
        self._wire.pause_reading()  # the handshake's first octets belong to TLS
        self._say(replies.START_TLS)
        self._flush()
        self._deadline = None
        try:
            transport = await self.loop.start_tls(
                self._wire, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
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
