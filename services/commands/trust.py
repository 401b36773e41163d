"""`saraban trust`: whose signatures are trusted, for what. Works on the folder alone; a running sign takes it up."""

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contracts.values import BANGKOK
from services.commands import trust_import
from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, find
from services.commands.terminal import OUT, clean, row, say, table
from services.sign import trust, trust_check
from services.sign.trust import TrustError

WRONG, TO_BE_LOOKED_AT = 1, 3
"""Exit codes of `check`."""

app = typer.Typer(no_args_is_help=True, help="The trust store: groups of anchors, pinned, each for something.")


class Format(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSONL = "jsonl"


class PurposeName(StrEnum):
    """What anchors are trusted for."""

    SIGNATURES = "signatures"
    SEALS = "seals"
    TIMESTAMPS = "timestamps"
    SMIME = "smime"


FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", help="The trust store.", show_default="sign.trust of the running system"),
]


@app.command("list")
def list_store(
    folder: FolderOption = None,
    style: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show groups, anchors and the store's version, which each verdict names."""
    path = _place(folder, state, config)
    try:
        store, held = trust.load(path), trust_check.held(path)
    except TrustError as error:
        raise CommandError(str(error)) from error
    if style is Format.JSONL:
        for one in held:
            row(_fields(one, store.version))
        return
    table(
        ("group", "certificate of", "valid until", "for", "agencies", "taken", "SHA-256"),
        (
            (
                one.group or "(no group)",
                one.certificate.subject.human_friendly,
                f"{one.certificate.not_valid_after:%Y-%m-%d}",
                ", ".join(one.purposes) if one.anchor else "(known, not trusted)",
                ", ".join(one.agencies) or "all",
                one.taken or "unknown",
                one.sha256,
            )
            for one in held
        ),
    )
    OUT.print(f"{len(store.anchors)} anchors, version {store.version}", markup=False)


@app.command("import")
def import_certificates(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Folder of the group, such as thai-national-root.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Certificates, DER or PEM, or bundles of them.")],
    source: Annotated[str, typer.Option(metavar="TEXT", help="Whence they are, and how that was made sure.")],
    purposes: Annotated[
        list[PurposeName] | None, typer.Option("--purpose", help="What they are trusted for; may be repeated.")
    ] = None,
    pins: Annotated[
        list[str] | None,
        typer.Option("--sha256", metavar="HEX", help="The fingerprint that was published; nothing else is imported."),
    ] = None,
    below: Annotated[
        bool, typer.Option("--below", help="Authorities below an anchor: known, so that chains are found, not trusted.")
    ] = False,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name of a new group.", show_default="GROUP")] = "",
    agencies: Annotated[
        list[str] | None, typer.Option("--agency", metavar="ID", help="Only in letters to this agency.")
    ] = None,
    valid_from: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Trusted from this day on.")] = None,
    valid_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="… to the end of this day.")
    ] = None,
    folder: FolderOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Put certificates into a group, pinned by their SHA-256. Compare that with what the authority publishes."""
    path = _place(folder, state, config)
    if path.exists() and not path.is_dir():
        raise CommandError(f"{path} is a file; groups need a folder")
    found = trust_import.read(files, pins or [])
    wanted = trust_import.Wanted(
        source=source,
        purposes=tuple(one.value for one in purposes or ()),
        name=name,
        agencies=tuple(agencies or ()),
        valid_from=_day(valid_from),
        valid_until=_day(valid_until),
        anchor=not below,
    )
    written = trust_import.add(path, group, found, wanted, datetime.now(BANGKOK).date())
    for file in written:
        OUT.print(f"{path / group / file}", markup=False)
    if not written:
        say("all of them are in the group already")
    try:
        OUT.print(f"version {trust.load(path).version}", markup=False)
    except TrustError as error:
        raise CommandError(f"the group is written, but the store cannot be loaded: {error}") from error


@app.command("check")
def check(
    folder: FolderOption = None,
    style: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what is wrong with the store, or soon will be.

    Exit code 0: nothing; 1: something is wrong; 3: something is to be looked at.
    """
    path = _place(folder, state, config)
    found = list(trust_check.problems(path, datetime.now(UTC)))
    for one in found:
        if style is Format.JSONL:
            row({"where": one.where, "problem": one.said, "wrong": one.wrong})
        else:
            OUT.print(f"{'wrong' if one.wrong else 'look '}  {clean(one.where)}: {clean(one.said)}", markup=False)
    if not found and style is Format.TABLE:
        OUT.print(f"nothing is wrong with {path}: version {trust.load(path).version}", markup=False)
    if found:
        raise typer.Exit(WRONG if any(one.wrong for one in found) else TO_BE_LOOKED_AT)


def _place(folder: Path | None, state: Path | None, config: Path | None) -> Path:
    if folder is not None:
        return folder
    settings = find(state, config)
    if not settings.sign.trust:
        raise CommandError("no trust store is configured: set trust in [sign], or give --folder", 2)
    return Path(settings.state) / settings.sign.trust


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _fields(one: trust_check.Held, version: str) -> dict[str, object]:
    certificate = one.certificate
    return {
        "group": one.group,
        "file": f"{one.folder}/{one.file}",
        "subject": certificate.subject.human_friendly,
        "valid_from": f"{certificate.not_valid_before:%Y-%m-%dT%H:%M:%SZ}",
        "valid_until": f"{certificate.not_valid_after:%Y-%m-%dT%H:%M:%SZ}",
        "sha256": one.sha256,
        "anchor": one.anchor,
        "purposes": list(one.purposes),
        "agencies": list(one.agencies),
        "source": one.source,
        "taken": one.taken,
        "store": version,
    }
