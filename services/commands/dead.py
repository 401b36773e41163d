"""`saraban dead`: what a worker gave up on. Nothing is dropped: it lies where it lay until somebody decides."""

import getpass
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from contracts.dead import DeadDecision, MessageClosed, MessageGivenUp, MessageRetried
from contracts.event import Position
from contracts.values import instant
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.stream import follow
from services.commands.terminal import OUT, row, say, table, thai_time
from services.runtime.bus import Bus
from services.runtime.letters import read_message

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_BYTES = 2_000

app = typer.Typer(no_args_is_help=True, help="What a worker gave up on, and what an officer decides about it.")

NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="As `saraban dead list` shows it.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]


class Format(StrEnum):
    """How a list is shown."""

    TABLE = "table"
    JSONL = "jsonl"


class Case(msgspec.Struct, kw_only=True):
    """One message that was given up, and what was decided since."""

    number: int
    """Sequence in DEAD of the last time it was given up."""
    event: MessageGivenUp
    decision: DeadDecision | None = None

    @property
    def standing(self) -> str:
        """Open, or what was decided."""
        match self.decision:
            case MessageClosed():
                return "closed"
            case MessageRetried():
                return "retried"
            case _:
                return "open"


@app.command("list")
def list_cases(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are retried or closed.")] = False,
    style: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """List the messages that wait for a decision."""
    cases = [case for case in run(_read(state, config)).values() if everything or case.decision is None]
    if style is Format.JSONL:
        for case in cases:
            row({"number": case.number, "standing": case.standing, **msgspec.to_builtins(case.event)})
        return
    if not cases:
        say("nothing was given up" if everything else "nothing waits for a decision")
        return
    table(
        ("number", "given up", "service", "agency", "message", "standing", "reason"),
        (
            (
                str(case.number),
                thai_time(case.event.given_up_at),
                case.event.service,
                case.event.agency,
                str(case.event.source),
                case.standing,
                case.event.reason.partition("\n")[0][:80],
            )
            for case in cases
        ),
    )


@app.command()
def show(number: NumberArgument, state: StateOption = None, config: ConfigOption = None) -> None:
    """Show why a message was given up, and the message."""
    run(_show(number, state, config))


@app.command()
def retry(
    number: NumberArgument,
    reason: ReasonOption,
    by: ByOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Hand the message to its worker again. If it fails again, it comes back to the list."""
    run(_decide(number, MessageRetried, by, reason, state, config))
    say(f"{number}: will be tried again; if it fails, `saraban dead list` shows it again")


@app.command()
def close(
    number: NumberArgument,
    reason: ReasonOption,
    by: ByOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Say that nothing more is to be done about the message. It stays where it lies."""
    run(_decide(number, MessageClosed, by, reason, state, config))
    say(f"{number}: closed")


async def _read(state: Path | None, config: Path | None) -> Mapping[int, Case]:
    async with connected(find(state, config)) as bus:
        return await cases(bus)


async def cases(bus: Bus) -> Mapping[int, Case]:
    """Every message that was given up, by its number, with the newest decision about it."""
    found: dict[tuple[str, Position], Case] = {}
    async for stored in follow(bus, "DEAD", since=_BEGINNING, until_now=True):
        match stored.event:
            case MessageGivenUp() as event:
                found[event.consumer, event.source] = Case(number=stored.sequence, event=event)
            case DeadDecision() as decision:
                case = found.get((decision.consumer, decision.source))
                if case is not None and case.number == decision.given_up:
                    case.decision = decision
    return {case.number: case for case in found.values()}


async def _show(number: int, state: Path | None, config: Path | None) -> None:
    async with connected(find(state, config)) as bus:
        case = _named(await cases(bus), number)
        event = case.event
        message = await read_message(bus.nc, event.source.stream, event.source.sequence, bus.timeout)
    OUT.print(f"[bold]{number}[/bold]  {case.standing}")
    lines = {
        "reason": event.reason,
        "given up": f"{thai_time(event.given_up_at)} after {event.attempts} deliveries",
        "worker": f"{event.service} {event.consumer}".strip(),
        "agency": event.agency,
        "message": f"{event.source} on {event.subject}",
    }
    if case.decision is not None:
        lines["decided"] = f"{case.standing} by {case.decision.by}: {case.decision.reason}"
    for what, text in lines.items():
        OUT.print(f"  [dim]{what:<9}[/dim] {escape(text)}")
    if message is None:
        OUT.print("  the message itself was erased")
        return
    for name, value in (message.headers or {}).items():
        OUT.print(f"  [dim]{escape(name)}:[/dim] {escape(value)}")
    body = message.body
    OUT.print(body[:SHOWN_BYTES].decode("utf-8", "backslashreplace"), markup=False)
    if len(body) > SHOWN_BYTES:
        OUT.print(f"… {len(body)} octets in all")


async def _decide(
    number: int,
    kind: type[MessageClosed] | type[MessageRetried],
    by: str | None,
    reason: str,
    state: Path | None,
    config: Path | None,
) -> None:
    if not reason.strip():
        raise CommandError("--reason: must not be empty", 2)
    async with connected(find(state, config)) as bus:
        case = _named(await cases(bus), number)
        if isinstance(case.decision, MessageClosed):
            raise CommandError(f"{number}: is closed already, by {case.decision.by}: {case.decision.reason}")
        if kind is MessageRetried and not case.event.consumer:
            raise CommandError(f"{number}: the {case.event.service} refused it; give it anew, or close it")
        await bus.publish(
            kind(
                agency=case.event.agency,
                service=case.event.service,
                consumer=case.event.consumer,
                source=case.event.source,
                id=secrets.token_hex(16),
                given_up=number,
                by=(by or getpass.getuser()).strip() or getpass.getuser(),
                reason=reason.strip(),
                decided_at=instant(time.time_ns()),
            )
        )


def _named(found: Mapping[int, Case], number: int) -> Case:
    if number not in found:
        known = ", ".join(str(each) for each in found) or "none"
        raise CommandError(f"there is no dead letter {number}; there are {known}")
    return found[number]
