"""Mode shared: recipients that are not ours are passed to the domain's next hop, inside the sender's session.

Nothing is stored here. The next hop's replies are our replies; the sender keeps the letter until the next hop has
taken it (invariant 9).
"""

from typing import Protocol

from contracts.directory import NextHop
from contracts.mail import Peer
from services.ingest.arrival import Arrival
from services.ingest.replies import Reply


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


class Passage:
    """One transaction at the next hop."""

    async def recipient(self, address: str, notify: str, orcpt: str) -> Reply:
        """Ask for a recipient; its reply, good or not. Raises Declined where the next hop is gone."""
        raise NotImplementedError

    async def hand_over(self, arrival: Arrival, protocol: str) -> Reply:
        """Hand a whole letter over, with a Received field before it, and say what the next hop said."""
        raise NotImplementedError

    def close(self) -> None:
        """End the session there, whatever was under way."""


class NextHops:
    """Opens passages."""

    def __init__(self, hostname: str, seconds: float) -> None:
        self._hostname = hostname
        self._seconds = seconds

    async def open(self, next_hop: NextHop, peer: Peer, envelope: Envelope) -> Passage:
        """Connect, say who the peer is, and say MAIL. Raises Declined."""
        raise NotImplementedError
