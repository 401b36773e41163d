"""`<mail>`: which letter this is. Two copies of a letter have the same, whatever way they came.

The preimage is a list of octet strings, each with its length before it (8 octets, big-endian):

    b"saraban mail 1", the agency, then
        with a Message-ID:     b"named", the values of Message-ID, From, Date and Subject (first of each, unfolded,
                               runs of white space as one space: a relay may fold anew), the body's SHA-256
        without a Message-ID:  b"octets", the header section without its trace fields, the body's SHA-256

A change here gives every letter in flight a second number: it needs a new first word and an ADR.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from contracts.values import AgencyId, MailId, mail_id
from services.ingest.header_lines import Section

_NAMES: Final = ("message_id", "from_", "date", "subject")


def identify(agency: AgencyId, section: Section, body_digest: bytes) -> MailId:
    """Name a letter to `agency`; `body_digest` is the SHA-256 of its octets from `section.body` on."""
    values = section.values
    if values.get("message_id"):
        said = [b"named", *[b" ".join(values.get(name, b"").split()) for name in _NAMES]]
    else:
        said = [b"octets", section.untraced]
    preimage = [
        len(word).to_bytes(8, "big") + word for word in (b"saraban mail 1", agency.encode(), *said, body_digest)
    ]
    return mail_id(hashlib.sha256(b"".join(preimage)).digest())


def digests(blocks: Iterable[bytes], body: int) -> tuple[bytes, bytes]:
    """SHA-256 of the whole letter, and of its octets from `body` on. Lets other threads run on large blocks."""
    whole, rest = hashlib.sha256(), hashlib.sha256()
    for block in blocks:
        whole.update(block)
        rest.update(memoryview(block)[body:] if body else block)
        body = max(0, body - len(block))
    return whole.digest(), rest.digest()
