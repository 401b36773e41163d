"""XCLIENT: a trusted front end tells the server behind it who the client is (Postfix's XCLIENT_README)."""

import re
from typing import Final

from contracts.mail import Peer
from services.ingest.networks import parsed

UNAVAILABLE: Final = "[UNAVAILABLE]"
UNDECIDED: Final = "[TEMPUNAVAIL]"
"""For a name: it could not be looked up at the moment."""

_ENCODED: Final = re.compile(rb"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")


def command(offered: str, peer: Peer, name: str) -> str:
    """The command, with those attributes that EHLO offered. `name` is the peer's, or one of the words above."""
    place = parsed(peer.address)
    address = UNAVAILABLE if place is None else f"IPV6:{place}" if place.version == 6 else str(place)
    values = {"NAME": name, "ADDR": address, "HELO": peer.helo or UNAVAILABLE, "PROTO": "ESMTP"}
    known = offered.upper().split()
    said = (f"{key}={_xtext(value)}" for key, value in values.items() if key in known)
    return " ".join(["XCLIENT", *said])


def _xtext(value: str) -> str:
    octets = value.encode("utf-8", "replace")
    return _ENCODED.sub(lambda found: b"+%02X" % found[0][0], octets).decode("ascii")
