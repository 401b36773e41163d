"""Mail that takes no number: delivery reports, read receipts and automatic answers to our own mail. Pure.

A report about mail that is not ours is a letter like any other (series general): the agency's officer, whose own
letter it may speak of, gets to see it. What a person writes in answer to a receipt is a letter too.
"""

import re
from typing import Final, Literal

from msgspec import Struct

from contracts.addresses import answered_mail, token_mail
from contracts.mail import MailReceived
from services.register.series import automatic, media_type
from services.words.header_text import decoded

Kind = Literal["delivery_report", "read_receipt", "automatic_answer"]

_REPORT_TYPE: Final = re.compile(r"report-type\s*=\s*\"?([a-z-]+)", re.IGNORECASE)


class Notice(Struct, frozen=True):
    """What it is, and the letter whose receipt it speaks of."""

    kind: Kind
    matches: str


def notice(event: MailReceived) -> Notice | None:
    """The notice that a message is, or None if it is a letter."""
    tokens = [token_mail(recipient.address.rpartition("@")[0]) for recipient in event.recipients]
    # Beside a token address it also names a central address: it may be a letter, so it is one.
    if tokens and all(tokens):
        return Notice(_kind(event), tokens[0] or "")
    if not automatic(event):
        return None
    lines = event.lines
    # Message-ID: our own mail came back to us, by a forward or a loop. Decoded, since a Message-ID of ours is longer
    # than the 78 octets a line should have, and some programs write such a word as an encoded one.
    named = (lines.in_reply_to, lines.references, lines.message_id)
    answered = next(filter(None, (answered_mail(decoded(line)) for line in named)), None)
    return Notice(_kind(event), answered) if answered else None


def _kind(event: MailReceived) -> Kind:
    lines = event.lines
    report = _REPORT_TYPE.search(lines.content_type) if media_type(lines.content_type) == "multipart/report" else None
    if report is not None:
        kind = report.group(1).lower()
        if kind == "disposition-notification":
            return "read_receipt"
        if kind == "delivery-status":
            return "delivery_report"
    if lines.x_failed_recipients or (not event.sender and not lines.auto_submitted):
        return "delivery_report"
    return "automatic_answer"
