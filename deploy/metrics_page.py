"""Every metric as a page: name, kind, labels with their values, meaning; read as text from each metrics.py."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SERVICES: Final = Path(__file__).parents[1] / "services"
KINDS: Final = ("Counter", "Gauge", "Histogram")

TABLE: Final = ("| metric | kind | labels | meaning |", "| --- | --- | --- | --- |")

HEAD: Final = """\
# Metrics

What `/metrics` of a service says, and that of `saraban up` for all of them. Labels are closed sets: nothing has a
series for a letter or an agency. What to watch: [prometheus/saraban.rules.yml](prometheus/saraban.rules.yml).
Written by `python -m deploy.generate` from each service's `metrics.py`.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip()]
    for path in sorted(SERVICES.glob("*/metrics.py")):
        rows = list(_rows(path.read_text(encoding="utf-8")))
        if rows:
            lines += ["", f"## {path.parent.name}", "", *TABLE]
            lines += rows
    return "\n".join(lines) + "\n"


def _rows(source: str) -> Iterator[str]:
    text = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in KINDS:
            continue
        name, meaning, *more = node.args
        labels = ast.literal_eval(more[0]) if more else []
        told = ", ".join(f"`{label}`" for label in labels)
        _, _, values = text[more[0].end_lineno - 1].partition("# ") if more and more[0].end_lineno else ("", "", "")
        if values:
            told += f": {values.strip()}".replace("|", "·")
        words = str(ast.literal_eval(meaning)).replace("|", "·")
        yield f"| `{ast.literal_eval(name)}` | {node.func.id.lower()} | {told} | {words} |"
