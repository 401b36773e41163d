"""Dialogues as text: see README.md for the grammar."""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

_ESCAPE = re.compile(r"\\(r|n|t|s|0|\\|x[0-9a-fA-F]{2})")
_PLAIN = {"s": b" ", "r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
_KINDS = ("C:", "C>", "S:", "S!", "M:", "B:", "A:", "N:", "H:", "H>", "@")
_RFC = re.compile(r"RFC \d+|decision \d+|invariant \d+|proxy-protocol\.txt section \d+", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One line of a dialogue."""

    number: int
    kind: str
    text: str


@dataclass
class Dialogue:
    """One file."""

    name: str
    about: str = ""
    settings: dict[str, int | float | str | tuple[str, ...]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> Dialogue:
    """Read a file; raises ValueError with the line that is wrong."""
    found = Dialogue(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            found.about = found.about or line.lstrip("# ")
            continue
        if not line.strip():
            continue
        kind = next((kind for kind in _KINDS if line.startswith(kind)), None)
        if kind is None:
            raise ValueError(f"{path.name}:{number}: no such kind of line: {line}")
        text = line[len(kind) :].removeprefix(" ")
        if kind == "@" and text.startswith("setting "):
            name, _, value = text.removeprefix("setting ").partition("=")
            found.settings[name.strip()] = _value(value.strip())
        else:
            found.steps.append(Step(number, kind, text))
    if not _RFC.search(found.about):
        raise ValueError(f"{path.name}: the first comment must name what it rests on: the RFC section, say")
    return found


def octets(text: str) -> bytes:
    r"""The octets that a line stands for: \r \n \t \0 \\ and \xNN, everything else as UTF-8."""
    out = b""
    at = 0
    for match in _ESCAPE.finditer(text):
        out += text[at : match.start()].encode()
        code = match[1]
        out += bytes([int(code[1:], 16)]) if code.startswith("x") else _PLAIN[code]
        at = match.end()
    return out + text[at:].encode()


def fits(pattern: str, text: str) -> bool:
    """Whether a reply is what the pattern says: `*` stands for anything, everything else for itself."""
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _value(text: str) -> int | float | str | tuple[str, ...]:
    if "," in text:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    for kind in (int, float):
        try:
            return kind(text.replace("_", ""))
        except ValueError:
            continue
    return text
