"""What an operator asks for, and the answer that it may not be."""

from pathlib import Path

from msgspec import Struct


class Wanted(Struct, frozen=True, kw_only=True):
    """What the operator says about us."""

    hosts: tuple[str, ...]
    """Our MX names."""
    senders: tuple[str, ...] = ()
    """SPF terms of whoever sends our mails."""
    reports: str = ""
    """Mailbox for reports; empty: postmaster of each domain."""
    mta_sts: str = "testing"
    keys: Path | None = None
    """Folder of DKIM private keys."""
    whole_domain: bool = False


class Refusal(Exception):  # noqa: N818 - an answer, no fault
    """To point the MX at us would break mail that is not ours; the sentence says whose."""
