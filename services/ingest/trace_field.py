"""The Received field that a letter gets which is handed on (RFC 5321 section 4.4), and where a chain of them is a loop.

A letter that is stored gets none: its octets stay as they came, and the event says the same.
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from contracts.mail import Peer

HOPS: Final = 100
"""Received fields (RFC 5321 section 6.3); more is a loop, also one through ourselves, since we add one each time."""


def received(peer: Peer, hostname: str, protocol: str, to: str, utc_ns: int) -> bytes:
    """The field with its line ends. `to` may be empty: with several recipients none may be named (section 7.2)."""
    helo = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in ".-_:[]") else "?" for letter in peer.helo
    )
    literal = f"IPv6:{peer.address}" if ":" in peer.address else peer.address
    moment = format_datetime(datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC))
    sayable = to.isascii() or protocol.startswith("UTF8")
    named = f"\r\n for <{to}>" if to and sayable else ""
    return (
        f"Received: from {helo or 'unknown'} ([{literal}])\r\n by {hostname} with {protocol}{named}; {moment}\r\n"
    ).encode("utf-8", "replace")
