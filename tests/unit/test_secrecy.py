"""When a mark in the letter is believed, and what then follows."""

import msgspec
import pytest

from contracts.findings import Findings, Particular, Source
from services.sign import reclassified
from services.words import secrecy
from tests import receipts


def found(confidence: float, source: Source = "pdf") -> Findings:
    mark = Particular(value="ลับ", source=source, confidence=confidence)
    return receipts.findings(particulars=msgspec.structs.replace(receipts.findings().particulars, secrecy=mark))


@pytest.mark.parametrize(
    ("findings", "silent", "moves"),
    [
        (None, False, False),
        (receipts.findings(), False, False),
        (found(0.3), False, False),
        (found(0.5), True, False),
        (found(0.9), True, True),
        (found(0.45, "ocr"), True, False),
        (found(0.9, "ocr"), True, False),
    ],
)
def test_what_follows_from_a_mark(findings: Findings | None, silent: bool, moves: bool) -> None:
    assert (secrecy.mark(findings) is not None) is silent
    assert (secrecy.moving_mark(findings) is not None) is moves


def test_the_order_is_the_same_at_every_repeat_and_another_for_another_letter() -> None:
    row = receipts.row()
    order = reclassified.move(row, found(0.9))
    assert order is not None
    assert order == reclassified.move(row, found(0.9))
    assert row.position is not None
    elsewhere = msgspec.structs.replace(row.position, sequence=row.position.sequence + 1)
    other = reclassified.move(msgspec.structs.replace(row, position=elsewhere), found(0.9))
    assert other is not None
    assert other.id != order.id


def test_what_is_in_its_place_stays() -> None:
    assert reclassified.move(msgspec.structs.replace(receipts.row(), series="classified"), found(0.9)) is None
