"""Whether a letter bears a secrecy mark in itself, found after it had its number: one rule for all who keep silent.

The register chose the series by the Subject line alone (invariant 8). A stamp on the page or a line of the head comes
to light only when the letter is read.
"""

from typing import Final

from contracts.findings import Findings, Particular

SILENT: Final = 0.4
"""From this confidence on nothing of the letter is shown. Below a particular's own measure (0.5): silence that was not
needed can be undone by an officer, what was said cannot. A mark that was read from a scan reaches it."""

MOVES: Final = 0.7
"""From this confidence on the entry is moved into the classified series without asking; never by a scan alone, whose
text is a machine's guess: then the registrar, who is alerted, decides."""


def mark(findings: Findings | None) -> Particular | None:
    """The mark for whose sake nothing of the letter is shown."""
    found = findings.particulars.secrecy if findings is not None else None
    return found if found is not None and found.confidence >= SILENT else None


def moving_mark(findings: Findings | None) -> Particular | None:
    """The mark for whose sake its entry is moved into the classified series."""
    found = mark(findings)
    return found if found is not None and found.confidence >= MOVES and found.source != "ocr" else None
