"""DNS questions from the child, which has no network, to the parent, which asks them for it under a limit."""

from collections.abc import Callable

QUESTIONS = 80
"""Most questions one letter may cost: SPF 10 lookups of up to 10 names, DKIM and ARC a key each, DMARC 2."""

TYPES = frozenset({"A", "AAAA", "MX", "PTR", "TXT", "SPF"})

Records = tuple[str, ...]
"""Answers as text. TXT: the strings of a record joined, octets as Latin-1. MX: `<preference> <host>`. Empty: none."""

Ask = Callable[[str, str], Records]
"""Name and type to answers; raises `NoAnswerError` if the DNS could not be asked."""


class NoAnswerError(Exception):
    """The DNS gave no answer, neither yes nor no. Temporary."""


def nobody(name: str, kind: str) -> Records:
    """Where there is no DNS to ask."""
    raise NoAnswerError(f"{name} {kind}: not asked")
