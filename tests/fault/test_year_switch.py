"""The short form of `python -m tests.cluster.year`: two agencies, one of each basis, over both instants under load."""

from pathlib import Path

import pytest

from services.runtime.kernel import read_host
from tests.cluster.year import switch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system("chrony", "faketime"),
    pytest.mark.skipif(
        read_host().bound_ns is not None,
        reason="this host's clock is disciplined: time servers in another time are not believed",
    ),
]


async def test_each_letter_is_in_the_book_of_its_year(tmp_path: Path) -> None:
    verdict = await switch(tmp_path, seed=2569, rate=3.0)
    assert verdict.problems == []
    assert verdict.rows == verdict.final_receipts == verdict.receipt_mails > 20
