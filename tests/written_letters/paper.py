"""What stands on the paper of a letter, line by line, and the same as the text of a mail.

The marks of the `paper` texts in the TOML files, one line each:

    [ด่วนที่สุด]          a stamp, large and red
    ที่ … || กรม …        the left and the right half of one line; either may be empty
    ^ …                 centred
    เรื่อง | …            a label and its text; without a label, the text goes on in the same column
    > …                 a paragraph, its first line indented
    ---                 a new page
    anything else       a line from the left margin
"""

import html
import textwrap
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stamp", "halves", "centred", "labelled", "paragraph", "plain", "blank", "page"]

WRAP = 60
"""Characters after which the style `wrapped` breaks a line, at a space."""


@dataclass(frozen=True)
class PaperLine:
    """One line or paragraph of the paper; `label` is also the left half."""

    kind: Kind
    text: str = ""
    label: str = ""
    column: str = ""
    """The label whose width the text stands behind."""


def lines(paper: str) -> list[PaperLine]:
    """The lines of a `paper` text, in order."""
    found: list[PaperLine] = []
    column = ""
    for line in paper.strip("\n").split("\n"):
        label, bar, text = line.partition("|")
        if not line.strip():
            found.append(PaperLine("blank"))
        elif line == "---":
            found.append(PaperLine("page"))
        elif line.startswith("[") and line.endswith("]"):
            found.append(PaperLine("stamp", line[1:-1]))
        elif line.startswith("^ "):
            found.append(PaperLine("centred", line[2:]))
        elif line.startswith("> "):
            found.append(PaperLine("paragraph", line[2:]))
        elif "||" in line:
            left, right = (half.strip() for half in line.split("||"))
            found.append(PaperLine("halves", right, left))
        elif bar:
            column = label.strip() or column
            found.append(PaperLine("labelled", text.strip(), label.strip(), column))
        else:
            found.append(PaperLine("plain", line))
    return found


def plain(text: str) -> list[PaperLine]:
    """A text without marks: a line a paragraph."""
    return [PaperLine("plain", line) if line.strip() else PaperLine("blank") for line in text.split("\n")]


BodyStyle = Literal["tabs", "lines", "wrapped", "html"]


def mail_text(paper: list[PaperLine], style: BodyStyle) -> str:
    """The letter pasted into a mail: with tabs, each half on its own line, hard-wrapped, or as HTML with tables."""
    if style == "html":
        return "<html><body>\n" + "\n".join(_html(line) for line in paper) + "\n</body></html>\n"
    text = "\n".join(_text(line, "\n" if style == "lines" else "\t") for line in paper) + "\n"
    if style != "wrapped":
        return text
    return "\n".join(
        textwrap.fill(line.expandtabs(4), WRAP, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def _text(line: PaperLine, gap: str) -> str:
    match line.kind:
        case "halves":
            return (
                gap.join(half for half in (line.label, line.text) if half)
                if gap == "\n"
                else line.label + gap + line.text
            )
        case "centred":
            return f"\t\t\t{line.text}"
        case "labelled":
            return f"{line.label}  {line.text}" if line.label else f"\t{line.text}"
        case "paragraph":
            return f"\n\t{line.text}"
        case "page":
            return "\n"
        case _:
            return line.text


def _html(line: PaperLine) -> str:
    text, label = html.escape(line.text), html.escape(line.label)
    match line.kind:
        case "stamp":
            return f'<p><b style="color:red">{text}</b></p>'
        case "halves":
            return f"<table><tr><td>{label}&nbsp;</td><td>{text}</td></tr></table>"
        case "centred":
            return f"<p align=center>{text}</p>"
        case "labelled":
            return f"<div>{label}&nbsp;&nbsp;{text}</div>"
        case "page":
            return "<hr>"
        case "blank":
            return "<br>"
        case _:
            return f"<p>{text}</p>"
