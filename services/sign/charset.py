"""Octets to text when the label may be missing, wrong or unknown: much Thai mail is windows-874 without saying so."""

import codecs
import re

_UNSAID = frozenset(
    {"", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "default", "binary", "8bit", "utf-8", "utf8"}
)
_THAI = frozenset(
    {
        "tis-620",
        "tis620",
        "iso-8859-11",
        "iso8859-11",
        "iso_8859-11",
        "windows-874",
        "cp874",
        "x-windows-874",
        "874",
        "ibm874",
        "tis-620-2533",
    }
)
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape"})
"""Python's names of text encodings that no mail is written in; the first takes longer than its text grows."""


_WESTERN = frozenset({"iso-8859-1", "latin-1", "latin1", "iso-8859-15", "windows-1252", "cp1252"})
_THAI_WORDS = re.compile(rb"[\xa1-\xda\xdf-\xfb]{4,}")
"""Letters beyond ASCII stand alone in western words, and one by the other in Thai ones."""
_THAI_UTF8 = re.compile(rb"(?:\xe0[\xb8\xb9][\x80-\xbf]){3,}")


def decode(octets: bytes, label: str = "") -> str:
    """The text; what no reading explains becomes U+FFFD, never an error."""
    name = label.strip().strip("\"'").lower()
    if name in _THAI:
        return _utf8_in_truth(octets) or octets.decode("cp874", "replace")
    if name in _WESTERN:
        if (text := _utf8_in_truth(octets)) is not None:
            return text
        if sum(map(len, _THAI_WORDS.findall(octets))) * 2 > sum(octet > 0x7F for octet in octets):
            return octets.decode("cp874", "replace")
    if name not in _UNSAID:
        try:
            known = codecs.lookup(name)
            if getattr(known, "_is_text_encoding", True) and known.name.replace("_", "-") not in _NO_CHARSETS:
                return octets.decode(name)
        except (LookupError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        if name in ("utf-8", "utf8") and octets.decode("utf-8", "ignore").strip():
            # One damaged character is no reason to read a page of UTF-8 as something else.
            text = octets.decode("utf-8", "replace")
            if text.count("\ufffd") * 20 < len(text):
                return text
        return octets.decode("cp874", "replace")


def _utf8_in_truth(octets: bytes) -> str | None:
    """The text, if it is Thai in UTF-8 under another label: no text of those charsets is that by chance."""
    if _THAI_UTF8.search(octets) is None:
        return None
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
