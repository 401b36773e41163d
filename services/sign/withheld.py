"""What stays of findings when the letter is classified: nothing that tells its number, subject, names or files."""

from msgspec.structs import replace

from contracts.findings import Authentication, Findings, Particulars
from services.words import wording

HIDDEN_NAME = "-"
_THAI = wording.REASONS[wording.CLASSIFIED]
_ENGLISH = "Not shown: a classified letter."


def withheld(findings: Findings) -> Findings:
    """The findings as they may lie in FINDINGS in clear: digests, sizes and verdicts, the mark, codes of warnings."""
    return replace(
        findings,
        particulars=Particulars(secrecy=findings.particulars.secrecy),
        signatures=tuple(
            replace(verdict, part="", field="", signer=None, addresses=(), holder=None, explanation=_THAI)
            for verdict in findings.signatures
        ),
        authentication=None if findings.authentication is None else _without_names(findings.authentication),
        attachments=tuple(
            replace(file, name=HIDDEN_NAME, inside=file.inside and HIDDEN_NAME, save_as="")
            for file in findings.attachments
        ),
        warnings=tuple(replace(warning, thai=_THAI, english=_ENGLISH) for warning in findings.warnings),
    )


def _without_names(found: Authentication) -> Authentication:
    """The results and the two domains by which notify knows whether the sender may be answered; no other name."""
    return replace(found, author_domain="", arc_domain="", arc_results=(), evidence=(), evidence_cut=False)
