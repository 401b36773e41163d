"""The directory: what the system knows of each agency. Key-value bucket `directory`, key `agency.<id>`.

Everything that a lawyer or an agency may want otherwise is data here, never a constant in code.
"""

import ipaddress
import re
import string
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.values import SERIES, AgencyId, Number, Series

ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, Thai time.")]
Weekday = Annotated[int, Meta(ge=0, le=6, description="0 is Monday.")]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$", description="ISO 8601 date, CE.")]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the directory's values: a field we do not know is a mistake in somebody's file."""


class NextHop(Entry, frozen=True, kw_only=True):
    """Mode shared: the server that has the domain's other mailboxes."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    client: Annotated[
        Literal["none", "xclient", "proxy"],
        Meta(
            description="How it is told who the peer is, so that its filters see the real one: Postfix's XCLIENT, or a "
            "PROXY v2 header. It has to trust our address for either."
        ),
    ] = "none"


class Domain(Entry, frozen=True, kw_only=True):
    """A mail domain of the agency, and what happens to addresses on it that are not ours (invariant 9)."""

    name: Annotated[str, Meta(pattern=r"^[^\s@.]+(\.[^\s@.]+)*$", description="Lower case; U-labels are accepted.")]
    mode: Literal["only", "behind", "shared"] = "only"
    upstreams: Annotated[
        tuple[str, ...], Meta(description="Mode behind: networks (CIDR) of the agency's own server.")
    ] = ()
    next_hop: Annotated[
        NextHop | None, Meta(description="Mode shared: the server that addresses which are not ours are passed to.")
    ] = None


class Officer(Entry, frozen=True, kw_only=True):
    """An appointed officer (เจ้าหน้าที่ผู้รับผิดชอบ): name, position and telephone are published by rule."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]+$")]
    name: Annotated[str, Meta(min_length=1)]
    position: Annotated[str, Meta(min_length=1)]
    telephone: str = ""
    valid_from: IsoDate | None = None
    valid_until: Annotated[IsoDate | None, Meta(description="Last day, inclusive.")] = None


class Duty(Entry, frozen=True, kw_only=True):
    """One line of the roster: who answers on these days. The first line that fits holds."""

    officer: str
    weekdays: tuple[Weekday, ...] = (0, 1, 2, 3, 4, 5, 6)
    valid_from: IsoDate | None = None
    valid_until: IsoDate | None = None


class LaterHours(Entry, frozen=True, kw_only=True):
    """Office hours that hold from a day on, until the next ones do."""

    valid_from: IsoDate
    opens: ClockTime = "08:30"
    closes: ClockTime = "16:30"
    weekdays: tuple[Weekday, ...] = (0, 1, 2, 3, 4)


class Hours(Entry, frozen=True, kw_only=True):
    """Office hours, half-open: 16:30:00 is already outside. The lunch hour counts."""

    opens: ClockTime = "08:30"
    closes: ClockTime = "16:30"
    weekdays: tuple[Weekday, ...] = (0, 1, 2, 3, 4)
    later: Annotated[
        tuple[LaterHours, ...], Meta(description="Hours that take effect on a day, in the order of these days.")
    ] = ()


class Overlay(Entry, frozen=True, kw_only=True):
    """What the agency's calendar has beside the national one (DOMAIN: office hours)."""

    closed: Annotated[dict[IsoDate, str], Meta(description="Days off, with their reason.")] = {}
    open: Annotated[dict[IsoDate, str], Meta(description="Working days although the package says holiday.")] = {}


class Relay(Entry, frozen=True, kw_only=True):
    """Where our mail for this agency is handed over."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    protocol: Literal["smtp", "lmtp"] = "smtp"
    tls: Literal["none", "starttls", "implicit"] = "starttls"


class Mailbox(Entry, frozen=True, kw_only=True):
    """A mailbox of the agency that gets cover mails."""

    address: str
    relay: Annotated[Relay | None, Meta(description="None: the agency's relay.")] = None


class SealOwner(Entry, frozen=True, kw_only=True):
    """Who seals the agency's receipts."""

    kind: Literal["operator", "agency", "test"] = "operator"
    key: Annotated[str, Meta(description="Name of the key in `[sign] seals`; empty: the operator's.")] = ""


class Dkim(Entry, frozen=True, kw_only=True):
    """DKIM of our own mail; the private key is a file of notify's, `<domain>.<selector>.pem`."""

    domain: str
    selector: str


