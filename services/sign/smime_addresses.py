"""Whose address a certificate names, against whom a mail says it is from (RFC 8550 section 3)."""

import unicodedata
from collections.abc import Iterable
from email.message import Message as Header
from email.utils import getaddresses
from typing import Final

from asn1crypto import core, x509

_SMTP_UTF8_MAILBOX: Final = "1.3.6.1.5.5.7.8.9"
ADDRESSES: Final = 20
"""Most addresses of one certificate or header field that are compared."""


def of_certificate(certificate: x509.Certificate) -> tuple[str, ...]:
    """rfc822Name and SmtpUTF8Mailbox (RFC 9598) of subjectAltName, emailAddress of the subject; each once."""
    found: dict[str, None] = {}
    names = certificate.subject_alt_name_value
    for name in names or ():
        if name.name == "rfc822_name":
            found[_text(name.chosen)] = None
        elif name.name == "other_name" and name.chosen["type_id"].dotted == _SMTP_UTF8_MAILBOX:
            value = name.chosen["value"].parsed
            if isinstance(value, core.UTF8String):
                found[str(value.native)] = None
    for part in certificate.subject.chosen:
        for kind in part:
            if kind["type"].native == "email_address":
                found[_text(kind["value"])] = None
    return tuple(address for address in found if "@" in address)[:ADDRESSES]


def of_field(header: Header, name: str) -> list[str]:
    """The addresses in a header field. Read before its encoded words are: a display name must not become an address."""
    lines = [str(value) for value in header.get_all(name, [])]
    return [address for _, address in getaddresses(lines) if "@" in address][:ADDRESSES]


def same(one: str, other: str) -> bool:
    """RFC 5280 section 7.5, RFC 9598 section 5: the domain without regard to case or its form, the rest exactly."""
    return normal(one) == normal(other)


def normal(address: str) -> str:
    """The form in which two addresses are compared."""
    local, _, domain = address.strip().rpartition("@")
    return f"{unicodedata.normalize('NFC', local)}@{_domain(domain)}"


def any_same(addresses: Iterable[str], others: Iterable[str]) -> bool:
    """Whether one of the addresses is one of the others."""
    return bool({normal(address) for address in addresses} & {normal(other) for other in others})


def _domain(domain: str) -> str:
    clean = domain.strip().rstrip(".").lower()
    if clean.isascii():
        return clean
    import idna

    try:
        return idna.encode(clean, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return clean


def _text(value: core.Asn1Value) -> str:
    """As written: asn1crypto would read A-labels, and stumble over those that are none."""
    try:
        return bytes(value.contents).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return str(value.native)
