"""The short form of `make cluster`: each fault once while letters arrive; then every promise must hold."""

from pathlib import Path

import pytest

from tests.cluster.run import campaign

pytestmark = pytest.mark.slow

FAULTS = ["leader of REGISTER killed", "leader of MAIL killed", "follower cut off", "lease holder paused"]


async def test_every_promise_holds_while_machines_are_lost(tmp_path: Path) -> None:
    verdict = await campaign(
        tmp_path, seed=2569, times=1, rate=2.0, settle_seconds=240, kinds=FAULTS, ack_wait_seconds=15
    )
    assert verdict.problems == []
    assert verdict.rows == verdict.final_receipts == verdict.receipt_mails > 20
