"""For whom a certificate was issued: the parts of its subject, and the domains of its e-mail addresses. For the child.

The attributes of RFC 5280 section 4.1.2.4 and of ETSI EN 319 412-1 and -3, each cleaned and cut; a value that cannot be
read is left out, since the certificate may be anybody's.
"""

from collections.abc import Iterator

from asn1crypto import x509

from contracts.findings import Holder
from services.sign.mail_domains import ascii_domain
from services.sign.thai import scrub, tidy

CHARACTERS = 200
VALUES = 8
"""Most values of one kind."""


def holder(certificate: x509.Certificate) -> Holder:
    """The holder as the certificate names him. Never raises for what is in it."""
    found: dict[str, list[str]] = {}
    for name, value in _attributes(certificate):
        values = found.setdefault(name, [])
        if value and len(values) < VALUES:
            values.append(value)
    addresses = [*_alternative_addresses(certificate), *found.get("email_address", [])]
    domains = dict.fromkeys(ascii_domain(address.rpartition("@")[2]) for address in addresses)
    return Holder(
        common_name=_first(found, "common_name"),
        organisation=_first(found, "organization_name"),
        organisation_id=_first(found, "organization_identifier"),
        units=tuple(found.get("organizational_unit_name", ())),
        country=_first(found, "country_name").upper(),
        email_domains=tuple(domain for domain in domains if domain)[:VALUES],
    )


def _first(found: dict[str, list[str]], name: str) -> str:
    return found.get(name, [""])[0]


def _attributes(certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    try:
        pairs = [pair for relative in certificate.subject.chosen for pair in relative]
    except (ValueError, TypeError, KeyError):
        return
    for pair in pairs:
        try:
            value = pair["value"].native
            name = str(pair["type"].native)
        except (ValueError, TypeError, KeyError):
            continue
        if isinstance(value, str):
            yield name, tidy(scrub(value))[:CHARACTERS]


def _alternative_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.subject_alt_name_value or ()
        found = [name.chosen.native for name in names if name.name == "rfc822_name"]
    except (ValueError, TypeError, KeyError):
        return []
    return [address for address in found if isinstance(address, str)][:VALUES]
