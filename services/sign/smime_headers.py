"""Header fields that were signed with the content, against those that the mail shows.

Two forms: a whole mail inside the signature (RFC 8551 section 3.1), and fields on the signed entity itself, marked by
`hp` (RFC 9788 section 2) or `protected-headers`, its forerunner.
"""

import re
from email.message import Message as Header
from typing import Final

from services.sign import message
from services.sign.entity import Entity
from services.sign.smime_addresses import normal, of_field

COMPARED: Final = ("From", "To", "Cc", "Reply-To", "Subject", "Date")
_PREFIX: Final = re.compile(r"(?:\[[^\]]{1,80}\]|(?:re|fwd?|ตอบกลับ|ส่งต่อ)\s*:)\s*", re.IGNORECASE)
"""What lists and readers put before a subject."""


def protected(signed: Entity) -> Header | None:
    """The header that the signature covers; None where it covers none."""
    if signed.kind == "message/rfc822":
        inner = message.read(signed.decoded).entity
        return inner.header if inner is not None else None
    if signed.parameter("hp").lower() in ("clear", "cipher") or signed.parameter("protected-headers"):
        return signed.header
    return None


def differing(shown: Header, signed: Header) -> list[str]:
    """Which fields say something else than what was signed. A field that was not signed is not compared."""
    return [name for name in COMPARED if signed.get(name) is not None and not _same(name, shown, signed)]


def _same(name: str, shown: Header, signed: Header) -> bool:
    if name in ("From", "To", "Cc", "Reply-To"):
        outer, inner = ({normal(address) for address in of_field(header, name)} for header in (shown, signed))
        return outer == inner
    outer_text, inner_text = (_text(str(header.get(name, ""))) for header in (shown, signed))
    if name == "Subject":
        return _bare(outer_text) == _bare(inner_text)
    return outer_text == inner_text


def _text(value: str) -> str:
    return " ".join(message.decoded(value).split())


def _bare(subject: str) -> str:
    while match := _PREFIX.match(subject):
        subject = subject[match.end() :]
    return subject
