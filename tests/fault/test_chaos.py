"""The short form of `make chaos`: letters, kills, a reload, a copy of the store; then every promise must hold."""

from pathlib import Path

import pytest

from tests.chaos.run import Load, chaos

pytestmark = pytest.mark.slow


async def test_every_promise_holds_under_kills_and_a_copied_store(tmp_path: Path) -> None:
    load = Load(letters=200, connections=10, largest=3 * 1024 * 1024, large=3, idle=50, slow=5)
    verdict = await chaos(
        seed=2569, load=load, kills=6, reloads=1, folder=tmp_path, settle_seconds=240, ack_wait_seconds=30
    )
    assert verdict.problems == []
    assert verdict.rows == verdict.final_receipts == verdict.receipt_mails == 200
    assert verdict.notices > 0, "no letter was delivered twice: the run proved less than it says"
    assert verdict.reloads == 1
    assert verdict.by_bdat > 0
    assert verdict.bystanders >= load.idle + load.slow
