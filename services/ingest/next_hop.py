"""Mode shared: recipients that are not ours are passed to the domain's next hop, inside the sender's session.

Nothing is stored here. The next hop's replies are our replies; the sender keeps the letter until the next hop has
taken it (invariant 9, decision 0016).
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from itertools import chain
from typing import Final, NamedTuple, Protocol

from prometheus_client import Counter

from contracts.directory import NextHop
from contracts.mail import Peer
from services.ingest import addresses, header_lines, log, proxy_header, replies, trace_field, xclient
from services.ingest.arrival import Arrival
from services.ingest.networks import parsed
from services.ingest.peer_name import PeerNames
from services.ingest.replies import Reply
from services.ingest.smtp_client import Answer, GoneError, SmtpClient

OPEN_SECONDS: Final = 240.0
"""For everything up to the reply to a RCPT: the sender waits five minutes for it (RFC 5321 section 4.5.3.2.3)."""

HAND_OVER_SECONDS: Final = 570.0
"""For a letter and its reply: the sender waits ten minutes for that (section 4.5.3.2.6)."""

FINAL: Final = 5
"""So many times the deadline of a command for the final reply: to give up there may double the letter (RFC 1047)."""

TRACE_OCTETS: Final = 512
"""A letter becomes so much longer by our Received field, for SIZE."""

TEXT_OCTETS: Final = 400

NOT_ABOUT_THE_PEER: Final = frozenset({500, 502, 503, 504, 530, 535, 538, 555})
"""Refusals of how we speak (a command, TLS, a password): to be mended by people, and no reason to bounce a letter."""

_PATH: Final = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"|[^\s<>"(),:;@\\]+)@(?:[^\s<>"()\[\],:;@\\]+|\[[0-9A-Za-z.:-]+\])""", re.DOTALL
)
_HELO: Final = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Za-z.:]+\]")


class Envelope(Protocol):
    """What of a transaction the next hop is told."""

    @property
    def sender(self) -> str: ...  # noqa: D102 - services/ingest/transaction.py says it
    @property
    def size(self) -> int: ...  # noqa: D102 - services/ingest/transaction.py says it
    @property
    def eight_bit(self) -> bool: ...  # noqa: D102 - services/ingest/transaction.py says it
    @property
    def utf8(self) -> bool: ...  # noqa: D102 - services/ingest/transaction.py says it
    @property
    def ret(self) -> str: ...  # noqa: D102 - services/ingest/transaction.py says it
    @property
    def envid(self) -> str: ...  # noqa: D102 - services/ingest/transaction.py says it


