"""`saraban examine`: what `sign` would find in a letter, offline."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from contracts.findings import Findings, Particular, SignatureVerdict
from services.commands import letter_file
from services.commands.errors import CommandError
from services.commands.place import run
from services.commands.terminal import ERR, OUT, flush, row, table, thai_time
from services.runtime.settings import Sign
from services.runtime.version import version
from services.sign import fit, trust
from services.sign.child_process import ChildError
from services.sign.children import Children, SlowError
from services.sign.media_type import is_pdf

app = typer.Typer()

_FIELDS = (
    ("letter_number", "ที่", "number"),
    ("letter_date", "ลงวันที่", "date"),
    ("urgency", "ชั้นความเร็ว", "urgency"),
    ("secrecy", "ชั้นความลับ", "secrecy"),
    ("issuer", "จาก", "issuer"),
    ("subject", "เรื่อง", "subject"),
    ("addressee", "เรียน", "addressee"),
    ("enclosures", "สิ่งที่ส่งมาด้วย", "enclosure"),
    ("signer", "ลงชื่อ", "signer"),
    ("signer_position", "ตำแหน่ง", "position"),
    ("telephones", "โทร.", "telephone"),
    ("emails", "ไปรษณีย์อิเล็กทรอนิกส์", "e-mail"),
    ("acknowledgement", "การตอบรับ", "acknowledgement"),
)


class Format(StrEnum):
    """How findings are shown."""

    TABLE = "table"
    JSONL = "jsonl"


@app.command()
def examine(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Letters: .eml or .pdf, or folders of them.")],
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust", metavar="CERT", help="Trust anchor (PEM or DER), or a folder of them; may be repeated."
        ),
    ] = None,
    style: Annotated[
        Format, typer.Option("--format", help="A table to read, or one JSON object a letter.")
    ] = Format.TABLE,
) -> None:
    """Show what would be found in letters, offline: particulars, signatures, attachments, warnings.

    Signatures get a verdict only with --trust. The sender is not judged: a file does not say who handed it over.
    """
    paths = letter_file.find(files)
    run(_examine(paths, _store(anchors or []), style))


def _store(paths: list[Path]) -> trust.TrustStore:
    try:
        return trust.joined(trust.load(path) for path in paths)
    except trust.TrustError as error:
        raise CommandError(f"--trust: {error}", 2) from error


async def _examine(paths: list[Path], store: trust.TrustStore, style: Format) -> None:
    children = Children(Sign(children=1), store, None, version())
    try:
        for number, path in enumerate(paths, 1):
            with ERR.status(f"{escape(str(path))} ({number} of {len(paths)})"):
                found = await _one(children, path)
            if style is Format.JSONL:
                row(json.loads(msgspec.json.encode(found)))
                flush()
            else:
                _show(found)
    except ChildError as error:
        raise CommandError(str(error)) from error
    finally:
        await children.close()


async def _one(children: Children, path: Path) -> Findings:
    octets = _read(path)
    # By content, not by name: a mail may be called anything.
    whole = octets.startswith(b"%PDF-") or (path.suffix.lower() == ".pdf" and is_pdf(octets))
    try:
        found = await (children.examine_pdf(octets, path.name) if whole else children.examine(octets))
    except SlowError as error:
        raise CommandError(f"{path}: other programs had the processor for minutes; try again") from error
    return msgspec.structs.replace(fit.remarked(found), file=str(path))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > letter_file.LARGEST_BYTES:
            raise CommandError(f"{path}: is larger than any ingress takes")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def _show(found: Findings) -> None:
    OUT.print(f"\n[bold]{escape(found.file or '')}[/bold]")
    particulars = list(_particulars(found))
    if particulars:
        table(("particular", "", "value", "source", "confidence"), particulars)
    else:
        OUT.print("no particulars of a letter")
    for reference in found.particulars.references:
        OUT.print("อ้างถึง", "reference", reference.text, reference.date or "", markup=False)
    if found.signatures:
        OUT.print()
        table(("signature", "verdict", "signer", "signed at", "coverage", "level"), map(_signature, found.signatures))
        for verdict in found.signatures:
            OUT.print(f"  {verdict.explanation}", markup=False)
        OUT.print(f"  trust store: {found.signatures[0].trust_store}", markup=False)
    if found.attachments:
        OUT.print()
        table(
            ("attachment", "type", "bytes", "SHA-256"),
            ((escape(file.name), escape(file.media_type), f"{file.size:,}", file.sha256) for file in found.attachments),
        )
    for said in found.warnings:
        OUT.print(
            f"! {said.code}: {said.thai}\n    {said.english}", markup=False, style="yellow" if OUT.is_terminal else None
        )


def _particulars(found: Findings) -> Iterator[tuple[str, ...]]:
    for name, thai, english in _FIELDS:
        value = getattr(found.particulars, name)
        said: tuple[Particular, ...] = value if isinstance(value, tuple) else (value,) if value is not None else ()
        for item in said:
            yield thai, english, escape(item.value), item.source, f"{item.confidence:.2f}"


def _signature(verdict: SignatureVerdict) -> tuple[str, ...]:
    said = verdict.indication or "no verdict"
    when = f"{thai_time(verdict.signed_at)} ({verdict.time_source})" if verdict.signed_at else "unknown"
    return (
        escape(f"{'S/MIME ' if verdict.kind == 'smime' else ''}{verdict.part} {verdict.field}".strip()),
        f"{said} {verdict.sub_indication or ''}".strip(),
        escape(verdict.signer or "unknown"),
        when,
        _coverage(verdict),
        verdict.level or "",
    )


def _coverage(verdict: SignatureVerdict) -> str:
    """What was signed: of a mail message or part, of a file the revision among how many."""
    if verdict.covers:
        return f"{verdict.coverage} ({verdict.covers})"
    return verdict.coverage + (f" ({verdict.revision}/{verdict.revisions})" if verdict.revision else "")
