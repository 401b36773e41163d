"""The few header lines that the register and the mail id need, read from the letter's beginning.

Not a mail parser: sign has one, in a bounded child process. This costs microseconds, never fails, and reads at most
HEAD_BYTES. LF ends a line as CRLF does, so that a letter of bare newlines has its lines too.
"""

import re
from typing import Final, NamedTuple

from contracts.mail import HeaderLines

HEAD_BYTES: Final = 65_536
"""A header section that is longer is cut at its last whole line; what follows counts as body."""

LINE_CHARACTERS: Final = 998
"""A line as long as RFC 5322 section 2.1.1 allows."""

TRACE: Final = (b"received", b"return-path", b"delivered-to")
"""Fields that a hop adds: two copies of one letter differ in them."""

_RECEIVED: Final = "received"
_WANTED: Final[dict[bytes, str]] = {
    b"received": _RECEIVED,
    b"message-id": "message_id",
    b"from": "from_",
    b"date": "date",
    b"subject": "subject",
    b"in-reply-to": "in_reply_to",
    b"references": "references",
    b"content-type": "content_type",
    b"auto-submitted": "auto_submitted",
    b"precedence": "precedence",
    b"list-id": "list_id",
    b"list-unsubscribe": "list_unsubscribe",
    b"x-auto-response-suppress": "x_auto_response_suppress",
    b"x-autoreply": "x_autoreply",
    b"feedback-id": "feedback_id",
    b"x-failed-recipients": "x_failed_recipients",
}
_LINE_END: Final = re.compile(rb"\r?\n(?![ \t])")
_FIELD: Final = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")


class Section(NamedTuple):
    """A letter's header section."""

    values: dict[str, bytes]
    """First value of each wanted field by its name in `HeaderLines`, unfolded, stripped, octets as written."""
    received: tuple[bytes, ...]
    """Received fields, newest first, unfolded."""
    untraced: bytes
    """The section's octets without the trace fields; empty where a Message-ID makes them superfluous."""
    body: int
    """Where the body begins: behind the first empty line."""
    is_mail: bool
    """Whether there is any field at all."""

    def lines(self) -> HeaderLines:
        """The values as text: UTF-8, or windows-874 where they are not."""
        return HeaderLines(**{name: decoded(value) for name, value in self.values.items()})


def decoded(value: bytes) -> str:
    """Octets of a header line as text. Unlabelled Thai mail is windows-874 (TIS-620, ISO-8859-11)."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp874", "replace")


def message_id(head: bytes) -> str:
    """The Message-ID line at the beginning of a letter of which nothing else is wanted; empty where there is none."""
    return decoded(read(head).values.get("message_id", b""))[:LINE_CHARACTERS]


def read(head: bytes) -> Section:
    """Read the header section at the beginning of `head`, the first HEAD_BYTES of a letter."""
    length, body = _extent(head)
    fields = _LINE_END.split(head[:length])
    values: dict[str, bytes] = {}
    received: list[bytes] = []
    for field in fields:
        name, _, value = field.partition(b":")
        wanted = _WANTED.get(name.rstrip(b" \t").lower() if name[-1:] in b" \t" else name.lower())
        if wanted is None:
            continue
        if wanted == _RECEIVED:
            received.append(_unfolded(value))
        elif wanted not in values:
            values[wanted] = _unfolded(value)
    is_mail = bool(values or received) or any(_FIELD.match(field) for field in fields)
    untraced = b"" if values.get("message_id") else b"\n".join(field for field in fields if not _is_trace(field))
    return Section(values, tuple(received), untraced, body, is_mail)


def _is_trace(field: bytes) -> bool:
    return field.partition(b":")[0].lower().rstrip(b" \t") in TRACE


def _extent(head: bytes) -> tuple[int, int]:
    """Length of the header section, and where the body begins: behind the first empty line."""
    if head.startswith((b"\r\n", b"\n")):
        return 0, head.index(b"\n") + 1
    crlf = head.find(b"\n\r\n")
    bare = head.find(b"\n\n", 0, crlf + 2 if crlf >= 0 else len(head))
    if bare >= 0:
        return bare + 1, bare + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    end = head.rfind(b"\n") + 1 if len(head) >= HEAD_BYTES else len(head)
    return end, end


def _unfolded(value: bytes) -> bytes:
    return _FOLD.sub(b"", value).strip(b" \t\r\n")
