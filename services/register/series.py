"""Which book a letter goes to: a pure, versioned rule over what the ingress knows. No look at the content.

    classified   its subject begins with a secrecy mark
    general      a machine or a list sent it (RFC 3834, RFC 2919, RFC 2369), or it is suspected: a block list names the
                 peer, or its spam score has reached the operator's limit (decision 0018)
    received     everything else

The first that fits holds: a secret from a list, or from a peer with a bad name, is kept as a secret. An officer can
move an entry by an order.
"""

import re
import unicodedata
from typing import Final

from contracts.mail import MailReceived
from contracts.values import Series
from services.words.header_text import decoded

VERSION: Final = "series-2"

_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_OPENING: Final = r"[\s\"'*_~\-–—.:|/\\({\[<«‹“”‘’]*"
# Before the mark: answers and forwards in both languages, and the urgency, which a subject line carries first.
_BEFORE: Final = (
    r"(?:(?:(?:re|fw|fwd|aw|ตอบกลับ|ส่งต่อ|ตอบ)\s*(?:\[\d+\])?\s*[::]|ด่วนที่สุด|ด่วนมาก|ด่วน|ชั้นความลับ)" + _OPENING + ")*"
)
# Behind it: no further Thai letter, so that ลับแล (a district) or ลับมีด is no mark; but urgency or the number may follow.
_BEHIND: Final = r"(?=$|[^\w\u0e00-\u0e7f]|ด่วน|ที่\s)"
_SECRET: Final = re.compile(_OPENING + _BEFORE + "(ลับที่สุด|ลับมาก|ลับ)" + _BEHIND, re.IGNORECASE)

_BULK: Final = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})


def series(event: MailReceived) -> Series:
    """The series of a letter."""
    if secrecy(event.lines.subject) is not None:
        return "classified"
    return "general" if automatic(event) or listed(event) or suspected(event) else "received"


def secrecy(subject: str) -> str | None:
    """The secrecy mark a Subject line begins with, or None."""
    if not subject:
        return None
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", decoded(subject)))
    match = _SECRET.match(text)
    return match.group(1) if match else None


def automatic(event: MailReceived) -> bool:
    """Whether a machine answered or reported: nobody sat there and wrote (RFC 3834 section 2)."""
    lines = event.lines
    return (
        not event.sender
        or submitted_by_machine(lines.auto_submitted)
        or media_type(lines.content_type) == "multipart/report"
        or bool(lines.x_autoreply or lines.x_failed_recipients)
        or _word(lines.precedence) in {"auto_reply", "auto-reply"}
    )


def listed(event: MailReceived) -> bool:
    """Whether it went to many through a list or a mass mailer."""
    lines = event.lines
    return bool(lines.list_id or lines.list_unsubscribe or lines.feedback_id) or _word(lines.precedence) in _BULK


def suspected(event: MailReceived) -> bool:
    """Whether those whom the operator asked spoke against it. No answer counts for nothing."""
    found = event.standing
    if found is None:
        return False
    scored = found.spam_score is not None and found.spam_limit is not None and found.spam_score >= found.spam_limit
    return scored or bool(found.blocklisted)


def submitted_by_machine(auto_submitted: str) -> bool:
    """Whether an Auto-Submitted line says that no person sent it; its parameters and comments do not matter."""
    return bool(auto_submitted) and _word(auto_submitted) != "no"


def media_type(content_type: str) -> str:
    """The media type of a Content-Type line without its parameters, lower case."""
    return _word(content_type)


def _word(line: str) -> str:
    return line.partition(";")[0].partition("(")[0].strip().lower()
