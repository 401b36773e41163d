"""Mails inside the mail (message/rfc822): what somebody sends on is the letter, with Subject line, text and files."""

from collections.abc import Sequence
from typing import NamedTuple

from services.sign import message
from services.sign.media_type import is_pdf
from services.sign.message import Part
from services.sign.quoted import MAILS, Inner

DEPTH = 3
"""Deepest of them."""
FILES = 5
"""Most PDF files in them whose text is read."""


class SentOn(NamedTuple):
    """What lay in mails inside a mail."""

    mails: list[Inner]
    files: list[Part]
    """Their PDF files, the first ones."""


def read(parts: Sequence[Part]) -> SentOn:
    """The mails among the parts, outer ones first. Never raises for what is in them."""
    mails: list[Inner] = []
    files: list[Part] = []
    waiting = [(part, 1) for part in parts if _is_mail(part)]
    while waiting and len(mails) < MAILS:
        part, depth = waiting.pop(0)
        inner = message.read(part.octets)
        mails.append(Inner(inner.subject or "", inner.text))
        files += [each for each in inner.parts if is_pdf(each.octets)]
        if depth < DEPTH:
            waiting += [(each, depth + 1) for each in inner.parts if _is_mail(each)]
    return SentOn(mails, files[:FILES])


def _is_mail(part: Part) -> bool:
    return part.media_type in ("message/rfc822", "message/global")
