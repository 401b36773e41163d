"""Paper and seal off the event loop: one thread each, so that one receipt is laid out while another is sealed."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from contracts.receipt import Receipt
from services.sign import metrics
from services.sign.paper import Paper
from services.sign.seal import SealKey

P = ParamSpec("P")
T = TypeVar("T")


class Press:
    """Makes sealed receipts. `close` ends its threads."""

    def __init__(self) -> None:
        self._paper = Paper()
        # The typesetter lets the interpreter go while it works; pyHanko does not, two of it would only take turns.
        self._laying_out = ThreadPoolExecutor(1, thread_name_prefix="paper")
        self._sealing = ThreadPoolExecutor(1, thread_name_prefix="seal")

    async def print(self, receipt: Receipt, key: SealKey) -> bytes:
        """The sealed PDF of a receipt.

        Raises:
            PaperError: it could not be laid out.
        """
        loop = asyncio.get_running_loop()
        paper = await loop.run_in_executor(self._laying_out, self._lay_out, receipt)
        return await loop.run_in_executor(self._sealing, self._seal, paper, receipt, key)

    async def beside(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Do something of the sealing thread's kind there: a head's signature, the check of a token."""
        return await asyncio.get_running_loop().run_in_executor(self._sealing, lambda: work(*args, **named))

    def close(self) -> None:
        """Let what runs finish, take nothing more."""
        self._laying_out.shutdown(wait=True, cancel_futures=True)
        self._sealing.shutdown(wait=True, cancel_futures=True)

    def _lay_out(self, receipt: Receipt) -> bytes:
        begun = time.monotonic()
        paper = self._paper.render(receipt)
        metrics.LAYING_OUT.observe(time.monotonic() - begun)
        return paper

    def _seal(self, paper: bytes, receipt: Receipt, key: SealKey) -> bytes:
        begun = time.monotonic()
        sealed = key.seal(paper, f"ใบรับหนังสือ เลขทะเบียนรับ {receipt.register_number}")
        metrics.SEALING.observe(time.monotonic() - begun)
        return sealed
