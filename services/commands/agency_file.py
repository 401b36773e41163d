"""Agencies in files: what `saraban agency import` reads and `export` writes."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from contracts.directory import Agency
from services.commands import toml
from services.commands.errors import CommandError


class FileFormat(StrEnum):
    """How an agency is written."""

    TOML = "toml"
    JSON = "json"


def read_file(path: Path) -> list[Agency]:
    """The agencies of a file: one, a list of them, or `[[agency]]` tables."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", 2) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: is not UTF-8", 2) from error
    try:
        values = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{path}: {error}", 2) from error
    if isinstance(values, Mapping) and set(values) == {"agency"}:
        values = values["agency"]
    many = values if isinstance(values, list) else [values]
    if not many:
        raise CommandError(f"{path}: names no agency", 2)
    return [_converted(path, number, one, len(many)) for number, one in enumerate(many, 1)]


def _converted(path: Path, number: int, values: Any, count: int) -> Agency:
    named = values.get("id", number) if isinstance(values, Mapping) else number
    where = f"{path}: agency {named}" if count > 1 else str(path)
    try:
        return msgspec.convert(values, Agency, strict=True)
    except msgspec.ValidationError as error:
        raise CommandError(f"{where}: {plain(error)}", 2) from error


def written(agencies: list[Agency], style: FileFormat) -> str:
    """One agency as it stands, several as `[[agency]]` tables or a JSON list."""
    values = [_lean(agency) for agency in agencies]
    if style is FileFormat.JSON:
        written: object = values[0] if len(values) == 1 else values
        return msgspec.json.format(msgspec.json.encode(written), indent=2).decode() + "\n"
    return toml.dumps(values[0]) if len(values) == 1 else toml.dumps({"agency": values})


def _lean(agency: Agency) -> dict[str, Any]:
    """Without the fields at their default: what a person has to read."""
    values: dict[str, Any] = msgspec.to_builtins(agency)
    usual = msgspec.to_builtins(Agency(id="x", name="x", domains=(), addresses=()))
    return {key: value for key, value in values.items() if value != usual[key] or key in ("id", "name")}


def plain(error: msgspec.ValidationError) -> str:
    """What msgspec found wrong, as part of a sentence."""
    text = str(error).replace("`$.", "`")
    return text[:1].lower() + text[1:]
