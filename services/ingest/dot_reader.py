"""Where the octets of DATA end, and which of them belong to the letter. A security rule: keep it short.

Only CRLF.CRLF ends DATA. A server that also ended it at `LF . LF` could be fed a second, forged letter inside
the first one (SMTP smuggling). We neither end there nor pass such octets on: `oddities.py` notices them, and the
caller refuses the letter once DATA has really ended.
"""

from collections.abc import Callable

from services.ingest.oddities import END, Oddities, undecided


class DotReader:
    """Takes the chunks that follow the 354 reply, whole; hands the letter's octets to `keep`, dot-stuffing removed."""

    def __init__(self, keep: Callable[[bytes], None], odd: Oddities) -> None:
        self._keep = keep
        self._odd = odd
        self._held = b""
        self._begun = False
        self._surplus = 0

    def feed(self, chunk: bytes) -> bytes | None:
        """Read one chunk; return None while DATA goes on, and what lies behind its end once it has ended."""
        if not chunk:
            return None
        if not self._begun and chunk.startswith(b"."):
            self._held, self._surplus = b"\r\n", 2  # DATA begins at the start of a line; its CRLF is not the letter's
        self._begun = True
        data = self._held + chunk if self._held else chunk
        dots = b"." in data  # most large letters are base64, which has none
        end = data.find(END) if dots else -1
        if end >= 0:
            rest, data = data[end + len(END) :], data[: end + len(END)]
            letter = data[: end + 2]
        else:
            at = undecided(data)
            letter, self._held = data[:at], data[at:]
        self._odd.look(data)
        if dots:
            letter = letter.replace(b"\r\n.", b"\r\n")
        if self._surplus and letter:
            letter, self._surplus = letter[self._surplus :], 0
        if letter:
            self._keep(letter)
        return rest if end >= 0 else None
