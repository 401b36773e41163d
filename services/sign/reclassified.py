"""The one order that no person gives: a letter that bears a secrecy mark in itself goes into the classified series.

Its number stays in the book it was entered in, the entry goes on under a number of the classified book, and its
record is enveloped for the registrar there, as with any move (decision 0022).
"""

import hashlib
from typing import Final

from contracts.findings import Findings
from contracts.orders import MoveOrdered
from contracts.register import LetterEntered
from services.words import secrecy

BY: Final = "saraban (ระบบอัตโนมัติ)"


def move(row: LetterEntered, findings: Findings) -> MoveOrdered | None:
    """The order to move the entry of `row`, or None where it is in its place.

    The same row and findings give the same order, to the octet, with the same id: given again after a crash it is one.
    """
    found = secrecy.moving_mark(findings)
    if found is None or row.series == "classified" or row.position is None:
        return None
    return MoveOrdered(
        agency=row.agency,
        id=hashlib.sha256(f"reclassified {row.position}".encode()).hexdigest()[:32],
        by=BY,
        reason=f"พบเครื่องหมายชั้นความลับ “{found.value}” ในตัวหนังสือ หลังลงทะเบียนรับ",
        given_at=findings.judged_at,
        series=row.series,
        year=row.year,
        number=row.number,
        to_series="classified",
    )
