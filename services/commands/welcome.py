"""What `saraban up` says when everything is ready: where things are, and what to type next."""

import shlex
import shutil
import sys
from pathlib import Path

from services.commands import demo
from services.commands.state import READER, State
from services.commands.system import System
from services.commands.terminal import ERR, short
from services.runtime.clock import CentralClock
from services.runtime.settings import Clock

SAMPLE = Path("deploy/examples/letter.pdf")


def show(system: System, seconds: float) -> None:
    """Print it."""
    settings, state = system.settings, system.state
    demo_words = f"send letters to {demo.ADDRESS}" if _is_demo(state) else "add an agency: saraban agency add --help"
    places = [
        ("letters", f"smtp://{settings.ingest.listen[0]}", demo_words),
        ("mails", short(state.root / settings.notify.folder), "receipts and cover mails where an agency has no relay"),
        ("status", f"http://{settings.ops.listen}/readyz", "/metrics and /livez beside it"),
    ]
    if system.embedded:
        who = f"user {READER}, password in {short(state.subscribers_file)}"
        places.append(("events", settings.nats.servers[0], who))
    places.append(("clock", *_clock(settings.clock)))
    if system.to_files:
        places.append(("logs", short(state.logs), "a file for each part"))
    width = max(len(where) for _, where, _ in places)
    ERR.print(f"\n[bold green]ready[/bold green] after {seconds:.1f} s\n")
    for what, where, words in places:
        ERR.print(f"  [bold]{what:<8}[/bold] {where:<{width}}   [dim]{words}[/dim]")
    ERR.print("\nIn another terminal:\n")
    for line in (f"send {SAMPLE if SAMPLE.exists() else 'letter.pdf'}", "register list", "events"):
        ERR.print(f"  {command(state, line)}", markup=False)
    ERR.print("\nCtrl-C ends it.\n")


def command(state: State, line: str) -> str:
    """A line to type, as it has to be typed here."""
    program = Path(sys.argv[0])
    found = shutil.which("saraban")
    if program.name != "saraban":
        start = f"{short(Path(sys.executable))} -m services.cli"
    elif found is not None and Path(found).resolve() == program.resolve():
        start = "saraban"
    else:
        start = short(program.absolute())
    place = "" if state.root == Path("var").absolute() else f" --state {shlex.quote(short(state.root))}"
    return f"{start} {line}{place}"


def _clock(config: Clock) -> tuple[str, str]:
    """Where the time of receipt is from; a system that cannot know it says so before the first letter does."""
    if config.servers:
        count = len(set(config.servers))
        few = "" if count > 2 else "; three or more can outvote a false one"
        return (
            f"{count} time server{'s' if count > 1 else ''}",
            f"saraban_clock_… on /metrics says whether they agree{few}",
        )
    stamp = CentralClock(config).now()
    if stamp.within_bound:
        return "this host's", f"a time daemon disciplines it, within {stamp.bound_ms:.1f} ms"
    return "not within bound", f"{stamp.source}: receipts say so until \\[clock] servers names time servers"


def _is_demo(state: State) -> bool:
    return any(state.dkim.glob(f"{demo.DOMAIN}.*"))
