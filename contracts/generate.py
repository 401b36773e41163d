"""`python -m contracts.generate [--check]`: what is published for subscribers, out of the Structs.

Writes `schemas/` (a JSON Schema for each event), `examples/` (a golden example for each), and `asyncapi.json`.
A schema that breaks the version rule against the file that lies there is refused; --check writes nothing and says
what is not up to date.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from contracts import codec
from contracts.asyncapi import document
from contracts.events import EVENTS
from contracts.golden import LETTER, book_vector, examples
from contracts.json_schema import schema, type_of
from contracts.mail import MailReceived
from contracts.version_rule import breaks

HERE = Path(__file__).parent


def files() -> dict[str, bytes]:
    """Everything published: path below contracts/, and content."""
    golden = examples()
    found = {f"schemas/{type_of(kind)}.json": _pretty(schema(kind)) for kind in EVENTS}
    for kind, event in golden.items():
        name = f"examples/{type_of(kind)}"
        if kind is MailReceived:
            # Its fields travel as headers; the body is the letter.
            found[f"{name}.json"] = _pretty(msgspec.to_builtins(event))
            found[f"{name}.eml"] = LETTER
        else:
            found[f"{name}.json"] = _pretty(msgspec.json.decode(codec.encode(event)))
    found["examples/headers.json"] = _pretty(
        {
            type_of(kind): {"subject": event.nats_subject, "headers": codec.encode_headers(event)}
            for kind, event in golden.items()
        }
    )
    found["examples/book.json"] = _pretty(book_vector())
    found["asyncapi.json"] = _pretty(document())
    return found


def refused(present: Mapping[str, bytes], folder: Path) -> list[str]:
    """What breaks the version rule against the schemas in `folder`, one sentence each."""
    lines: list[str] = []
    for file in sorted((folder / "schemas").glob("*.json")):
        content = present.get(f"schemas/{file.name}")
        if content is None:
            lines.append(f"{file.stem}: removed; a type that was published stays")
            continue
        published = msgspec.json.decode(file.read_bytes())
        lines += [f"{file.stem}: {line}" for line in breaks(published, msgspec.json.decode(content))]
    return lines


def stale(present: Mapping[str, bytes], folder: Path) -> list[str]:
    """Which files in `folder` are not what they should be."""
    there = {
        path.relative_to(folder).as_posix() for name in ("schemas", "examples") for path in (folder / name).glob("*")
    }
    wrong = [name for name, content in present.items() if not _same(folder / name, content)]
    return sorted(wrong + [name for name in there if name not in present])


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is not up to date")
    parser.add_argument("--folder", type=Path, default=HERE, help="where to write; default: this package")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    present = files()
    if broken := refused(present, folder):
        _say("The version rule is broken (contracts/README.md); make it a new version:", broken)
        return 1
    wrong = stale(present, folder)
    if options.check:
        if wrong:
            _say("Not up to date; run `python -m contracts.generate`:", wrong)
        return 1 if wrong else 0
    for name in wrong:
        path = folder / name
        if name in present:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(present[name])
        else:
            path.unlink()
    return 0


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _say(heading: str, lines: list[str]) -> None:
    sys.stderr.write("\n  ".join([heading, *lines]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
