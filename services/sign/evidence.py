"""The DNS answers that a letter's authentication rests on, as they are kept: bounded, and without a person in them.

Noted by the parent, which asked; what the child makes of the answers cannot change what is noted.
"""

import re
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from contracts.findings import Authentication, DnsAnswer
from services.sign.thai import scrub

OCTETS = 16_384
"""Most of one letter's evidence, as JSON."""
RECORDS = 20
"""Most records of one answer that are kept; a domain may hold hundreds of TXT records that say who verified it."""
RECORD_CHARACTERS = 1_024
"""Most of one record; a DKIM key of 4,096 bits has 740."""

HIDDEN = "*"

ANSWERED, NODATA, NXDOMAIN = "answered", "nodata", "nxdomain"
TIMEOUT, SERVFAIL, UNREACHABLE, LIMIT = "timeout", "servfail", "unreachable", "limit"
TEMPORARY = frozenset({TIMEOUT, SERVFAIL, UNREACHABLE})
"""What another try may change. A letter that asks for too much asks for too much every time."""

_USED = re.compile(r"^\s*v\s*=\s*(?:spf1|dmarc1|dkim1)\b|(?:^|;)\s*p\s*=", re.IGNORECASE)
_PERSONAL_MACRO = re.compile(r"%\{[lsLS]")
_DELIMITERS = re.compile(r"([.\-+,/_=@%]+)")


class Evidence:
    """What was asked for one letter, each question once."""

    def __init__(self, sender: str = "") -> None:
        """`sender` is the reverse-path, whose local part an SPF record can put into a name (RFC 7208 section 7)."""
        local = sender.rpartition("@")[0]
        self._personal = {piece for text in (local, quote(local, "~")) for piece in _pieces(text)}
        self._answers: dict[tuple[str, str], DnsAnswer] = {}
        self._macros = False

    def note(
        self, name: str, kind: str, status: str, records: tuple[str, ...] = (), *, authentic: bool = False
    ) -> None:
        """Keep one answer. A later answer to the same question takes the place of a temporary one only."""
        name = name.rstrip(".").lower()
        known = self._answers.get((name, kind))
        if known is not None and known.status not in TEMPORARY:
            return
        self._macros = self._macros or any(_PERSONAL_MACRO.search(record) for record in records)
        kept = tuple(scrub(record[:RECORD_CHARACTERS]) for record in sorted(records, key=_unused)[:RECORDS])
        cut = len(records) > RECORDS or any(len(record) > RECORD_CHARACTERS for record in records)
        self._answers[name, kind] = DnsAnswer(
            name=scrub(self._shown(name)), type=kind, status=status, records=kept, cut=cut, authentic=authentic
        )

    @property
    def temporary(self) -> bool:
        """Whether a question got no answer that another try may get."""
        return any(answer.status in TEMPORARY for answer in self._answers.values())

    def answers(self) -> tuple[tuple[DnsAnswer, ...], bool]:
        """The answers in the order of the questions, and whether any was left out whole."""
        kept: list[DnsAnswer] = []
        left = OCTETS - 2
        for answer in self._answers.values():
            bare = replace(answer, records=(), cut=True) if answer.records else answer
            left -= _octets(bare)
            if left < 0:
                return tuple(kept), True
            kept.append(bare)
        # Every question first; then, as far as there is room, what was said.
        for index, answer in enumerate(self._answers.values()):
            more = _octets(answer) - _octets(kept[index])
            if more <= left:
                left -= more
                kept[index] = answer
        return tuple(kept), False

    def _shown(self, name: str) -> str:
        if not self._macros:
            return name
        return "".join(HIDDEN if piece in self._personal else piece for piece in _DELIMITERS.split(name))


def witnessed(found: Authentication, evidence: Evidence, judged_at: str) -> Authentication:
    """The results with the answers they rest on, and when these were asked for; not what the child says of it."""
    answers, cut = evidence.answers()
    return replace(found, judged_at=judged_at, tries=1, evidence=answers, evidence_cut=cut)


def _octets(answer: DnsAnswer) -> int:
    return len(msgspec.json.encode(answer)) + 1


def _unused(record: str) -> bool:
    return _USED.search(record) is None


def _pieces(text: str) -> list[str]:
    return [piece for piece in _DELIMITERS.split(text.lower())[::2] if piece]
