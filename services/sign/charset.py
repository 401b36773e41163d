"""Octets to text when the label may be missing, wrong or unknown: much Thai mail is windows-874 without saying so."""

import codecs

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


def decode(octets: bytes, label: str = "") -> str:
    """The text; what no reading explains becomes U+FFFD, never an error."""
    name = label.strip().strip("\"'").lower()
    if name in _THAI:
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
