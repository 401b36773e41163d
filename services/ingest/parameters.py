"""The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531), and those of DSN (3461).

What a sender asks of delivery reports is kept as written, xtext and all; notify answers it (decision 0019).
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from services.ingest import replies
from services.ingest.replies import Reply

_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SIZE: Final = re.compile(r"[0-9]{1,20}")
_XTEXT: Final = re.compile(r"[\x21-\x2a\x2c-\x3c\x3e-\x7e]*(?:\+[0-9A-F]{2}[\x21-\x2a\x2c-\x3c\x3e-\x7e]*)*")
_ORIGINAL: Final = re.compile(r"[\x21-\x7e\x80-\ud7ff\ue000-\U0010ffff]+")
"""ORCPT is kept as written, so it has to be text; RFC 6533 section 3 allows UTF-8 in it."""
_NOTIFY: Final = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE)
_RETURNS: Final[dict[str, Literal["FULL", "HDRS"]]] = {"FULL": "FULL", "HDRS": "HDRS"}


class ParameterError(Exception):
    """A parameter is refused; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.sentence)
        self.reply = reply


class MailParameters(Struct, kw_only=True):
    """What MAIL says of the letter to come."""

    size: int = 0
    eight_bit: bool = False
    utf8: bool = False
    ret: Literal["", "FULL", "HDRS"] = ""
    envid: str = ""


class RcptParameters(Struct, kw_only=True):
    """What RCPT says of one recipient."""

    notify: str = ""
    orcpt: str = ""


def of_mail(text: str) -> MailParameters:
    """Read the parameters of MAIL; raises ParameterError."""
    found = MailParameters()
    for keyword, value in _each(text):
        match keyword:
            case "SIZE":
                found.size = int(_checked(value, _SIZE))
            case "BODY":
                if value.upper() not in ("7BIT", "8BITMIME"):
                    raise ParameterError(replies.BAD_ARGUMENT)
                found.eight_bit = value.upper() == "8BITMIME"
            case "SMTPUTF8":
                if value:
                    raise ParameterError(replies.BAD_ARGUMENT)
                found.utf8 = True
            case "RET":
                if value.upper() not in _RETURNS:
                    raise ParameterError(replies.BAD_ARGUMENT)
                found.ret = _RETURNS[value.upper()]
            case "ENVID":
                found.envid = _checked(value, _XTEXT, 100)
            case _:
                raise ParameterError(replies.UNKNOWN_PARAMETER)
    return found


def of_rcpt(text: str) -> RcptParameters:
    """Read the parameters of RCPT; raises ParameterError."""
    found = RcptParameters()
    for keyword, value in _each(text):
        match keyword:
            case "NOTIFY":
                found.notify = _checked(value, _NOTIFY)
            case "ORCPT":
                found.orcpt = _checked(value, _ORIGINAL, 500)
            case _:
                raise ParameterError(replies.UNKNOWN_PARAMETER)
    return found


def _each(text: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for word in filter(None, text.split(" ")):
        keyword, equals, value = word.partition("=")
        keyword = keyword.upper()
        if not _KEYWORD.fullmatch(keyword) or keyword in seen or (equals and not value):
            raise ParameterError(replies.BAD_ARGUMENT)
        seen.add(keyword)
        yield keyword, value


def _checked(value: str, form: re.Pattern[str], most: int = 100) -> str:
    if not value or len(value) > most or not form.fullmatch(value):
        raise ParameterError(replies.BAD_ARGUMENT)
    return value
