"""What every order asks for: the agency, the person, the reason, the book, and how long to wait."""

import secrets
import time
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from contracts.values import BANGKOK, instant
from services.commands.errors import CommandError
from services.desk.typed_dates import NoDateError, day, moment

WAIT_SECONDS = 15.0

AgencyOption = Annotated[str, typer.Option("--agency", metavar="ID", help="Whose book it is.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="The person who decided (ชื่อผู้สั่ง).")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the order.")]
YearOption = Annotated[
    int | None, typer.Option("--year", metavar="YEAR", help="Buddhist year of the book.", show_default="this year")
]
NumberArgument = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="Register number of the entry.")]
WaitOption = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait until the register has carried it out or refused it (exit 1)."),
]
SecondsOption = Annotated[
    float,
    typer.Option(
        "--wait-seconds", min=0.1, max=3600, metavar="SECONDS", help="How long; then exit 3, and the order is kept."
    ),
]


class SeriesName(StrEnum):
    """The series of an agency."""

    RECEIVED = "received"
    GENERAL = "general"
    CLASSIFIED = "classified"


SeriesOption = Annotated[SeriesName, typer.Option("--series", help="Which book.")]


def order_fields(agency: str, by: str, reason: str) -> dict[str, Any]:
    """The fields that every order has. Its id is made here, so that a repeated publish is one order."""
    return {
        "id": secrets.token_hex(16),
        "agency": agency,
        "by": stated("--by", by),
        "reason": stated("--reason", reason),
        "given_at": instant(time.time_ns()),
    }


def stated(option: str, text: str) -> str:
    """The text without spaces around it. Raises CommandError where nothing is left, or it cannot be kept."""
    if not text.strip():
        raise CommandError(f"{option}: must not be empty", 2)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CommandError(f"{option}: is not UTF-8; set the terminal's character set", 2) from None
    return text.strip()


def said(option: str, text: str | None) -> str | None:
    """The same for what may be left out."""
    return None if text is None else stated(option, text)


def buddhist_year(year: int | None) -> int:
    """The year that was typed, or this one. Raises CommandError for a year CE."""
    now = datetime.now(BANGKOK).year + 543
    if year is None:
        return now
    if not 2500 <= year <= 2999:
        raise CommandError(f"--year {year}: is no Buddhist year; this one is {now}", 2)
    return year


def typed_day(option: str, text: str | None) -> str | None:
    """A day as the contracts write it: ISO, CE. Raises CommandError where it is none."""
    if text is None:
        return None
    try:
        return day(text).isoformat()
    except NoDateError as error:
        raise CommandError(f"{option}: {error}", 2) from None


def typed_moment(option: str, text: str | None) -> datetime:
    """A moment in Thai time that has come already; now where nothing was typed. Raises CommandError otherwise."""
    now = datetime.now(BANGKOK).replace(microsecond=0)
    if text is None:
        return now
    try:
        found = moment(text)
    except NoDateError as error:
        raise CommandError(f"{option}: {error}", 2) from None
    if found > now:
        raise CommandError(f"{option}: {found:%Y-%m-%d %H:%M} has not come yet", 2)
    return found
