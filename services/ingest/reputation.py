"""What others say of a peer and its letter: DNS block lists, one score of rspamd. Asked where the operator wants it."""

import asyncio
from typing import TYPE_CHECKING, Final

from contracts.mail import Peer, Standing
from services.ingest import header_lines, log
from services.ingest.arrival import Arrival
from services.ingest.header_lines import HEAD_BYTES
from services.ingest.recipients import Ours
from services.ingest.transaction import Transaction
from services.ingest.upstream import hop_before
from services.runtime.settings import Ingest

if TYPE_CHECKING:
    from services.ingest.blocklists import Blocklists
    from services.ingest.rspamd import Rspamd

CLINGING_SECONDS: Final = 0.25


class Reputation:
    """Asks, within one deadline; silence counts as nothing found. Made inside a running loop."""

    def __init__(self, settings: Ingest) -> None:
        """Raises ConfigError where a DNS server of the settings has no address."""
        self._seconds = settings.reputation_seconds
        self._limit = settings.rspamd_score
        self._blocklists = _blocklists(settings)
        self._rspamd = _rspamd(settings)

    def expect(self, peer: Peer, recipient: Ours) -> None:
        """A recipient was taken: what can be asked before the letter is there is asked now, while it comes."""
        if self._blocklists is not None and not peer.trusted and not recipient.upstreams:
            self._blocklists.begin(peer.address)

    async def of(self, peer: Peer, transaction: Transaction, arrival: Arrival) -> Standing | None:
        """Ask about a letter that is wholly there. Never raises: mail flows whatever others say or do not say.

        Peers of trusted networks are not asked about. Behind an agency's own server it is the hop before that counts.
        """
        if peer.trusted or (self._blocklists is None and self._rspamd is None):
            return None
        try:
            return await self._ask(peer, transaction, arrival)
        except Exception:  # noqa: BLE001 - a bug here must not keep a letter out
            log.failed(peer.address)
            return None

    async def close(self) -> None:
        """Let go of connections."""
        if self._blocklists is not None:
            await self._blocklists.close()
        if self._rspamd is not None:
            await self._rspamd.close()

    async def _ask(self, peer: Peer, transaction: Transaction, arrival: Arrival) -> Standing | None:
        address, helo = _judged(peer, transaction, arrival)
        naming = scoring = None
        if self._blocklists is not None and address:
            naming = self._blocklists.begin(address)
        if self._rspamd is not None:
            question = self._rspamd.score(address, helo, peer.tls, transaction, arrival.content)
            scoring = asyncio.create_task(question, name="rspamd")
        asked = {task for task in (naming, scoring) if task is not None}
        try:
            if asked:
                # Each has its own deadline; whichever library clings to its question is left behind.
                await asyncio.wait(asked, timeout=self._seconds + CLINGING_SECONDS)
        finally:
            if scoring is not None:
                scoring.cancel()  # the lists' task goes on: other letters of this peer wait for the same one
        listed = naming.result() if naming is not None and naming.done() else ()
        score = scoring.result() if scoring is not None and scoring.done() and not scoring.cancelled() else None
        if not listed and score is None:
            return None
        return Standing(blocklisted=listed, spam_score=score, spam_limit=None if score is None else self._limit)


def _judged(peer: Peer, transaction: Transaction, arrival: Arrival) -> tuple[str, str]:
    """Whose address and HELO are asked about; empty where an agency's own server does not say whose letter it is."""
    servers = tuple({network: None for one in transaction.addressees.values() for network in one.upstreams})
    if not servers:
        return peer.address, peer.helo
    hop = hop_before(header_lines.read(arrival.content.head(HEAD_BYTES)).received, servers)
    return hop.address, hop.helo


def _blocklists(settings: Ingest) -> "Blocklists | None":
    if not settings.blocklists:
        return None
    from services.ingest.blocklists import Blocklists  # its resolver takes 3 MB, which few ingresses need

    return Blocklists(settings.blocklists, settings.dns_servers, settings.reputation_seconds)


def _rspamd(settings: Ingest) -> "Rspamd | None":
    if not settings.rspamd:
        return None
    from services.ingest.rspamd import Rspamd  # its HTTP client takes 7 MB, which few ingresses need

    return Rspamd(settings.rspamd, settings.rspamd_score, settings.reputation_seconds)