class Agency(Entry, frozen=True, kw_only=True):
    """One agency."""

    id: AgencyId
    name: Annotated[str, Meta(min_length=1, description="Full name, as on its letters.")]
    domains: Annotated[tuple[Domain, ...], Meta(min_length=1)]
    addresses: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Central addresses; matched whole, without regard to case.")
    ]
    officers: tuple[Officer, ...] = ()
    roster: tuple[Duty, ...] = ()
    hours: Hours = Hours()
    overlay: Overlay = Overlay()
    year_basis: Literal["deemed", "entered"] = "deemed"
    number_format: Annotated[
        str, Meta(min_length=1, description="{number}, {year} in ASCII; {number_th}, {year_th} in Thai digits.")
    ] = "{number}/{year}"
    first: Annotated[
        dict[str, Number], Meta(description="First number of a book that no order opened: `<series>/<year>` to number.")
    ] = {}
    relay: Annotated[Relay | None, Meta(description="None: mails are written to notify's folder.")] = None
    mailboxes: tuple[Mailbox, ...] = ()
    registrar: Annotated[str, Meta(description="Address that is alerted (classified letters, failures).")] = ""
    registrar_certificate: Annotated[
        str, Meta(description="PEM; records of the classified series are enveloped for it.")
    ] = ""
    return_domain: Annotated[str, Meta(description="Where the token addresses live; empty: the first domain.")] = ""
    dkim: Dkim | None = None
    seal: SealOwner = SealOwner()
    active: bool = True

    @property
    def bounce_domain(self) -> str:
        """The domain of this agency's token addresses (contracts/addresses.py)."""
        return self.return_domain or self.domains[0].name

    def first_number(self, series: Series, year: int) -> int:
        """Where a book begins that no order opened."""
        return self.first.get(f"{series}/{year}", 1)


def problems(agency: Agency) -> list[str]:
    """What is wrong in an agency beyond its types, one sentence each."""
    return [*_of_domains(agency), *_of_officers(agency), *_of_books(agency), *_of_days(agency)]


def _of_domains(agency: Agency) -> list[str]:
    found: list[str] = []
    names = [domain.name.lower() for domain in agency.domains]
    for address in agency.addresses:
        local, at, host = address.rpartition("@")
        if not at or not local or host.lower() not in names:
            found.append(f"addresses: {address!r} is not on one of the agency's domains")
    found += [f"domains: {name!r} is there twice" for name in _twice(names)]
    found += [f"addresses: {name!r} is there twice" for name in _twice([a.lower() for a in agency.addresses])]
    for domain in agency.domains:
        if domain.mode == "behind" and not domain.upstreams:
            found.append(f"domains: {domain.name!r} is in mode behind, but names no upstream networks")
        if (domain.mode == "shared") != (domain.next_hop is not None):
            found.append(f"domains: {domain.name!r}: mode shared and next_hop go together")
        found += [
            f"domains: {domain.name!r}: {network!r} is no network such as 192.0.2.0/24"
            for network in domain.upstreams
            if not _is_network(network)
        ]
    for mailbox in agency.mailboxes:
        if not _is_address(mailbox.address):
            found.append(f"mailboxes: {mailbox.address!r} is no address")
    if agency.registrar and not _is_address(agency.registrar):
        found.append(f"registrar: {agency.registrar!r} is no address")
    return found


def _of_officers(agency: Agency) -> list[str]:
    known = [officer.id for officer in agency.officers]
    found = [f"officers: {name!r} is there twice" for name in _twice(known)]
    found += [f"roster: nobody is called {duty.officer!r}" for duty in agency.roster if duty.officer not in known]
    dated = [("officers", o.valid_from, o.valid_until) for o in agency.officers]
    dated += [("roster", d.valid_from, d.valid_until) for d in agency.roster]
    for where, *days in dated:
        found += [f"{where}: {day!r} is no day of the calendar" for day in days if day and not _is_day(day)]
    return found


def _of_books(agency: Agency) -> list[str]:
    found: list[str] = []
    for book in agency.first:
        series, _, year = book.partition("/")
        if series not in SERIES or not re.fullmatch(r"2[5-9]\d\d", year, re.ASCII):
            found.append(f"first: {book!r} is not <series>/<Buddhist year>")
    try:
        agency.number_format.format(number=1, year=2569, number_th="๑", year_th="๒๕๖๙")
        names = {name for _, name, _, _ in string.Formatter().parse(agency.number_format) if name is not None}
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        names = {""}
    if not names <= {"number", "year", "number_th", "year_th"}:
        found.append(f"number_format: {agency.number_format!r} uses a name other than number, year, number_th, year_th")
    if "{number" not in agency.number_format:
        found.append("number_format: has no {number} or {number_th}")
    return found


def _of_days(agency: Agency) -> list[str]:
    found: list[str] = []
    every: tuple[Hours | LaterHours, ...] = (agency.hours, *agency.hours.later)
    for hours in every:
        if hours.opens >= hours.closes:
            found.append("hours: opens must be before closes")
        if not hours.weekdays:
            found.append("hours: no working day; nothing would ever be deemed received")
    starts = [hours.valid_from for hours in agency.hours.later]
    found += [f"hours: valid_from {day!r} is no day of the calendar" for day in starts if not _is_day(day)]
    if starts != sorted(set(starts)):
        found.append("hours: later ones must stand in the order of their days, one for a day")
    days = {**agency.overlay.closed, **agency.overlay.open}
    found += [f"overlay: {day!r} is no day of the calendar" for day in days if not _is_day(day)]
    found += [
        f"overlay: {day!r} is both closed and open" for day in agency.overlay.closed if day in agency.overlay.open
    ]
    return found


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_day(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.year < 2400  # a Buddhist year would pass for one CE


def _is_address(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at and local and host) and not re.search(r"[\s<>]", text)
