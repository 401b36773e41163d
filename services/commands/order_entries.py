"""Orders about entries: enter a letter of paper, void, correct, move, note."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from contracts.directory import Agency
from contracts.orders import CorrectOrdered, EnterOrdered, EntryOrder, MoveOrdered, NoteOrdered, VoidOrdered
from contracts.register import EntryMoved
from contracts.values import local_instant
from services.commands.errors import CommandError
from services.commands.order_given import desk, entry, give, words
from services.commands.order_options import (
    WAIT_SECONDS,
    AgencyOption,
    ByOption,
    NumberArgument,
    ReasonOption,
    SecondsOption,
    SeriesName,
    SeriesOption,
    WaitOption,
    YearOption,
    buddhist_year,
    order_fields,
    said,
    stated,
    typed_day,
    typed_moment,
)
from services.commands.place import ConfigOption, StateOption, run
from services.commands.terminal import say
from services.register.book import book_subject
from services.register.envelope import EnvelopeError, enveloped
from services.register.listing import one

FIELDS = ("letter_number", "letter_date", "sender", "addressee", "subject")
"""What a letter of paper says, and a correction may change."""

LetterNumberOption = Annotated[
    str | None, typer.Option("--letter-number", metavar="TEXT", help="Its own number (ที่), in digits of either kind.")
]
LetterDateOption = Annotated[
    str | None,
    typer.Option("--letter-date", metavar="DATE", help="Its date (ลงวันที่): 2026-06-05, 5 มิ.ย. 2569 or ๕ มิถุนายน ๒๕๖๙."),
]
AddresseeOption = Annotated[str | None, typer.Option("--to", metavar="TEXT", help="To whom (ถึง).")]


class ChannelName(StrEnum):
    """How a letter came that did not come by mail."""

    PAPER = "paper"
    ECMS = "ecms"


def enter(
    sender: Annotated[str, typer.Option("--from", metavar="TEXT", help="From whom (จาก).")],
    subject: Annotated[str, typer.Option("--subject", metavar="TEXT", help="เรื่อง.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    channel: Annotated[ChannelName, typer.Option("--channel", help="How it came.")] = ChannelName.PAPER,
    came_at: Annotated[
        str | None,
        typer.Option(
            "--came-at", metavar="TIME", help="When it came: '2026-06-05 13:50' or '5 มิ.ย. 2569 13.50 น.'.",
            show_default="now",
        ),
    ] = None,
    letter_number: LetterNumberOption = None,
    letter_date: LetterDateOption = None,
    addressee: AddresseeOption = None,
    series: SeriesOption = SeriesName.RECEIVED,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Enter a letter that came on paper or through e-CMS: it gets the next number of the same book.

    The book's year follows from the time it came. In the classified series its particulars leave this machine only
    enveloped for the agency's registrar.
    """
    fields: dict[str, Any] = {
        "letter_number": said("--letter-number", letter_number),
        "letter_date": typed_day("--letter-date", letter_date),
        "sender": stated("--from", sender),
        "addressee": said("--to", addressee),
        "subject": stated("--subject", subject),
    }
    came = local_instant(typed_moment("--came-at", came_at))
    about = order_fields(agency, by, reason)

    async def work() -> None:
        async with desk(state, config, agency) as (bus, known):
            kept = _kept(fields, series, known, {"sender": "", "subject": ""})
            order = EnterOrdered(**about, series=series.value, channel=channel.value, came_at=came, **kept)
            given = await give(bus, order, seconds if wait else 0)
        _say("entered", given.row is not None, words(given.row) if given.row else f"by {given.position}")

    run(work())


