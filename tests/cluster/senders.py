"""Letters at a steady rate, each from an MTA of its own that tries the two MX in turn until it hears 250."""

import asyncio
import itertools
import random
from collections.abc import Iterator

from tests.chaos.letters import Letter
from tests.chaos.sender import Post

AT_ONCE = 64
"""Letters under way; a real correspondent has no more patience than his server has connections."""


class Senders(Post):
    """What was sent to either ingress, and what they answered."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__("127.0.0.1", ports[0])
        self._ports = itertools.cycle(ports)

    async def _offer(self, letter: Letter) -> int:
        self.port = next(self._ports)
        return await super()._offer(letter)

    async def steadily(self, supply: Iterator[Letter], rate: float, enough: asyncio.Event, seed: int) -> None:
        """Begin a letter `rate` times a second until it is `enough`; returns when each has been taken."""
        dice = random.Random(seed)
        places = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        due = loop.time()

        async def send(letter: Letter) -> None:
            try:
                await self.deliver(letter, dice)
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            for letter in supply:
                await places.acquire()
                group.create_task(send(letter))
                due += 1 / rate
                try:
                    async with asyncio.timeout(max(0.0, due - loop.time())):
                        await enough.wait()
                except TimeoutError:
                    continue
                return
