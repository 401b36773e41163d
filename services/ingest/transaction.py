"""One mail transaction: what MAIL and RCPT said."""

from typing import Literal

from msgspec import Struct, field

from contracts.directory import NextHop
from contracts.mail import Recipient
from contracts.values import AgencyId
from services.ingest.arrival import Arrival
from services.ingest.next_hop import Passage
from services.ingest.replies import Reply


class Addressee(Struct):
    """One agency among the recipients."""

    upstreams: tuple[str, ...] = ()
    """Mode behind: the networks of the agency's own server."""
    recipients: dict[str, Recipient] = field(default_factory=dict)
    """By address as written, so that a repeated RCPT counts once."""


class Transaction(Struct, kw_only=True):
    """From MAIL to the end of DATA."""

    sender: str
    size: int = 0
    """What SIZE said; 0 where it said nothing."""
    eight_bit: bool = False
    utf8: bool = False
    ret: Literal["", "FULL", "HDRS"] = ""
    envid: str = ""
    addressees: dict[AgencyId, Addressee] = field(default_factory=dict)
    kind: type | None = None
    """Whose recipients these are (`Ours`, `Operators`, `Elsewhere`): the first one that was taken decided."""
    next_hop: NextHop | None = None
    """Mode shared: where recipients that are not ours are passed to."""
    passage: Passage | None = None
    """… and the session there, once the first of them was asked for."""
    declined: dict[NextHop, Reply] = field(default_factory=dict)
    """What those said that did not take the transaction; none is asked twice."""
    passed: list[str] = field(default_factory=list)
    """Those that the next hop took, as written."""
    chunks: Arrival | None = None
    """The letter that comes in chunks (BDAT), until its last one."""
    operators: list[str] = field(default_factory=list)
    """postmaster and abuse, as written."""
    recipients: int = 0
    """How many were taken, of any kind."""
    deferred: bool = False
    """Whether a recipient was told to come again."""

    def leave(self) -> None:
        """End the session at the next hop, if there is one."""
        if self.passage is not None:
            self.passage.close()
            self.passage = None
