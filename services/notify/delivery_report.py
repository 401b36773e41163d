"""The delivery report (RFC 3464) inside a final receipt mail, for who asked with NOTIFY=SUCCESS (RFC 3461). Pure.

It says `delivered` of a recipient because the letter is in that agency's register, which is where it was sent.
"""

import re
from email.utils import format_datetime
from typing import Final

from contracts.mail import MailReceived, Recipient
from contracts.values import BANGKOK, from_instant
from services.notify import original
from services.notify.wire import CRLF, Part
from services.runtime.directory import normalise_domain

HEADER_BYTES: Final = 65_536
"""A longer header section is not sent back."""

_HEX: Final = re.compile(r"\+([0-9A-F]{2})")
_WRITABLE: Final = re.compile(r"[\x20-\x7e]{1,800}")
"""What a field may hold (RFC 3461 sections 4.2 and 4.4); nothing else that was written in xtext is repeated."""
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


def wanted(event: MailReceived) -> tuple[Recipient, ...]:
    """The recipients for whom a report of success was asked."""
    return tuple(recipient for recipient in event.recipients if "SUCCESS" in recipient.notify.upper().split(","))


def parts(event: MailReceived, letter: bytes, hostname: str, *, secret: bool) -> list[Part]:
    """What a report has besides its words: the status, and the letter's header section if the sender gave RET.

    Empty where nobody asked. A report of success never returns the whole letter (RFC 3461 section 4.3), and a letter
    that may not go in clear not even its header.
    """
    asked = wanted(event)
    if not asked:
        return []
    found = [Part(media_type="message/delivery-status", content=_status(event, asked, hostname), encoding="7bit")]
    header = b"" if secret or not event.ret else _header(letter)
    if header:
        found.append(Part(media_type="text/rfc822-headers", content=header, encoding="7bit"))
    return found


def _status(event: MailReceived, asked: tuple[Recipient, ...], hostname: str) -> bytes:
    arrived = format_datetime(from_instant(event.received_at).astimezone(BANGKOK))
    envelope = _plain(event.envid)
    message = [
        *([f"Original-Envelope-Id: {envelope}"] if envelope else []),
        f"Reporting-MTA: dns; {normalise_domain(hostname)}",
        f"Arrival-Date: {arrived}",
    ]
    return b"".join(_block(block) for block in (message, *(_recipient(recipient) for recipient in asked)))


def _recipient(recipient: Recipient) -> list[str]:
    kind, _, written = recipient.orcpt.partition(";")
    original_recipient = _plain(written) if _ADDRESS_TYPE.fullmatch(kind) else ""
    return [
        *([f"Original-Recipient: {kind};{original_recipient}"] if original_recipient else []),
        f"Final-Recipient: {_typed(recipient.address)}",
        "Action: delivered",
        "Status: 2.0.0",
    ]


def _block(lines: list[str]) -> bytes:
    return b"".join(line.encode("ascii", "replace") + CRLF for line in lines) + CRLF


def _plain(xtext: str) -> str:
    """What was meant by xtext (RFC 3461 section 4); empty where it cannot be written in a field."""
    meant = _HEX.sub(lambda found: chr(int(found[1], 16)), xtext)
    return meant if _WRITABLE.fullmatch(meant) else ""


def _typed(address: str) -> str:
    """An address with its type; beyond ASCII as RFC 6533 section 3 writes it in seven bits."""
    if _WRITABLE.fullmatch(address):
        return f"rfc822;{address}"
    return "utf-8;" + "".join(char if _stays(char) else f"\\x{{{ord(char):02X}}}" for char in address)


def _stays(char: str) -> bool:
    return "!" <= char <= "~" and char not in "+=\\"


def _header(letter: bytes) -> bytes:
    """The letter's header section; empty where it has none, or none that may go in seven bits."""
    end = letter.find(b"\r\n\r\n", 0, HEADER_BYTES)
    header = letter[: end + 2] if end > 0 else b""
    return header if original.travel(header) == "7bit" else b""
