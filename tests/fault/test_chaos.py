"""The short form of `make chaos`: some hundred letters, kills, one copy of the store; then every promise must hold."""

from pathlib import Path

import pytest

from tests.chaos.run import chaos

pytestmark = pytest.mark.slow


async def test_every_promise_holds_under_kills_and_a_copied_store(tmp_path: Path) -> None:
    verdict = await chaos(
        seed=2569, count=200, kills=6, connections=10, folder=tmp_path, settle_seconds=240, largest=3 * 1024 * 1024
    )
    assert verdict.problems == []
    assert verdict.rows == verdict.final_receipts == verdict.receipt_mails == 200
    assert verdict.notices > 0, "no letter was delivered twice: the run proved less than it says"
