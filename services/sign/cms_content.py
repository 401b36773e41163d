"""What a CMS file is (RFC 5652 section 3), and what a signed one carries. For the child process and the verifier."""

import re
from typing import Final, Literal, NamedTuple

LARGEST: Final = 64 << 20
"""Octets of a CMS file that is opened; letters are smaller (`[ingest] message_bytes`)."""

Kind = Literal["signed", "encrypted", "certificates", "other"]

_ENVELOPED: Final = re.compile(
    # ContentInfo, in DER or BER, with the identifier of (signed-and-)enveloped, encrypted or authEnveloped data.
    rb"\x30(?:[\x01-\x80]|[\x81-\x84].{1,4}?)\x06"
    rb"(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x03\x04\x06]|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17)",
    re.DOTALL,
)
_ENCRYPTED: Final = frozenset(
    {"enveloped_data", "signed_and_enveloped_data", "encrypted_data", "authenticated_enveloped_data"}
)


class Content(NamedTuple):
    """What was found in the file."""

    kind: Kind
    inside: bytes | None = None
    """Of signed data: the octets that it carries; None where it carries none."""


def is_encrypted(octets: bytes) -> bool:
    """Whether it begins as a CMS file that only its recipients can read."""
    return _ENVELOPED.match(octets) is not None


def read(octets: bytes) -> Content | None:
    """What kind of CMS file it is; None where it is none. Never raises for what is in it."""
    if is_encrypted(octets):
        return Content("encrypted")
    if octets[:1] != b"\x30" or len(octets) > LARGEST:
        return None
    # Imported where it is used: most letters hold no such file.
    from asn1crypto import cms, core

    try:
        file = cms.ContentInfo.load(octets)
        kind = file["content_type"].native
        if kind in _ENCRYPTED:
            return Content("encrypted")
        if kind != "signed_data":
            return Content("other")
        content = file["content"]["encap_content_info"]["content"]
        inside = None if content is core.VOID or isinstance(content, core.Void) else bytes(content)
        if inside is None and not len(file["content"]["signer_infos"]):
            return Content("certificates")
        return Content("signed", inside)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None
