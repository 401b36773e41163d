"""SHA-256 of a letter's body in DKIM relaxed form (RFC 6376 section 3.4.4): survives what relays do to white space."""

import hashlib
import re

_SPACES = re.compile(rb"\t[\t ]*| [\t ]+")  # not the single spaces that nearly all are
_AT_LINE_END = re.compile(rb" +\r\n")
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")


def body_of(octets: bytes) -> bytes:
    """What follows the header; a message that begins with an empty line is all body."""
    if octets.startswith((b"\r\n", b"\n")):
        return octets.split(b"\n", 1)[1]
    match = _HEADER_END.search(octets)
    return octets[match.end() :] if match else b""


def relaxed(body: bytes) -> bytes:
    """The body in relaxed form.

    A bare LF ends a line too: RFC 5322 knows none, and copies in mail folders have nothing else, so that the sender's
    copy gives the same digest as the letter that was sent.
    """
    body = _BARE_NEWLINE.sub(b"\r\n", body)
    body = _AT_LINE_END.sub(b"\r\n", _SPACES.sub(b" ", body)).rstrip(b" ")
    kept = len(body)
    while body.endswith(b"\r\n", 0, kept):
        kept -= 2
    body = body[:kept]
    return body + b"\r\n" if body else b""


def body_sha256(octets: bytes) -> str:
    """The digest, in hex, of the body of a whole message."""
    return hashlib.sha256(relaxed(body_of(octets))).hexdigest()
