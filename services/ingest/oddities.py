"""Octets that mail should not have, and the one sequence among them that is refused.

A lone dot between line ends of which at least one is not CRLF marks a letter as smuggled: a server behind us that ends
DATA there would take what follows as commands (SMTP smuggling). Any other bare LF, bare CR or NUL is let through
untouched and named, since repairing it would change signed octets.
"""

import io
import re
from typing import Final

END: Final = b"\r\n.\r\n"
# A CR at the very end is not decided yet: LF may follow. It is held back with the line end before it.
# The second line end may be the first of another lone dot: it is looked at, not taken.
_LONE_DOT: Final = re.compile(rb"(\r\n?|\n)\.(?=(\r\n|\n|\r(?!\n|\Z)))")
_LINE_END: Final = b"\r\n"
_UNDECIDED: Final = re.compile(rb"(?:\r\n?|\n)(?:\.\r?)?\Z")


class Oddities:
    """What was noticed so far."""

    def __init__(self) -> None:
        self.smuggled = False
        self.bare_newline = False
        self.bare_carriage_return = False
        self.nul_octet = False

    def look(self, data: bytes) -> None:
        """Look through `data`, which begins where the part before was decided (`undecided`)."""
        if b"\0" in data:
            self.nul_octet = True
        # The C library's own newline scanner: one pass tells which kinds of line end occur (a regular expression: 10).
        scanner = io.IncrementalNewlineDecoder(None, translate=False)
        scanner.decode(data.decode("latin-1"))
        kinds = scanner.newlines
        if kinds is None or kinds == "\r\n":
            return
        self.bare_newline |= "\n" in kinds if isinstance(kinds, tuple) else kinds == "\n"
        self.bare_carriage_return |= "\r" in kinds if isinstance(kinds, tuple) else kinds == "\r"
        self.smuggled |= any((match[1], match[2]) != (_LINE_END, _LINE_END) for match in _LONE_DOT.finditer(data))


def undecided(data: bytes) -> int:
    """From which octet on the end of `data` means nothing without what follows."""
    found = _UNDECIDED.search(data, max(0, len(data) - 4))
    return found.start() if found else len(data)
