"""PDF files inside forwarded messages: attachments of attachments."""

from collections.abc import Sequence

from services.sign import media_type, message
from services.sign.message import Part

DEPTH = 4
"""Deepest forwarding that is followed; each level may have all the parts of a mail."""
MESSAGES = 50
"""Most messages that are opened in one letter."""


def pdf_files(parts: Sequence[Part]) -> tuple[list[Part], bool]:
    """The PDF files in forwarded messages, named by their way (`message.eml/letter.pdf`); and whether all.

    Never raises for what is in a message.
    """
    found: list[Part] = []
    whole = True
    opened = 0
    waiting = [(part, part.name, 1) for part in parts]
    while waiting:
        part, path, depth = waiting.pop(0)
        if not is_message(part):
            if depth > 1 and media_type.is_pdf(part.octets):
                found.append(Part("application/pdf", path, part.octets))
            continue
        if depth > DEPTH or opened >= MESSAGES:
            whole = False
            continue
        opened += 1
        inner = message.read(part.octets)
        whole = whole and not inner.left_out
        waiting += [(each, f"{path}/{each.name}", depth + 1) for each in inner.parts]
    return found, whole


def is_message(part: Part) -> bool:
    """Whether a mail program would open it as a mail."""
    return part.media_type in ("message/rfc822", "message/global") or part.name.lower().endswith(".eml")
