"""`saraban`: one command, a word for each thing. A word's file is services/commands/<word>.py.

Only what a command needs is imported: `saraban ingest` runs for months and does not carry the command line.
"""

import sys
from pathlib import Path

COMMANDS = {
    "up": "Start everything on this machine, and keep it running.",
    "send": "Send letters (.eml or .pdf) through the ingress; show their numbers and receipts.",
    "examine": "Show what would be found in letters (.eml or .pdf), offline.",
    "register": "The book: list, show, search, print, export. With --config alone: run the worker.",
    "order": "What an officer decides: open, enter, void, correct, move, note, release, attend.",
    "events": "Follow what happens, as any subscriber could.",
    "where": "Where a letter is, one line a hop: attempts, time, number, receipt, delivery.",
    "trust": "Whose signatures are trusted, for what: list, import, check.",
    "letter": "Write a letter as it is kept into a file.",
    "dead": "What a worker gave up on: list, show, retry, close.",
    "agency": "The directory of agencies: add, list, show, import, export, dns, calendar.",
    "audit": "Prove the invariants from the streams; exit 1 and the reason if one is broken.",
    "rebuild": "Make REGISTER again from MAIL and ORDERS; compare, or write back what is missing.",
    "verify": "Say what a receipt proves, offline; exit 1 if it is contradicted.",
    "ingest": "Run the SMTP server against an existing NATS.",
    "sign": "Run the worker that judges and seals.",
    "notify": "Run the worker that sends.",
    "provision": "Make the streams, buckets and consumers on an existing NATS.",
}
"""Word to its line in `saraban --help`, in the order of the help."""

SERVICES = ("ingest", "register", "sign", "notify", "provision")


def main() -> None:
    """The entry point of the command and of `python -m services.cli`."""
    line = service_line(sys.argv[1:])
    _spare(sys.argv[1] if len(sys.argv) > 1 else "", alone=line is not None)
    if line is not None:
        from services.commands.service import run

        sys.exit(run(*line))
    from services.commands.application import run_application

    sys.exit(run_application(COMMANDS))


def service_line(arguments: list[str]) -> tuple[str, Path] | None:
    """A service and its configuration, if the line is that and nothing else: the short way without typer."""
    if arguments[:2] == ["audit", "--watch"]:
        return service_line(["audit", *arguments[2:], "--watch"])
    if len(arguments) == 4 and arguments[0] == "audit" and arguments[1] == "--config" and arguments[3] == "--watch":
        return "audit", Path(arguments[2])
    if len(arguments) == 3 and arguments[0] in SERVICES and arguments[1] == "--config":
        return arguments[0], Path(arguments[2])
    if len(arguments) == 2 and arguments[0] in SERVICES and arguments[1].startswith("--config="):
        return arguments[0], Path(arguments[1].removeprefix("--config="))
    return None


def _spare(word: str, *, alone: bool) -> None:
    """Keep out what libraries load only because they find it: 8 + 3 MB and 0.4 s of each process.

    nats-py takes aiohttp for websockets, which nobody uses here; only pyHanko needs it. structlog takes rich for
    tracebacks on a terminal.
    """
    if word not in ("sign", "examine", "verify"):
        sys.modules["aiohttp"] = None  # type: ignore[assignment]  # the documented way to say: there is none
    if alone:
        sys.modules["rich"] = None  # type: ignore[assignment]  # as above


if __name__ == "__main__":
    main()