class Declined(Exception):  # noqa: N818 - an answer, no fault
    """The next hop did not take it; `reply` is what the peer is told: its own words, or 451 where there are none."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.sentence)
        self.reply = reply


class _Taken(NamedTuple):
    """A recipient that the next hop took."""

    address: str
    notify: str
    orcpt: str


class Passage:
    """One transaction at the next hop."""

    def __init__(self, next_hops: "NextHops", next_hop: NextHop, peer: Peer, envelope: Envelope) -> None:
        self._next_hops = next_hops
        self._next_hop = next_hop
        self._peer = peer
        self._envelope = envelope
        self._client: SmtpClient | None = None
        self._taken: list[_Taken] = []

    async def open(self) -> None:
        """Connect, say who the peer is, and say MAIL. Raises Declined."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._client = await self._next_hops.session(self._next_hop, self._peer)
                said = await self._client.ask(self._mail(self._client.extensions))
            _expect_good(said)
        except (GoneError, TimeoutError) as error:
            raise self._away(error) from None
        except Declined:
            self.close()
            raise

    async def recipient(self, address: str, notify: str, orcpt: str) -> Reply:
        """Ask for a recipient; its reply, good or not. Raises Declined where the next hop is gone."""
        client = self._client
        assert client is not None, "a passage is opened first"
        if not _PATH.fullmatch(address):
            return replies.BAD_RECIPIENT
        if not address.isascii() and "SMTPUTF8" not in client.extensions:
            return replies.NEXT_HOP_NO_UTF8
        recipient = _Taken(address, notify, orcpt)
        try:
            reply = _told(await client.ask(self._rcpt(client.extensions, recipient)))
        except GoneError as error:
            raise self._away(error) from None
        if reply.good:
            self._taken.append(recipient)
        return reply

    async def hand_over(
        self, arrival: Arrival, protocol: str, wanted: Callable[[], bool] = lambda: True, to: str = ""
    ) -> Reply:
        """Hand a whole letter over, with a Received field before it, and say what the next hop said.

        `wanted`: whether the peer still waits for the answer; a letter whose sender is gone is not finished there,
        since the sender comes again. `to` is what the Received field names; else it names the recipient, if it is one.
        """
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                reply = await self._hand_over(arrival, protocol, wanted, to)
        except Declined as declined:
            reply = declined.reply
        except (GoneError, TimeoutError) as error:
            # After the final octet nobody knows whether it was taken: the sender comes again, and the letter may be
            # there twice (RFC 1047). The other answer would lose it.
            reply = self._away(error).reply
        self._next_hops.count(reply)
        return reply

    async def _hand_over(self, arrival: Arrival, protocol: str, wanted: Callable[[], bool], to: str) -> Reply:
        content, stamp = arrival.content, arrival.stamp
        assert stamp is not None, "only a letter that has ended is handed over"
        head = content.head(header_lines.HEAD_BYTES)
        section = header_lines.read(head)
        if len(section.received) > self._next_hops.hops:
            return replies.LOOP
        if self._client is None or not self._client.quiet:
            await self._again()
        client = self._client
        assert client is not None, "it was opened again"
        if self._envelope.utf8 and "SMTPUTF8" not in client.extensions and not head[: section.body].isascii():
            return replies.NEXT_HOP_NO_UTF8
        to = to or (self._taken[0].address if len(self._taken) == 1 else "")
        trace = trace_field.received(self._peer, self._next_hops.hostname, protocol, to, stamp.utc_ns)
        pieces = chain((trace,), content.pieces())
        said = await client.hand_over(len(trace) + content.size, pieces, wanted, self._next_hops.final_seconds)
        return _told(said)

    async def _again(self) -> None:
        """The next hop has closed while a slow peer sent its letter: begin anew, as far as we had come."""
        self.close()
        await self.open()
        assert self._client is not None, "open leaves one"
        for recipient in self._taken:
            said = await self._client.ask(self._rcpt(self._client.extensions, recipient))
            if said.code // 100 != 2:
                raise GoneError(f"took a recipient before and now answers {said.code} {said.text}")

    def close(self) -> None:
        """End the session there, whatever was under way."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _away(self, error: Exception) -> Declined:
        log.next_hop_away(f"{self._next_hop.host}:{self._next_hop.port}", str(error) or "was too slow altogether")
        self.close()
        return Declined(replies.NEXT_HOP_AWAY)

    def _mail(self, offered: dict[str, str]) -> str:
        envelope = self._envelope
        if envelope.sender and not _PATH.fullmatch(envelope.sender):
            raise Declined(replies.BAD_SENDER)
        utf8 = envelope.utf8 and "SMTPUTF8" in offered
        if not envelope.sender.isascii() and not utf8:
            raise Declined(replies.NEXT_HOP_NO_UTF8)
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if envelope.size and "SIZE" in offered:
            words.append(f"SIZE={envelope.size + TRACE_OCTETS}")
        if (envelope.eight_bit or utf8) and "8BITMIME" in offered:
            words.append("BODY=8BITMIME")
        if utf8:
            words.append("SMTPUTF8")
        if "DSN" in offered:
            words += [f"RET={envelope.ret}"] * bool(envelope.ret) + [f"ENVID={envelope.envid}"] * bool(envelope.envid)
        return " ".join(words)

    def _rcpt(self, offered: dict[str, str], recipient: _Taken) -> str:
        words = [f"RCPT TO:<{recipient.address}>"]
        if "DSN" in offered:
            # As written, so it may be anything; what is no word of a command is left out.
            sayable = addresses.acceptable(recipient.orcpt) and (recipient.orcpt.isascii() or "SMTPUTF8" in offered)
            words += [f"NOTIFY={recipient.notify}"] * bool(recipient.notify)
            words += [f"ORCPT={recipient.orcpt}"] * bool(recipient.orcpt and sayable)
        return " ".join(words)


class NextHops:
    """Opens passages; knows how a next hop is spoken to."""

    def __init__(
        self, hostname: str, seconds: float, authorities: str, names: PeerNames, outcomes: Counter, hops: int
    ) -> None:
        """`authorities` is a PEM file; empty: the host's. Raises OSError where it cannot be read."""
        self.hostname = hostname
        self.hops = hops
        """Received fields that a letter may have."""
        self.final_seconds = min(HAND_OVER_SECONDS, FINAL * seconds)
        self._seconds = seconds
        self._outcomes = outcomes
        self._names = names
        # The host's take 30 ms and some MB to read; an ingress without a next hop need not hold them.
        self._context = ssl.create_default_context(cafile=authorities) if authorities else None

    async def open(self, next_hop: NextHop, peer: Peer, envelope: Envelope) -> Passage:
        """Connect, say who the peer is, and say MAIL. Raises Declined."""
        passage = Passage(self, next_hop, peer, envelope)
        await passage.open()
        return passage

    def count(self, reply: Reply) -> None:
        """A letter was answered."""
        self._outcomes.labels("taken" if reply.good else "refused" if reply.code >= 500 else "deferred").inc()

    async def session(self, next_hop: NextHop, peer: Peer) -> SmtpClient:
        """A connection on which MAIL may be said, as the peer where the next hop takes that.

        Raises GoneError, and Declined where it is the peer that the next hop does not want.
        """
        client = await SmtpClient.connect(next_hop.host, next_hop.port, self._seconds)
        try:
            await self._greet(client, next_hop, peer)
        except BaseException:
            client.abort()
            raise
        return client

    async def _greet(self, client: SmtpClient, next_hop: NextHop, peer: Peer) -> None:
        known = next_hop.client == "proxy"
        name = _helo(peer) if known else self.hostname
        if known:
            client.say(proxy_header.written(peer.address, client.place))
        if next_hop.tls == "implicit":
            await client.begin_tls(await self._tls(), next_hop.host)
        _expect(await client.answer(), 220, about_the_peer=known)
        _expect(await client.hello(name), 250, about_the_peer=known)
        if client.name.lower() == self.hostname.lower():
            raise GoneError("is this very server; next_hop in the directory is wrong")
        if next_hop.tls == "starttls":
            if "STARTTLS" not in client.extensions:
                raise GoneError("does not offer STARTTLS, which the directory asks for")
            _expect(await client.ask("STARTTLS"), 220)
            await client.begin_tls(await self._tls(), next_hop.host)
            _expect(await client.hello(name), 250, about_the_peer=known)
        if next_hop.client == "xclient":
            await self._introduce(client, next_hop, peer)

    async def _introduce(self, client: SmtpClient, next_hop: NextHop, peer: Peer) -> None:
        offered = client.extensions.get("XCLIENT")
        if offered is None:
            log.next_hop_without_xclient(f"{next_hop.host}:{next_hop.port}")
            return
        name = await self._names.of(peer.address) if "NAME" in offered.upper().split() else ""
        _expect(await client.ask(xclient.command(offered, peer, name)), 220, about_the_peer=True)
        _expect(await client.hello(_helo(peer)), 250, about_the_peer=True)

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        return self._context


