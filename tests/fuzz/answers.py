"""What a server said, by RFC 5321 section 4.2 and RFC 2034: lines, three digits, an enhanced code of their class."""

import re
from typing import Final, NamedTuple

_LINE: Final = re.compile(rb"([2-5][0-9][0-9])([ -])([\x20-\x7e]*)")
_STATUS: Final = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3} .")
LINE_OCTETS: Final = 512
"""RFC 5321 section 4.5.3.1.5."""


class Answer(NamedTuple):
    """One reply, its lines joined."""

    code: int
    text: str

    @property
    def status(self) -> str:
        """The enhanced code, empty where there is none."""
        return self.text.split(" ", 1)[0] if _STATUS.match(self.text) else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class MalformedError(Exception):
    """A server said something that is no reply."""


def parse(octets: bytes) -> list[Answer]:
    """Every whole reply in `octets`; raises MalformedError. A reply that was cut is left out."""
    found: list[Answer] = []
    lines: list[str] = []
    for raw in octets.split(b"\r\n")[:-1]:
        line = _LINE.fullmatch(raw)
        if line is None or len(raw) + 2 > LINE_OCTETS:
            raise MalformedError(repr(raw[:100]))
        code, sign, text = int(line[1]), line[2], line[3].decode()
        lines.append(text)
        if sign == b" ":
            found.append(Answer(code, " ".join(lines)))
            lines = []
    return found


def has_its_status(answer: Answer, *, greets: bool) -> bool:
    """Whether it has an enhanced code of its own class; greetings, EHLO and 3xx have none (RFC 2034 section 4)."""
    if (greets and answer.code in (220, 250)) or 300 <= answer.code < 400:
        return True
    return answer.status[:1] == str(answer.code)[:1]
