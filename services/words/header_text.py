"""Header lines as a person reads them: encoded words decoded, whatever their charset (RFC 2047)."""

import contextlib
import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final

_CHARSETS: Final = {
    # Thai mail names these, Python does not know them; all are TIS-620 with or without a few signs more.
    "windows-874": "cp874",
    "x-windows-874": "cp874",
    "windows874": "cp874",
    "ms874": "cp874",
    "tis-620": "cp874",
    "tis620": "cp874",
    "iso-8859-11": "cp874",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
}
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_HALVES: Final = re.compile("[\ud800-\udfff]")
"""Lone surrogates: utf-7 and the escape codecs make them, and no JSON can hold them."""
_LONGEST: Final = 32 * 1024


def decoded(line: str) -> str:
    """The text of a header line; what cannot be decoded shows as U+FFFD or as written. Never raises."""
    # Unfolded: decode_header drops the space of a line that goes on behind an encoded word.
    line = line[:_LONGEST].replace("\r\n", "").replace("\n", "")
    if "=?" in line:
        # Behind the last word's end is none: the standard library would look for it from every beginning.
        words, end, rest = line.rpartition("?=")
        with contextlib.suppress(HeaderParseError, ValueError):  # then as written: it shows what came
            line = "".join(_text(said, charset) for said, charset in decode_header(words + end)) + rest
    return _HALVES.sub("\ufffd", _CONTROLS.sub(" ", line)).strip()


def _text(words: bytes | str, charset: str | None) -> str:
    if isinstance(words, str):
        return words
    if charset is None:
        # What stands between encoded words: decode_header wrote it by this codec.
        return words.decode("raw-unicode-escape", "replace")
    # RFC 2231 section 5: a language may stand behind the charset.
    name = charset.partition("*")[0].lower()
    try:
        return words.decode(_CHARSETS.get(name, name), "replace")
    except LookupError:
        try:
            return words.decode("utf-8")
        except UnicodeDecodeError:
            return words.decode("cp874", "replace")
