"""postmaster and abuse: handed to the operator's own server inside the sender's session (decision 0010).

Nothing is stored here. The sender keeps the letter until the operator's server has taken it, and gets its answer.
"""

from collections.abc import Callable
from typing import Final

from contracts.directory import NextHop
from contracts.mail import Peer
from services.ingest import log, replies
from services.ingest.arrival import Arrival
from services.ingest.next_hop import Declined, NextHops
from services.ingest.replies import Reply
from services.ingest.transaction import Transaction

HOPS: Final = 29
"""Received fields; more is a loop, such as a mailbox whose server sends its mail for postmaster back to us."""


class Postmaster:
    """The operator's mailbox and the server that takes its mail."""

    def __init__(self, mailbox: str, relay: NextHop, next_hops: NextHops) -> None:
        self._mailbox = mailbox
        self._relay = relay
        self._next_hops = next_hops

    async def hand_over(
        self, transaction: Transaction, peer: Peer, protocol: str, arrival: Arrival, wanted: Callable[[], bool]
    ) -> Reply:
        """Hand a letter to the operator's server and say what it said; 250 only after its 250."""
        try:
            passage = await self._next_hops.open(self._relay, peer, transaction)
            try:
                reply = await passage.recipient(self._mailbox, "", "")
                if reply.good:
                    to = transaction.operators[0]  # not the mailbox: it tells the operator which domain was meant
                    reply = await passage.hand_over(arrival, protocol, wanted, to)
            finally:
                passage.close()
        except Declined as declined:
            reply = declined.reply
        return self._said(reply)

    @staticmethod
    def _said(reply: Reply) -> Reply:
        """Its refusal in its words; whatever else is its business and not the peer's."""
        if reply.good:
            return replies.HANDED_OVER
        if reply.code < 500:
            log.operator_deferred(reply.sentence)
            return replies.TRY_LATER
        if reply.name == replies.NEXT_HOP_REFUSED.name:
            return Reply(replies.OPERATOR_REFUSED.name, reply.code, reply.status, reply.text)
        return reply
