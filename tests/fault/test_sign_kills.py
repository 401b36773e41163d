"""Exactly one set of findings and one final receipt each, whenever sign is killed."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.findings import ReceiptSealed
from contracts.receipt import Head
from contracts.streams import SIGN_ENTERED
from services.runtime.bus import Bus
from tests import books
from tests.checkpoints import checkpoints, fold, leads, until_signed
from tests.servers import NatsServer
from tests.signing import events, letter, mail, prepare, receipts_of, store
from tests.waiting import until_it

pytestmark = pytest.mark.slow

SEED = 2569
LETTERS = 16
KILLS = 4

CONFIG = """
state = "{state}"
[nats]
servers = ["{url}"]
monitors = ["{monitor}"]
users = {{ sign = "sign:{password}" }}
[ops]
listen = "127.0.0.1:0"
[log]
level = "error"
[sign]
test_authority = "test-authority"
dns_servers = ["127.0.0.1:9"]
dns_seconds = 0.5
sender_patience_seconds = 0
checkpoint_seconds = 0.5
"""


@asynccontextmanager
async def sign_process(server: NatsServer, state: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`saraban sign`, in a process of its own, which does not outlive the block."""
    file = state / "saraban.toml"
    file.write_text(
        CONFIG.format(state=state, url=server.url, monitor=server.monitor, password=server.passwords["sign"])
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "sign", "--config", str(file), start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def test_each_letter_has_one_receipt_however_often_sign_is_killed(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    await prepare(bus)
    async with books.worker(nats_server.settings()):
        await store(bus, *(letter(mail(f"ที่ นร ๑๒๐๐/{n}")) for n in range(LETTERS - KILLS)))
        await books.until(bus, LETTERS - KILLS)

    async def messages() -> int:
        return int((await bus.api("STREAM.INFO.FINDINGS"))["state"]["messages"])

    for kill in range(KILLS):
        before = await messages()
        async with books.worker(nats_server.settings()):
            await store(bus, letter(mail(f"ที่ นร ๑๒๐๐/ว{kill}")))
            await books.until(bus, LETTERS - KILLS + kill + 1)
        async with sign_process(nats_server, tmp_path) as process:
            # Killed after some write of its own, whichever that is: findings or receipt, acknowledged or not.
            goal = before + dice.randint(1, 5)

            async def reached(goal: int = goal) -> bool:
                return await messages() >= goal

            await until_it(reached, 60)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        # The rows it held come back at once, not after their ack_wait; as if they had never been delivered.
        await bus.api("CONSUMER.DELETE.REGISTER.sign-entered")
        await bus.api(
            "CONSUMER.CREATE.REGISTER.sign-entered.register.v1.entered.>",
            {"stream_name": "REGISTER", "config": SIGN_ENTERED.config()},
        )

    async def all_there() -> bool:
        return len(await receipts_of(bus)) >= LETTERS

    async with sign_process(nats_server, tmp_path):
        await until_it(all_there, 120)
        await until_signed(bus, LETTERS)
    everything = await events(bus)
    keys = [event.key for event in everything]
    assert len(keys) == len(set(keys)) == 2 * LETTERS
    numbers = [event.receipt.number for event in everything if isinstance(event, ReceiptSealed)]
    assert sorted(numbers) == list(range(1, LETTERS + 1))
    # One line of heads, whenever between row, checkpoint and receipt it was killed; receipts carry heads of that line.
    (rows,) = (await books.read(bus)).rows.values()
    heads = await checkpoints(bus)
    leads(heads, rows)
    for event in everything:
        if isinstance(event, ReceiptSealed) and isinstance(event.receipt.proof.head, Head):
            proof, number = event.receipt.proof, event.receipt.number
            assert isinstance(proof.head, Head)
            assert proof.head.signature in {head.signature for head in heads}
            assert fold(proof.head, proof.between) == rows[number - 2].link
