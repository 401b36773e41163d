"""What the commands say to a person: answers on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from unicodedata import category

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.values import BANGKOK, from_instant

OUT = Console(highlight=False, soft_wrap=True)
"""Answers. Soft-wrapped: a long path or number must survive copy and paste."""
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, hints and errors."""

_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
THAI_MONTHS = ("ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.")


def say(text: str) -> None:
    """Say something on standard error, in rich's markup."""
    ERR.print(text)


def complain(text: str) -> None:
    """The one line that ends a command."""
    ERR.print("saraban:", text.strip(), style="red" if ERR.is_terminal else None, markup=False)


def row(fields: Mapping[str, object]) -> None:
    """One JSON object on one line; nothing is written between the lines of an answer."""
    sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")


def flush() -> None:
    """Hand over what was written: whoever reads a pipe waits for it."""
    sys.stdout.flush()


def clean(text: str) -> str:
    """Foreign text without what steers a terminal: control characters, and marks that turn the direction of reading."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if category(sign) in ("Cc", "Cs") or sign in _DIRECTION else sign for sign in text
    )


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], title: str | None = None) -> None:
    """A table that fits the terminal; on a pipe as wide as its content. Cells may hold anybody's text."""
    shown = Table(box=None, pad_edge=False, title=title, title_justify="left", header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for cells in rows:
        shown.add_row(*(Text(clean(cell)) for cell in cells))
    if OUT.is_terminal:
        OUT.print(shown)
    else:
        Console(width=1_000, highlight=False).print(shown, soft_wrap=True)


def thai_time(text: str) -> str:
    """An instant of the contracts as an officer reads it: `20 พ.ย. 2568 15:52:07` in Thai time."""
    moment: datetime = from_instant(text).astimezone(BANGKOK)
    return f"{moment.day} {THAI_MONTHS[moment.month - 1]} {moment.year + 543} {moment:%H:%M:%S}"


def short(path: Path) -> str:
    """A path from here, if it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
