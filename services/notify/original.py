"""The original inside a cover mail, and how it travels so that not an octet of it changes.

RFC 2046 section 5.2.1 forbids to encode a message/rfc822, so it can only go as it is. That is safe for lines that end
with CRLF, are short, and hold nothing a relay may repair. Where it is not safe the same octets go in base64 as a file
`.eml`, which mail programs open just as well.
"""

from typing import Final, Literal

from services.notify.wire import Part

LONGEST_LINE: Final = 998
"""Octets of a line without its CRLF (RFC 5322 section 2.1.1)."""

Travel = Literal["7bit", "8bit", "base64"]


def part(octets: bytes, filename: str, *, eight_bit_relay: bool) -> Part:
    """The original as an attachment that arrives octet-exact over this relay."""
    how = travel(octets)
    if how == "base64" or (how == "8bit" and not eight_bit_relay):
        return Part(media_type="application/octet-stream", content=octets, encoding="base64", filename=filename)
    return Part(media_type="message/rfc822", content=octets, encoding=how, filename=filename)


def travel(octets: bytes) -> Travel:
    """How these octets can go unchanged: as they are, as they are over 8BITMIME, or only in base64."""
    if not _orderly(octets):
        return "base64"
    if octets.isascii():
        return "7bit"
    # A relay may "repair" a header that is not ASCII (unlabelled TIS-620 is common); a body it leaves alone.
    head = octets[: octets.find(b"\r\n\r\n") + 4] if b"\r\n\r\n" in octets else octets
    return "8bit" if head.isascii() else "base64"


def _orderly(octets: bytes) -> bool:
    ends = octets.count(b"\r\n")
    return (
        octets.count(b"\n") == ends
        and octets.count(b"\r") == ends
        and b"\0" not in octets
        # Mailboxes of the mbox kind write `>From ` for it.
        and not octets.startswith(b"From ")
        and b"\nFrom " not in octets
        and not _long_line(octets)
    )


def _long_line(octets: bytes) -> bool:
    at, size = 0, len(octets)
    while size - at > LONGEST_LINE:
        # Lines that end within the window are short; go on behind the last of them.
        end = octets.rfind(b"\r\n", at, at + LONGEST_LINE + 2)
        if end < 0:
            return True
        at = end + 2
    return False
