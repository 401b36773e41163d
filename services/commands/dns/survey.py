"""Everything the DNS should say about one agency, looked up and judged."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence

from contracts.directory import Agency, Domain
from services.commands.dns import plan, transport
from services.commands.dns.dmarc import Sending, dmarc_records
from services.commands.dns.domain import shown
from services.commands.dns.exchange import Exchanges, exchanges, judged, place
from services.commands.dns.lookup import Lookup
from services.commands.dns.record import Record, Section, State
from services.commands.dns.signing import dkim_record
from services.commands.dns.spf_record import spf_record
from services.commands.dns.wanted import Refusal, Wanted
from services.runtime.directory import normalise_domain

RETURN = "return"


async def survey(agency: Agency, others: Mapping[str, Agency], wanted: Wanted, lookup: Lookup) -> list[Section]:
    """Look everything up and judge it.

    Raises:
        Refusal: a domain in mode only has another MX, or it is not known whether it has one, and nobody said that the
            whole domain is meant.
    """
    places = _places(agency, others)
    now = dict(
        zip(places, await asyncio.gather(*(exchanges(lookup, one, wanted.hosts) for one in places)), strict=True)
    )
    if not wanted.whole_domain:
        _refuse(places, now)
    hosts = await asyncio.gather(*(place(lookup, host) for host in wanted.hosts))
    sections = await asyncio.gather(
        *(
            _section(agency, domain, entry, now[domain], wanted, lookup, first=number == 0)
            for number, (domain, entry) in enumerate(places.items())
        )
    )
    first = sections[0]
    head = Section(domain=first.domain, title=first.title, mode=first.mode, records=(*hosts, *first.records),
                   duties=first.duties, policy=first.policy, plan=first.plan)  # fmt: skip
    return [head, *sections[1:]]


def _places(agency: Agency, others: Mapping[str, Agency]) -> dict[str, Domain | None]:
    """The agency's domains by A-label, and the one of its token addresses as the directory has it."""
    found: dict[str, Domain | None] = {normalise_domain(entry.name): entry for entry in agency.domains}
    returns = normalise_domain(agency.bounce_domain)
    if returns not in found:
        entries = (entry for other in others.values() if other.active for entry in other.domains)
        found[returns] = next((entry for entry in entries if normalise_domain(entry.name) == returns), None)
    return found


def _mode(entry: Domain | None) -> str:
    return entry.mode if entry is not None else RETURN


def _refuse(places: Mapping[str, Domain | None], now: Mapping[str, Exchanges]) -> None:
    for domain, entry in places.items():
        if _mode(entry) in ("shared", "behind"):
            continue
        if now[domain].silence:
            raise Refusal(
                f"{shown(domain)}: whether it has an MX is not known ({now[domain].silence}), and in mode only every "
                "address but ours would be refused; ask again, or say --whole-domain"
            )
        if now[domain].others:
            why = (
                "is in mode only, so every address on it but ours would be refused (550)"
                if entry is not None
                else "is to have our token addresses alone, and every other address on it would be refused (550)"
            )
            raise Refusal(
                f"{shown(domain)} has an MX, {', '.join(now[domain].others)}, and {why}. If that server has mailboxes, "
                "choose mode shared or behind (`saraban agency export`, `import`); if the whole domain is to be ours, "
                "say --whole-domain"
            )


async def _section(
    agency: Agency, domain: str, entry: Domain | None, now: Exchanges, wanted: Wanted, lookup: Lookup, *, first: bool
) -> Section:
    mode = _mode(entry)
    addresses = [one for one in agency.addresses if normalise_domain(one.rpartition("@")[2]) == domain]
    returns = normalise_domain(agency.bounce_domain)
    reports = wanted.reports or f"postmaster@{domain}"
    asked: list[Coroutine[object, object, list[Record]]] = []
    if first or domain == returns or addresses:
        asked.append(_one(spf_record(lookup, domain, wanted.senders, _sender(agency))))
    if first:
        asked.append(_one(dkim_record(lookup, domain, agency.dkim, wanted.keys)))
    if addresses:
        asked.append(dmarc_records(lookup, Sending(domain, returns, agency.dkim, reports)))
    if mode != "behind":
        asked.append(transport.mta_sts(lookup, domain, wanted.hosts, wanted.mta_sts))
        asked.append(_one(transport.tls_reports(lookup, domain, reports)))
    # All at once: a resolver that is silent costs one deadline, not one for each.
    answered = await asyncio.gather(*asked)
    records = [judged(domain, mode, now, wanted.hosts), *(record for some in answered for record in some)]
    if mode == "behind":
        return Section(
            domain=domain,
            title=shown(domain),
            mode=mode,
            records=tuple(records),
            duties=tuple(_duties(domain, entry, addresses, wanted.hosts, returns=domain == returns)),
            plan=plan.behind(records, addresses[0] if addresses else f"an address on {domain}"),
        )
    policy = transport.policy(domain, wanted.hosts, wanted.mta_sts)
    next_hop = entry.next_hop.host if entry is not None and entry.next_hop is not None else ""
    steps = plan.moving(
        domain, mode, now, wanted.hosts, records,
        policy=policy, address=addresses[0] if addresses else "", next_hop=next_hop,
    )  # fmt: skip
    return Section(domain=domain, title=shown(domain), mode=mode, records=tuple(records), policy=policy, plan=steps)


async def _one(record: Awaitable[Record]) -> list[Record]:
    return [await record]


def _sender(agency: Agency) -> str:
    if agency.relay is None:
        return (
            "the agency has no relay yet, so its mails stay in a folder; whoever will send them has outgoing addresses"
        )
    return (
        f"our mails leave by the agency's relay {agency.relay.host}, whose outgoing addresses only its operator knows"
    )


def _duties(
    domain: str, entry: Domain | None, addresses: Sequence[str], hosts: Sequence[str], *, returns: bool
) -> Iterable[str]:
    """What the agency's own server has to do for us."""
    networks = ", ".join(entry.upstreams) if entry is not None else ""
    for address in addresses:
        yield (
            f"hand every mail to {address} to {' or '.join(hosts)}, port 25, with STARTTLS (a transport rule or "
            "connector)"
        )
    if returns:
        yield (
            f"hand receipt-*@{domain} over likewise: reports about our receipts come there; or give the agency a "
            "return_domain of its own whose MX we are"
        )
    yield (
        f"connect from {networks}: from elsewhere the central address is deferred (451); change `upstreams` in the "
        "directory before the server's address changes"
    )
    yield (
        "leave the letter as it is: no new subject, no footer, no link rewriting, the sender's reverse-path and all "
        "Received lines"
    )
    yield "neither filter nor quarantine these letters: what never reaches us has no number"


def exit_code(sections: Iterable[Section]) -> int:
    """0 where every record is right."""
    return int(any(_open(record) for section in sections for record in section.records))


def _open(record: Record) -> bool:
    return record.state is not State.OK
