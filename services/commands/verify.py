"""`saraban verify`: what a receipt proves, offline."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from services.commands import letter_file
from services.commands.errors import CommandError
from services.commands.terminal import OUT, clean, row
from services.sign import trust
from services.verify.report import EXIT, Finding, Report, Said
from services.verify.sentences import TERMS
from services.verify.verification import File
from services.verify.verification import verify as prove

UNREADABLE = EXIT["unreadable"]

app = typer.Typer()

_MARKS = {
    "proven": ("✓", Said("พิสูจน์แล้ว", "proven"), "green"),
    "contradicted": ("✗", Said("ขัดแย้ง", "contradicted"), "red"),
    "not known": ("?", Said("ไม่ทราบ", "not known"), "yellow"),
}


class Format(StrEnum):
    """How the outcome is shown."""

    TEXT = "text"
    JSON = "json"


class Language(StrEnum):
    """In which language."""

    THAI = "th"
    ENGLISH = "en"


@app.command()
def verify(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[LETTER] RECEIPT [RECEIPT2]",
            help="LETTER: the stored letter, the officer's cover mail, the sender's own copy, or a file that was "
            "attached. RECEIPT: the sealed PDF, its JSON, or the mail that carries it. RECEIPT2: is compared with it.",
        ),
    ],
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust",
            metavar="CERT",
            help="Whom you trust: an authority's certificate, the seal's own, or a folder of them; may be repeated.",
        ),
    ] = None,
    style: Annotated[Format, typer.Option("--format")] = Format.TEXT,
    language: Annotated[Language | None, typer.Option("--lang", help="One language; both, if not given.")] = None,
) -> int:
    """Say what a receipt proves, of which letter, and by what. Offline: nothing is asked of anybody.

    Exit code 0: proven; 1: contradicted; 2: intact, but who sealed it is unknown, or it is a test's; 3: unreadable.
    """
    if len(files) > 3:
        raise CommandError("give at most a letter and two receipts", UNREADABLE)
    report = prove([_read(path) for path in files], _store(anchors or []), datetime.now(UTC))
    if style is Format.JSON:
        row({**msgspec.to_builtins(report), "exit_code": report.exit_code})
    else:
        _show(report, language)
    return report.exit_code


def _store(paths: list[Path]) -> trust.TrustStore:
    try:
        return trust.joined(trust.load(path) for path in paths)
    except trust.TrustError as error:
        raise CommandError(f"--trust: {error}", UNREADABLE) from error


def _read(path: Path) -> File:
    try:
        if path.stat().st_size > letter_file.LARGEST_BYTES:
            raise CommandError(f"{path}: is larger than any ingress takes", UNREADABLE)
        return File(name=path.name, octets=path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", UNREADABLE) from error


def _show(report: Report, language: Language | None) -> None:
    for said in _in(report.said, language):
        _line(said, "bold")
    many = len(report.receipts) > 1
    for number, subject in enumerate(report.receipts, 1):
        own = [one for one in report.findings if one.receipt == number and one.about != "pair"]
        if many:
            _line(f"\n{number}. {subject.file}: {subject.agency}, {subject.register_number}", "bold")
        else:
            OUT.print()
        _findings(own, language)
    pair = [one for one in report.findings if one.about == "pair"]
    if pair:
        OUT.print()
        _findings(pair, language)
    _terms(report, language)


def _findings(found: list[Finding], language: Language | None) -> None:
    for one in found:
        mark, status, colour = _MARKS[one.status]
        for place, said in enumerate(_in(one.sentence, language)):
            _line(f"{mark if place == 0 else ' '} {said}", colour if one.status == "contradicted" else None)
        by = [" / ".join(_in(status, language))]
        if one.by is not None:
            by.append(" / ".join(_in(one.by, language)))
        _line(f"    [{one.code}] {': '.join(by)}", "dim")


def _terms(report: Report, language: Language | None) -> None:
    about = {one.about for one in report.findings}
    shown = [said for term, said in TERMS.items() if term in about]
    OUT.print()
    for said in (*shown, report.caveat):
        for sentence in _in(said, language):
            _line(f"· {sentence}", "dim")


def _in(said: Said, language: Language | None) -> Iterator[str]:
    if language is not Language.ENGLISH:
        yield said.thai
    if language is not Language.THAI:
        yield said.english


def _line(text: str, style: str | None) -> None:
    for line in text.split("\n"):
        OUT.print(clean(line), markup=False, style=style if OUT.is_terminal else None)
