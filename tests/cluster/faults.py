"""What may happen to a machine: each fault is made, lasts, and is mended again."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.streams import ENTERED, LEASE, REGISTER
from services.runtime.bus import Bus
from services.runtime.errors import BusError
from services.runtime.letters import moment
from tests.cluster.servers import SIZE
from tests.cluster.system import Machines

PAUSED_SECONDS = LEASE.ttl_seconds + 2.0
"""Longer than the lease lives: somebody else must have taken it when the sleeper wakes."""

CUT_SECONDS = 9.0
"""Longer than an election: the others have gone on, and whoever was connected here has had to leave."""


@dataclass
class Struck:
    """A fault that was made: which, when, and until when it lasted."""

    kind: str
    what: str
    at_ns: int
    mended_ns: int = 0


class Faults:
    """Makes them, one after the other. `strike` returns when all is whole again."""

    def __init__(self, machines: Machines, bus: Bus, dice: random.Random) -> None:
        self._machines = machines
        self._cluster = machines.cluster
        self._bus = bus
        self._dice = dice
        self.all: dict[str, Callable[[], Awaitable[Struck]]] = {
            "leader of REGISTER killed": lambda: self._leader_killed(REGISTER.family),
            "leader of MAIL killed": lambda: self._leader_killed(f"MAIL_{machines.year}"),
            "follower cut off": lambda: self._cut_off(leader=False),
            "leader cut off": lambda: self._cut_off(leader=True),
            "leader hangs": self._leader_hangs,
            "lease holder paused": self._holder_paused,
        }

    async def strike(self, kind: str) -> Struck:
        """Make one fault, mend it, and wait until everything is as before."""
        struck = await self.all[kind]()
        await self._cluster.healthy()
        struck.mended_ns = time.time_ns()
        await self._numbers_again(struck.mended_ns)
        return struck

    async def _numbers_again(self, since_ns: int) -> None:
        """Wait until rows are stored again: what comes after it is another fault, and has its own time."""
        async with asyncio.timeout(120):
            while True:
                with contextlib.suppress(BusError):
                    last = await self._bus.api(f"STREAM.MSG.GET.{REGISTER.family}", {"last_by_subj": ENTERED})
                    if moment(last["message"]["time"]).timestamp() * 1e9 > since_ns:
                        return
                await asyncio.sleep(0.1)

    async def _leader_killed(self, stream: str) -> Struck:
        number = await self._cluster.leader(self._bus, stream)
        server = self._cluster.servers[number]
        at = time.time_ns()
        await asyncio.to_thread(server.kill)
        await self._another_leads(stream, number)
        await asyncio.to_thread(server.start)
        return Struck(f"leader of {stream.partition('_')[0]} killed", f"nats-{number + 1}", at)

    async def _cut_off(self, *, leader: bool) -> Struck:
        leads = await self._cluster.leader(self._bus, REGISTER.family)
        number = leads if leader else self._dice.choice([other for other in range(SIZE) if other != leads])
        at = time.time_ns()
        self._cluster.cut(number)
        await asyncio.sleep(CUT_SECONDS)
        self._cluster.heal()
        return Struck("leader cut off" if leader else "follower cut off", f"nats-{number + 1}", at)

    async def _leader_hangs(self) -> Struck:
        """No packet is lost, no connection ends, and nothing is answered: as a machine whose disk hangs."""
        number = await self._cluster.leader(self._bus, REGISTER.family)
        server = self._cluster.servers[number]
        at = time.time_ns()
        await asyncio.to_thread(server.pause)
        await asyncio.sleep(CUT_SECONDS)
        server.resume()
        return Struck("leader hangs", f"nats-{number + 1}", at)

    async def _holder_paused(self) -> Struck:
        holder = await self._machines.holder(self._bus)
        at = time.time_ns()
        self._machines.signal(holder, signal.SIGSTOP)
        await asyncio.sleep(PAUSED_SECONDS)
        self._machines.signal(holder, signal.SIGCONT)
        return Struck("lease holder paused", holder, at)

    async def _another_leads(self, stream: str, former: int) -> None:
        async with asyncio.timeout(60):
            while await self._cluster.leader(self._bus, stream) == former:  # noqa: ASYNC110 - others elect
                await asyncio.sleep(0.05)
