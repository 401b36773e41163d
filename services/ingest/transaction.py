"""One mail transaction: what MAIL and RCPT said."""

from typing import Literal

from msgspec import Struct, field

from contracts.mail import Recipient
from contracts.values import AgencyId


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
    operators: list[str] = field(default_factory=list)
    """postmaster and abuse, as written. Never together with agencies: the first recipient decides."""
    recipients: int = 0
    deferred: bool = False
    """Whether a recipient was told to come again."""
