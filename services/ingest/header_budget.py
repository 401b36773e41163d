"""The headers of a MAIL message stay under the contract's budget: what is longer is cut, and named in `cut`.

Only what a message's headers show is cut. The letter is stored whole, and its id is computed from the whole values.
"""

from typing import Final

from msgspec.structs import asdict, replace

from contracts import codec, headers
from contracts.mail import HeaderLines, MailReceived, Peer

RESERVE: Final = 512
"""Room for the headers of an atomic batch and for the names of what was cut."""

_STEPS: Final = (4_096, 2_048, 1_024, 512, 256)
"""Longest encoded value of a line, tried one after the other; Thai takes nine octets a character."""

_LAST: Final = ("message_id", "from_", "date", "subject")
"""Cut only when everything else has been cut to the same length."""


def within(event: MailReceived) -> tuple[MailReceived, dict[str, str]]:
    """The event and its headers, cut where they would not fit."""
    found = codec.encode_headers(event)
    budget = headers.HEADERS_BYTES - RESERVE
    if headers.size(found) <= budget:
        return event, found
    event = _shorter_words(event)
    for step in _STEPS:
        for spare_last in (True, False):
            event = _shorter_lines(event, step, spare_last=spare_last)
            found = codec.encode_headers(event)
            if headers.size(found) <= budget:
                return event, found
    while headers.size(found) > budget and len(event.recipients) > 1:
        event = _marked(replace(event, recipients=event.recipients[: len(event.recipients) // 2]), "recipients")
        found = codec.encode_headers(event)
    return event, found


def _shorter_lines(event: MailReceived, most: int, *, spare_last: bool) -> MailReceived:
    changed: dict[str, str] = {}
    for name, value in asdict(event.lines).items():
        if spare_last and name in _LAST:
            continue
        shorter = cut_to(value, most)
        if shorter != value:
            changed[name] = shorter
    if not changed:
        return event
    lines: HeaderLines = replace(event.lines, **changed)
    return _marked(replace(event, lines=lines), *(f"lines.{name.rstrip('_')}" for name in changed))


def _shorter_words(event: MailReceived) -> MailReceived:
    """Words of the peer that no honest one makes long."""
    peer: Peer = replace(event.peer, helo=cut_to(event.peer.helo, 768))
    changed = replace(event, peer=peer, sender=cut_to(event.sender, 3_072))
    names = [
        name
        for name, is_cut in (("peer.helo", peer != event.peer), ("sender", changed.sender != event.sender))
        if is_cut
    ]
    return _marked(changed, *names)


def _marked(event: MailReceived, *names: str) -> MailReceived:
    return replace(event, cut=tuple(dict.fromkeys((*event.cut, *names)))) if names else event


def cut_to(text: str, most: int) -> str:
    """The longest beginning of `text` that takes at most `most` octets in a header."""
    if len(text) * 9 <= most or len(headers.percent_encode(text)) <= most:
        return text
    used = 0
    for at, letter in enumerate(text):
        used += len(headers.percent_encode(letter))
        if used > most:
            return text[:at]
    return text
