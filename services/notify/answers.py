"""Who is never answered by mail: machines (RFC 3834 section 2), and those who ask for no answer. Pure.

The register, too, gives automatic mail a series of its own; that is about books, this is about mail leaving us.
"""

import re
from typing import Final, Literal

from contracts.addresses import answered_mail, token_mail
from contracts.mail import HeaderLines, MailReceived
from services.notify import address

Why = Literal[
    "null_sender",
    "unusable_sender",
    "our_own_mail",
    "automatic_sender",
    "auto_submitted",
    "precedence",
    "mailing_list",
    "report",
    "asked_not_to",
]
WHYS: Final[tuple[Why, ...]] = (
    "null_sender",
    "unusable_sender",
    "our_own_mail",
    "automatic_sender",
    "auto_submitted",
    "precedence",
    "mailing_list",
    "report",
    "asked_not_to",
)

_SUPPRESSING: Final = frozenset({"all", "autoreply", "oof", "dr"})
"""Of X-Auto-Response-Suppress; RN, NRN and NDR speak of other answers."""
_BULK: Final = frozenset({"bulk", "list", "junk"})
_AUTOMATIC = re.compile(
    r"mailer-daemon|listserv|majordomo|owner-.*|.*-request|.*-owner|.*-bounces(\+.*)?", re.IGNORECASE
)
_COMMENT = re.compile(r"\([^()]*\)")


def why_not(event: MailReceived) -> Why | None:
    """The reason why this letter's sender gets no mail from us, or None if he may."""
    if not event.sender:
        return "null_sender"
    if not address.usable(event.sender):
        return "unusable_sender"
    local = event.sender.rpartition("@")[0]
    if token_mail(local) is not None or answered_mail(event.lines.message_id) is not None:
        return "our_own_mail"
    if _AUTOMATIC.fullmatch(local):
        return "automatic_sender"
    return _by_lines(event.lines)


def _by_lines(lines: HeaderLines) -> Why | None:
    submitted = _first_word(lines.auto_submitted)
    if submitted and submitted != "no":
        return "auto_submitted"
    if _first_word(lines.precedence) in _BULK:
        return "precedence"
    # Not Feedback-ID: senders' services put it on every mail, the letters of agencies that use them included.
    if lines.list_id or lines.list_unsubscribe:
        return "mailing_list"
    if lines.x_failed_recipients or _first_word(lines.content_type) == "multipart/report":
        return "report"
    if _SUPPRESSING & set(re.split(r"[\s,;]+", lines.x_auto_response_suppress.lower())):
        return "asked_not_to"
    if _first_word(lines.x_autoreply) not in ("", "no"):
        return "auto_submitted"
    return None


def _first_word(line: str) -> str:
    words = re.split(r"[\s;]+", _COMMENT.sub(" ", line).strip().lower(), maxsplit=1)
    return words[0]
