"""`saraban agency dns`: the records an agency's domains need, what is there now, and the way from one to the other."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contracts.directory import Agency
from services.commands.dns import spf
from services.commands.dns.domain import public_host
from services.commands.dns.wanted import Refusal, Wanted
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.notify.address import usable
from services.runtime.settings import Settings


class Style(StrEnum):
    """How the records are shown."""

    TABLE = "table"
    ZONE = "zone"
    JSON = "json"


class PolicyMode(StrEnum):
    """The mode of the MTA-STS policy."""

    TESTING = "testing"
    ENFORCE = "enforce"


def dns(
    agency: Annotated[str, typer.Argument(metavar="ID")],
    mx: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Our MX name; several.", show_default="[ingest] hostname"),
    ] = None,
    outgoing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Who sends our mails, for SPF: an IPv4 or IPv6 address or network, or the name whose record is to be "
            "included; several. That is the agency's relay: ask its operator.",
            show_default="not known",
        ),
    ] = None,
    whole_domain: Annotated[
        bool, typer.Option("--whole-domain", help="Mode only: the whole domain is to be ours, although it has an MX.")
    ] = False,
    reports: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Mailbox for DMARC's and TLS-RPT's reports.", show_default="[ingest] postmaster"
        ),
    ] = "",
    mta_sts: Annotated[
        PolicyMode, typer.Option("--mta-sts", help="The policy's mode: testing first.")
    ] = PolicyMode.TESTING,
    resolver: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="The DNS server to ask.", show_default="the host's")
    ] = "",
    deadline: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that one question may take.")] = 5.0,
    style: Annotated[Style, typer.Option("--format")] = Style.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Print the DNS records for an agency's domains, judge those that exist, and plan the cut-over.

    MX, SPF, DKIM, DMARC, MTA-STS and TLS-RPT, for each domain and for the one where reports about our mails come back.
    Mode behind: what the agency's own server has to do instead of an MX.

    Exit code 0: everything is there and right; 1: something is missing, differs, is in the way or got no answer
    (temperror), or an MX is refused: a domain in mode only has one, and its other mailboxes would be cut off; 2: a
    wrong option.
    """
    settings = find(state, config)
    known, chosen = run(_agency(settings, agency))
    wanted = Wanted(
        hosts=_hosts(mx, settings),
        senders=_senders(outgoing or []),
        reports=_reports(reports or settings.ingest.postmaster),
        mta_sts=mta_sts.value,
        keys=Path(settings.state) / settings.notify.dkim_keys if settings.notify.dkim_keys else None,
        whole_domain=whole_domain,
    )
    return run(_print(chosen, known, wanted, resolver, deadline, style))


async def _agency(settings: Settings, name: str) -> tuple[dict[str, Agency], Agency]:
    from services.commands.agency import known_agencies, named  # agency.py has this word among its own

    async with connected(settings) as bus:
        known = dict(await known_agencies(bus))
    return known, named(known, name)


async def _print(
    agency: Agency, known: dict[str, Agency], wanted: Wanted, resolver: str, deadline: float, style: Style
) -> int:
    # Half a second of dnspython: only who asks the DNS pays for it.
    from services.commands.dns import page
    from services.commands.dns.lookup import Lookup
    from services.commands.dns.survey import exit_code, survey

    try:
        lookup = await asyncio.to_thread(Lookup, resolver, deadline)
    except ValueError as error:
        raise CommandError(f"--resolver: {error}", 2) from error
    try:
        sections = await survey(agency, known, wanted, lookup)
    except Refusal as refusal:
        raise CommandError(str(refusal)) from refusal
    match style:
        case Style.TABLE:
            page.show(sections)
        case Style.ZONE:
            page.zone(agency, sections)
        case Style.JSON:
            page.as_json(agency, sections)
    return exit_code(sections)


def _hosts(named: list[str] | None, settings: Settings) -> tuple[str, ...]:
    if not named and not settings.ingest.hostname:
        raise CommandError("which name is our MX? Say --mx HOST, or set hostname in [ingest]", 2)
    source = "--mx" if named else "[ingest] hostname"
    hosts = []
    for text in named or [settings.ingest.hostname]:
        host = public_host(text)
        if host is None:
            raise CommandError(
                f"{source} {text!r}: no server on the internet finds this name; say --mx with a full public name "
                "such as mx.example.go.th (an MX is a name, never an address)",
                2,
            )
        hosts.append(host)
    return tuple(dict.fromkeys(hosts))


def _senders(texts: list[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(spf.sender(text) for text in texts))
    except ValueError as error:
        raise CommandError(f"--outgoing {error}", 2) from error


def _reports(address: str) -> str:
    if address and (not usable(address) or any(sign in address for sign in "!,;% ")):
        raise CommandError(f"--reports {address!r}: is no address that a record can hold", 2)
    return address
