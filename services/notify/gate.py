"""Invariant 11: our mail goes only to who wrote to us. Pure."""

from contracts.findings import Authentication
from contracts.mail import MailReceived
from services.notify import address
from services.runtime.directory import normalise_domain


def authenticated(event: MailReceived, found: Authentication | None) -> bool:
    """Whether the reverse-path's domain is proven to be the one that wrote.

    By SPF that passed for this very domain, by a DKIM signature that passed and is aligned with it (relaxed), or
    because the peer is in a network the operator trusts. Without findings only the last can be.
    """
    return _trusted(event) or (found is not None and proven(event.sender, found))


def proven(sender: str, found: Authentication) -> bool:
    """Whether SPF or an aligned DKIM signature proves the domain of this reverse-path."""
    domain = address.domain_of(sender)
    return bool(domain) and (_spf(domain, found) or _dkim(domain, found))


def _trusted(event: MailReceived) -> bool:
    # Behind the agency's own server the peer is that server, whatever the letter's origin: trusting it would trust all.
    return event.peer.trusted and event.upstream is None


def _spf(domain: str, found: Authentication) -> bool:
    return found.spf == "pass" and normalise_domain(found.spf_domain) == domain


def _dkim(domain: str, found: Authentication) -> bool:
    return found.dkim == "pass" and any(address.aligned(signed, domain) for signed in found.dkim_domains)