def void(
    number: NumberArgument,
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Void an entry: its number stays used and shows as ยกเลิก."""
    order = VoidOrdered(**_about(agency, by, reason, series, year), number=number)
    _entry(order, number, seconds if wait else 0, state, config)


def correct(
    number: NumberArgument,
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    letter_number: LetterNumberOption = None,
    letter_date: LetterDateOption = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="TEXT", help="From whom (จาก).")] = None,
    addressee: AddresseeOption = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="เรื่อง.")] = None,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Replace what the book says of a letter. What is not named stays; the first version is kept until it is erased."""
    fields: dict[str, Any] = {
        "letter_number": said("--letter-number", letter_number),
        "letter_date": typed_day("--letter-date", letter_date),
        "sender": said("--from", sender),
        "addressee": said("--to", addressee),
        "subject": said("--subject", subject),
    }
    if not any(fields.values()):
        raise CommandError(
            "nothing to correct: name --letter-number, --letter-date, --from, --to or --subject "
            "(times and numbers never change; `order void` and `order enter` make another entry)",
            2,
        )
    if series is SeriesName.CLASSIFIED and not (fields["sender"] and fields["subject"]):
        raise CommandError(
            "a classified record cannot be read here, so a correction replaces all of it: give --from and --subject, "
            "and the other fields that still hold",
            2,
        )
    about = _about(agency, by, reason, series, year)

    async def work() -> None:
        async with desk(state, config, agency) as (bus, known):
            order = CorrectOrdered(**about, number=number, **_kept(fields, series, known, {}))
            before = await entry(bus, order, number)
            given = await give(bus, order, seconds if wait else 0)
        _say("corrected", given.row is not None, before.row.number_text)

    run(work())


def move(
    number: NumberArgument,
    to_series: Annotated[SeriesName, typer.Option("--to-series", help="Where the letter belongs.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption,
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Move an entry to another series: it gets a number there, and its old number stays used."""
    if to_series is series:
        raise CommandError(f"--to-series {to_series.value}: is where it stands already", 2)
    order = MoveOrdered(**_about(agency, by, reason, series, year), number=number, to_series=to_series.value)
    _entry(order, number, seconds if wait else 0, state, config)


def note(
    number: NumberArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was done with it, such as 'มอบกองคลัง'.")],
    agency: AgencyOption,
    by: ByOption,
    reason: ReasonOption = "บันทึกการปฏิบัติ",
    series: SeriesOption = SeriesName.RECEIVED,
    year: YearOption = None,
    wait: WaitOption = True,
    seconds: SecondsOption = WAIT_SECONDS,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what was done with a letter (การปฏิบัติ); the book shows it with name and time."""
    order = NoteOrdered(**_about(agency, by, reason, series, year), number=number, text=stated("TEXT", text))
    _entry(order, number, seconds if wait else 0, state, config)


_DONE = {VoidOrdered: "voided", MoveOrdered: "moved", NoteOrdered: "noted"}


def _entry(order: EntryOrder, number: int, seconds: float, state: Path | None, config: Path | None) -> None:
    """Look whether the entry is there, give the order, and say what became of it."""

    async def work() -> None:
        async with desk(state, config, order.agency) as (bus, _):
            before = await entry(bus, order, number)
            given = await give(bus, order, seconds)
            told = before.row.number_text
            if isinstance(given.row, EntryMoved):
                there = book_subject(order.agency, given.row.to_series, given.row.to_year)
                if (became := await one(bus, there, given.row.to_number)) is not None:
                    told += f" is now {words(became.row)}"
        _say(_DONE[type(order)], given.row is not None, told)

    run(work())


def _about(agency: str, by: str, reason: str, series: SeriesName, year: int | None) -> dict[str, Any]:
    return order_fields(agency, by, reason) | {"series": series.value, "year": buddhist_year(year)}


def _say(what: str, answered: bool, told: str) -> None:
    say(f"[bold]{what}[/bold]  {told}" if answered else f"ordered, not waited for: {told}")


def _kept(fields: dict[str, Any], series: SeriesName, agency: Agency, bare: dict[str, Any]) -> dict[str, Any]:
    """The fields as the order keeps them: enveloped for the registrar in the classified series, clear otherwise."""
    if series is not SeriesName.CLASSIFIED:
        return fields
    if not agency.registrar_certificate:
        raise CommandError(
            f"the agency {agency.id} names no registrar_certificate: what a classified letter says would stand in "
            "clear; add it with `saraban agency export`, `import`",
        )
    clear = {name: fields[name] for name in FIELDS if fields[name] is not None}
    try:
        return bare | {"enveloped": enveloped(msgspec.json.encode(clear), agency.registrar_certificate)}
    except EnvelopeError as error:
        raise CommandError(f"agency {agency.id}: {error}") from None
