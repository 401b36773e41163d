"""`saraban agency`: the directory of agencies."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import msgspec
import typer

from contracts.directory import Agency, Domain, Duty, Mailbox, NextHop, Officer, Relay, SealOwner
from services.commands.agency_dns import dns
from services.commands.agency_file import FileFormat, plain, read_file, written
from services.commands.agency_store import store
from services.commands.calendar import calendar
from services.commands.errors import CommandError
from services.commands.known import known_agencies as known_agencies
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import row, say, table
from services.runtime.config import host_port
from services.runtime.settings import Settings

OPERATOR = "operator"
"""The seal of agencies that name none (services/sign/seals.py)."""

app = typer.Typer(no_args_is_help=True, help="The directory: what the system knows of each agency.")


app.command("dns")(dns)
app.command("calendar")(calendar)


class ListFormat(StrEnum):
    """How a list is shown."""

    TABLE = "table"
    JSONL = "jsonl"


class SealName(StrEnum):
    """Who seals an agency's receipts."""

    OPERATOR = "operator"
    TEST = "test"


class _Place(TypedDict):
    host: str
    port: int


@app.command("list")
def list_agencies(
    style: Annotated[ListFormat, typer.Option("--format")] = ListFormat.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """List the agencies."""
    agencies = run(_read(state, config))
    if style is ListFormat.JSONL:
        for agency in agencies.values():
            row(msgspec.to_builtins(agency))
        return
    if not agencies:
        say("no agency yet: `saraban agency add` or `saraban agency import`")
        return
    table(
        ("id", "name", "addresses", "mode", "mail for officers goes to"),
        (
            (
                agency.id if agency.active else f"{agency.id} (inactive)",
                agency.name,
                ", ".join(agency.addresses),
                ", ".join(sorted({domain.mode for domain in agency.domains})),
                ", ".join(mailbox.address for mailbox in agency.mailboxes) or "–",
            )
            for agency in sorted(agencies.values(), key=lambda one: one.id)
        ),
    )


@app.command()
def show(
    agency: Annotated[str, typer.Argument(metavar="ID")],
    style: Annotated[FileFormat, typer.Option("--format")] = FileFormat.TOML,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show everything that is known of one agency."""
    agencies = run(_read(state, config))
    sys.stdout.write(written([named(agencies, agency)], style))


@app.command()
def add(
    agency: Annotated[str, typer.Argument(metavar="ID", help="A short token, such as dga: a-z, 0-9, - and _.")],
    name: Annotated[str, typer.Option(help="Full name, as on its letters.")],
    address: Annotated[list[str], typer.Option(help="Central address; may be given several times.")],
    mailbox: Annotated[list[str] | None, typer.Option(help="Mailbox that gets the letters; several.")] = None,
    relay: Annotated[
        str | None, typer.Option(help="HOST:PORT our mail is handed to (SMTP with STARTTLS). None: a folder.")
    ] = None,
    upstream: Annotated[
        list[str] | None, typer.Option(help="Network of the agency's own server: mode behind. None: mode only.")
    ] = None,
    next_hop: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of the server that has the domain's other mailboxes (STARTTLS): mode shared."),
    ] = None,
    officer: Annotated[
        list[str] | None, typer.Option(metavar="NAME/POSITION/TELEPHONE", help="An appointed officer; several.")
    ] = None,
    number_format: Annotated[
        str, typer.Option(help="{number} and {year}; {number_th} and {year_th} in Thai digits.")
    ] = "{number}/{year}",
    first: Annotated[
        list[str] | None,
        typer.Option(metavar="SERIES/YEAR=NUMBER", help="First number of a book, as received/2569=8432; several."),
    ] = None,
    seal: Annotated[
        SealName | None,
        typer.Option(help="Whose seal.", show_default="operator; test, where the operator's is not configured"),
    ] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Add an agency. What has no option here: days off and hours by `calendar --import`, the rest by show, import."""
    if upstream and next_hop:
        raise CommandError("--upstream is mode behind, --next-hop is mode shared: one of them", 2)
    mode: Literal["only", "behind", "shared"] = "behind" if upstream else "shared" if next_hop else "only"
    hop = None if next_hop is None else NextHop(**_place("--next-hop", next_hop))
    domains = dict.fromkeys(one.rpartition("@")[2].lower() for one in address)
    officers = tuple(_officer(number, text) for number, text in enumerate(officer or (), 1))
    try:
        made = msgspec.convert(
            {
                "id": agency,
                "name": name,
                "domains": [
                    Domain(name=one, mode=mode, upstreams=tuple(upstream or ()), next_hop=hop) for one in domains
                ],
                "addresses": address,
                "officers": officers,
                "roster": tuple(Duty(officer=one.id) for one in officers[:1]),
                "number_format": number_format,
                "first": dict(_first(text) for text in first or ()),
                "relay": None if relay is None else Relay(**_place("--relay", relay)),
                "mailboxes": tuple(Mailbox(address=one) for one in mailbox or ()),
            },
            Agency,
        )
    except msgspec.ValidationError as error:
        raise CommandError(f"agency {agency!r}: {plain(error)}", 2) from error
    settings = find(state, config)
    kind = seal or (SealName.OPERATOR if OPERATOR in settings.sign.seals else SealName.TEST)
    run(_store(settings, [msgspec.structs.replace(made, seal=SealOwner(kind=kind.value))], new=True))


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="TOML or JSON, one agency or many.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Add agencies from files, or replace those that are there. All of them or, if one is wrong, none.

    Hours and days off by which a letter in the register would be deemed received at another time are refused.
    """
    agencies = [agency for file in files for agency in read_file(file)]
    run(_store(find(state, config), agencies, new=False))


@app.command()
def export(
    agencies: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="All, if none is named.")] = None,
    style: Annotated[FileFormat, typer.Option("--format")] = FileFormat.TOML,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write agencies as `import` reads them."""
    known = run(_read(state, config))
    chosen = [named(known, one) for one in agencies] if agencies else sorted(known.values(), key=lambda one: one.id)
    sys.stdout.write(written(chosen, style))


async def _read(state: Path | None, config: Path | None) -> Mapping[str, Agency]:
    async with connected(find(state, config)) as bus:
        return await known_agencies(bus)


async def _store(settings: Settings, agencies: list[Agency], *, new: bool) -> None:
    async with connected(settings) as bus:
        known = await known_agencies(bus)
        await store(bus, agencies, known, new=new)
        for agency in agencies:
            say(f"{agency.id}: {'replaced' if agency.id in known else 'added'}, {', '.join(agency.addresses)}")
            if hint := _seal_hint(agency, settings):
                say(f"{agency.id}: {hint}")


def _seal_hint(agency: Agency, settings: Settings) -> str:
    """What to know about its seal, as far as the settings at hand tell; the key itself is seen by `sign` alone."""
    owner, seals = agency.seal, settings.sign.seals
    if owner.kind == "test":
        return "the test authority seals its receipts; they say ทดสอบ and prove nothing"
    if (owner.key or OPERATOR) in seals:
        return ""
    return (
        f"its receipts wait until [sign] seals names {owner.key or OPERATOR}; for a trial give it a seal of kind test"
    )


def named(agencies: Mapping[str, Agency], name: str) -> Agency:
    """The agency of this id, or a sentence that says which there are."""
    if name not in agencies:
        raise CommandError(f"there is no agency {name!r}; there are {', '.join(sorted(agencies)) or 'none'}")
    return agencies[name]


def _officer(number: int, text: str) -> Officer:
    parts = [part.strip() for part in text.split("/")]
    if len(parts) not in (2, 3) or not all(parts[:2]):
        raise CommandError(f"--officer {text!r}: is not NAME/POSITION or NAME/POSITION/TELEPHONE", 2)
    return Officer(id=f"officer{number}", name=parts[0], position=parts[1], telephone=parts[2] if parts[2:] else "")


def _first(text: str) -> tuple[str, int]:
    book, equals, number = text.partition("=")
    if not equals or not number.isascii() or not number.isdigit():
        raise CommandError(f"--first {text!r}: is not SERIES/YEAR=NUMBER", 2)
    return book, int(number)


def _place(option: str, text: str) -> _Place:
    try:
        host, port = host_port(text, default=25)
    except ValueError as error:
        raise CommandError(f"{option} {error}", 2) from error
    return {"host": host, "port": port}
