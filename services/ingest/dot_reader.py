"""Where the octets of DATA end, and which of them belong to the letter. A security rule: keep it short.

Only CRLF.CRLF ends DATA. A server that also ended it at `LF . LF` could be fed a second, forged letter inside
the first one (SMTP smuggling). We neither end there nor pass such octets on: a lone dot between line ends of which
at least one is not CRLF marks the letter as smuggled, and the caller refuses it once DATA has really ended.
Any other bare LF, bare CR or NUL is let through untouched and named, since repairing it would change signed octets.
"""

import io
import re
from collections.abc import Callable
from typing import Final

_END: Final = b"\r\n.\r\n"
# A CR at the very end is not decided yet: LF may follow. It is held back with the line end before it.
_LONE_DOT: Final = re.compile(rb"(?:\r\n?|\n)\.(?:\r\n|\n|\r(?!\n|\Z))")
_UNDECIDED: Final = re.compile(rb"(?:\r\n?|\n)(?:\.\r?)?\Z")


class DotReader:
    """Takes the chunks that follow the 354 reply, whole; hands the letter's octets to `keep`, dot-stuffing removed."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._held = b""
        self._begun = False
        self._surplus = 0
        self.smuggled = False
        self.bare_newline = False
        self.bare_carriage_return = False
        self.nul_octet = False

    def feed(self, chunk: bytes) -> bytes | None:
        """Read one chunk; return None while DATA goes on, and what lies behind its end once it has ended."""
        if not self._begun and chunk.startswith(b"."):
            self._held, self._surplus = b"\r\n", 2  # DATA begins at the start of a line; its CRLF is not the letter's
        self._begun = True
        data = self._held + chunk if self._held else chunk
        dots = b"." in data  # most large letters are base64, which has none
        end = data.find(_END) if dots else -1
        if end >= 0:
            rest, data = data[end + len(_END) :], data[: end + len(_END)]
            letter = data[: end + 2]
        else:
            undecided = _UNDECIDED.search(data, max(0, len(data) - 4))
            at = undecided.start() if undecided else len(data)
            letter, self._held = data[:at], data[at:]
        self._look(data)
        if dots:
            letter = letter.replace(b"\r\n.", b"\r\n")
        if self._surplus and letter:
            letter, self._surplus = letter[self._surplus :], 0
        if letter:
            self._keep(letter)
        return rest if end >= 0 else None

    def _look(self, data: bytes) -> None:
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
        self.smuggled |= any(match.group() != _END for match in _LONE_DOT.finditer(data))