def _helo(peer: Peer) -> str:
    """What the peer called itself, where that can be said; else its address."""
    if _HELO.fullmatch(peer.helo):
        return peer.helo
    place = parsed(peer.address)
    return f"[IPv6:{peer.address}]" if place is not None and place.version == 6 else f"[{peer.address}]"


def _expect(said: Answer, code: int, *, about_the_peer: bool = False) -> None:
    """Raise GoneError unless it is this code; Declined where it is the peer that the next hop does not want."""
    if said.code == code:
        return
    if about_the_peer and said.code >= 400:
        raise Declined(_told(said))
    raise GoneError(f"answered {said.code} {said.text}")


def _expect_good(said: Answer) -> None:
    reply = _told(said)
    if not reply.good:
        raise Declined(reply)


def _told(said: Answer) -> Reply:
    """The next hop's reply as ours. Raises GoneError for what is no answer to the peer."""
    kind = said.code // 100
    if kind == 3 or said.code in NOT_ABOUT_THE_PEER:
        raise GoneError(f"answered {said.code} {said.text}")
    name = {2: replies.NEXT_HOP, 4: replies.NEXT_HOP_DEFERRED, 5: replies.NEXT_HOP_REFUSED}[kind].name
    code = 451 if said.code == 421 else said.code  # 421 would close our own session
    status = said.status if said.status.startswith(f"{kind}.") else f"{kind}.0.0"
    return Reply(name, code, status, said.text[:TEXT_OCTETS] or "Said without a word")
