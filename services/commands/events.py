"""`saraban events`: follow what happens, as any subscriber could."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from contracts.event import Event
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.mail import MailAttempted, MailReceived
from contracts.streams import MAIL, STREAMS
from contracts.values import BANGKOK
from services.commands import journal
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.stream import Stored, follow, names
from services.commands.terminal import OUT, clean, flush, row
from services.runtime.bus import Bus

_AGO = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
QUEUE = 1_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

app = typer.Typer()


class Format(StrEnum):
    """How an event is shown."""

    TABLE = "table"
    JSONL = "jsonl"


@app.command()
def events(
    subject: Annotated[
        str, typer.Argument(metavar="[SUBJECT]", help="NATS subject; * stands for a word, > for the rest.")
    ] = ">",
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="10m, 2h, 3d ago; an RFC 3339 time; `start`. None: from now on."),
    ] = None,
    until_now: Annotated[
        bool, typer.Option("--until-now", help="End with the last event that is stored, instead of following.")
    ] = False,
    style: Annotated[Format, typer.Option("--format", help="A line to read, or all fields as JSON.")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Follow what happens, as any subscriber could; Ctrl-C ends it.

    Subjects: mail.v1.received.AGENCY · register.v1.entered.AGENCY.SERIES.YEAR · sign.v1.receipt.AGENCY ·
    notify.v1.KIND.AGENCY · order.v1.KIND.AGENCY · dead.v1.SERVICE.AGENCY. Letters are shown without their bytes.
    """
    begin = None if since is None else moment(since, datetime.now(UTC))
    if until_now and begin is None:
        begin = _BEGINNING
    run(_show(subject, begin, style, find(state, config), until_now=until_now))


def moment(text: str, now: datetime) -> datetime:
    """Read `--since`: an age, a time, or `start`."""
    if text == "start":
        return _BEGINNING
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r}: is not 10m, 2h or 3d, no RFC 3339 time and not `start`", 2) from None
    # Without a zone it is the time on the wall here.
    return read if read.tzinfo else read.replace(tzinfo=BANGKOK)


async def _show(subject: str, since: datetime | None, style: Format, settings: Any, *, until_now: bool) -> None:
    async with connected(settings) as bus:
        streams = await _streams(bus, subject)
        if not streams:
            raise CommandError(f"no stream has the subject {subject!r}; --help says which there are", 2)
        readers = [
            follow(bus, name, subject, since=since, headers_only=headers_only, until_now=until_now)
            for name, headers_only in streams
        ]
        # What is stored is shown in the order of its storing; what comes is shown as it comes.
        async for stored in merged(readers) if until_now else together(readers):
            _print(stored, style)


async def merged(readers: Sequence[AsyncIterator[Stored]]) -> AsyncIterator[Stored]:
    """Several streams as one, by the instant of storing."""
    heads = [(await anext(reader, None), reader) for reader in readers]
    waiting = [(head, reader) for head, reader in heads if head is not None]
    while waiting:
        waiting.sort(key=lambda pair: pair[0].stored_at)
        first, reader = waiting.pop(0)
        yield first
        if (following := await anext(reader, None)) is not None:
            waiting.append((following, reader))


async def together(readers: Sequence[AsyncIterator[Stored]]) -> AsyncIterator[Stored]:
    """Several streams as one, as their messages come."""
    queue: asyncio.Queue[Stored] = asyncio.Queue(QUEUE)

    async def read(reader: AsyncIterator[Stored]) -> None:
        async for stored in reader:
            await queue.put(stored)

    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(read(reader))
        while True:
            yield await queue.get()


async def _streams(bus: Bus, subject: str) -> list[tuple[str, bool]]:
    """The streams that can hold the subject, each with whether only its headers are wanted."""
    first = subject.partition(".")[0]
    families = [
        stream
        for stream in STREAMS
        if first in (">", "*") or any(own.split(".")[0] == first for own in stream.subjects)
    ]
    return [(name, stream is MAIL) for stream in families for name in await names(bus, stream.family)]


def _print(stored: Stored, style: Format) -> None:
    if style is Format.JSONL:
        row(as_json(stored))
        flush()
    else:
        OUT.print(clean(as_line(stored)), markup=False)


def as_json(stored: Stored) -> dict[str, object]:
    """Everything about a message; a body that is no event of ours is given in base64."""
    found: dict[str, object] = {
        "stream": stored.stream,
        "sequence": stored.sequence,
        "stored_at": stored.stored_at.astimezone(UTC).isoformat(),
        "subject": stored.subject,
        "id": stored.headers.get("ce-id"),
    }
    if stored.event is not None:
        return found | {"event": msgspec.to_builtins(stored.event)}
    return found | {"headers": dict(stored.headers), "body": base64.b64encode(stored.body).decode()}


def as_line(stored: Stored) -> str:
    """One line for a person, in local time."""
    clock = stored.stored_at.astimezone().strftime("%H:%M:%S")
    if stored.event is None:
        return f"{clock}  {stored.subject:<44}  not an event of ours, {len(stored.body)} octets"
    return f"{clock}  {stored.event.type:<22}  {stored.event.agency:<12}  {_words(stored.event)}"


def _words(event: Event) -> str:
    if told := journal.words(event):
        return re.sub(r"\[/?[a-z ]+\]", "", told[1]).partition("  ")[2] + _mail(event)
    match event:
        case MailReceived():
            return f"{event.size} octets from <{event.sender}> {event.peer.address}{_mail(event)}"
        case MailAttempted():
            return f"{event.reply} to <{event.sender}> {event.peer.address}"
        case LetterExamined():
            number = event.findings.particulars.letter_number
            return f"{event.series} {event.number}/{event.year} {number.value if number else ''}{_mail(event)}"
        case ReceiptSealed():
            receipt = event.receipt
            return f"{receipt.register_number}, sealed as {receipt.seal.kind}{_mail(event)}"
    fields: Mapping[str, Any] = msgspec.structs.asdict(event)
    shown = ("kind", "series", "number", "year", "first", "by", "reason", "consumer", "source")
    return " ".join(f"{name} {fields[name]}" for name in shown if fields.get(name) is not None) + _mail(event)


def _mail(event: Event) -> str:
    return f"  {event.about[:12]}…" if event.about else ""
