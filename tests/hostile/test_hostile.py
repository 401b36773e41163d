"""The short form of the campaign: two hostile letters of each kind, and that the readers of text are linear."""

import pytest

from services.runtime.settings import Sign
from tests.hostile import growth, inputs, words
from tests.hostile.campaign import run, summary

pytestmark = pytest.mark.slow

LARGEST = 400_000
"""Larger ones are the campaign's."""


async def test_no_hostile_letter_does_more_than_cost_itself() -> None:
    """Each has findings, none of them a fault of ours; no child holds more than it may, and innocent ones go by."""
    config = Sign(child_seconds=2)
    count = 2 * len(inputs.kinds())
    report = await run(7, count, rate=100, alone_seconds=0, config=config, largest=LARGEST)
    assert not report.problems, summary(report, 7)
    assert len(report.outcomes) == count
    assert 0 < report.child_peak < config.child_memory_bytes


def test_an_input_can_be_made_again() -> None:
    kinds = [name for name in inputs.kinds() if not name.startswith("signature")]  # keys are never the same
    for number in range(len(inputs.kinds())):
        made = inputs.make(7, number, LARGEST)
        if made.kind in kinds and made.kind not in ("mail many_files", "mail signed_mail", "mail changed", "mail cut"):
            assert inputs.make(7, number, LARGEST) == made


@pytest.mark.parametrize(
    ("reader", "fragment"),
    [
        ("html", "<!--"),
        ("html", "<a "),
        ("html", "</"),
        ("html", "<a '"),
        ("decoded", "=?a?q?a"),
        ("decoded", "=?"),
        ("header", "=?a?q?a"),
    ],
)
def test_what_took_minutes_takes_as_long_as_its_text(reader: str, fragment: str) -> None:
    """Half a megabyte at once: by the square of its length it would not come to an end before the test's deadline."""
    growth.READERS[reader](fragment * (500_000 // len(fragment)))


def test_every_kind_of_text_is_read() -> None:
    for _, text in list(words.texts(1_000))[::7]:
        for reader in growth.READERS.values():
            reader(text)
