"""Agencies beside each other: what no two of them may have, and what those that share a domain must have in common."""

from collections.abc import Iterable, Sequence

from contracts.directory import Agency, Domain, NextHop
from services.runtime.directory import normalise, normalise_domain


def conflicts(fresh: Sequence[Agency], known: Iterable[Agency]) -> list[str]:
    """What of `fresh` does not fit the rest, one sentence each; what they replace of `known` does not count."""
    replaced = {agency.id for agency in fresh}
    others = [agency for agency in known if agency.id not in replaced]
    return [*_addresses(fresh, others), *_domains(fresh, others)]


def _addresses(fresh: Sequence[Agency], others: Sequence[Agency]) -> list[str]:
    owners = {normalise(address): agency.id for agency in others for address in agency.addresses}
    found: list[str] = []
    for agency in fresh:
        for address in agency.addresses:
            owner = owners.setdefault(normalise(address), agency.id)
            if owner != agency.id:
                found.append(f"{agency.id}: {address} belongs to {owner}")
    return found


def _domains(fresh: Sequence[Agency], others: Sequence[Agency]) -> list[str]:
    """A domain has one MX and one server behind it, whoever of those that share it describes them."""
    first = {normalise_domain(domain.name): (agency.id, domain) for agency in others for domain in agency.domains}
    found: list[str] = []
    for agency in fresh:
        for domain in agency.domains:
            owner, before = first.setdefault(normalise_domain(domain.name), (agency.id, domain))
            if odds := _odds(domain, before):
                what, here, there = odds
                found.append(
                    f"{agency.id}: {domain.name} has {what} {here} here and {there} in {owner}; agencies that share a "
                    "domain agree on it: import them together"
                )
    return found


def _odds(domain: Domain, before: Domain) -> tuple[str, str, str] | None:
    if domain.mode != before.mode:
        return "mode", domain.mode, before.mode
    if domain.next_hop != before.next_hop:
        return "next_hop", _shown(domain.next_hop), _shown(before.next_hop)
    return None


def _shown(next_hop: NextHop | None) -> str:
    if next_hop is None:
        return "none"
    return f"{next_hop.host}:{next_hop.port} (tls {next_hop.tls}, client {next_hop.client})"
