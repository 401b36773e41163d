"""A server of a cluster that is cut off from the others keeps its clients and answers them nothing, or only what it
last knew. Nobody closes the connection, so whoever is connected there has to notice, and leave.

The question is one that only the leader of the whole cluster answers: which streams there are. A server that was
stopped in the middle of its work (a disk that hangs) is left for the same reason, before its pings are overdue.
"""

import asyncio
from typing import Final

import msgspec
from nats.aio.client import Client

from services.runtime import log, replies
from services.runtime.errors import BusError
from services.runtime.wire import leave

ASK_SECONDS: Final = 2.0
"""Between two questions, and the deadline of each."""

AWAY_SECONDS: Final = 6.0
"""As long as most elections take. While anything is stored through this connection nobody leaves; whoever leaves in
an election, although nothing is wrong here, loses only what was unanswered anyway."""

_QUESTION: Final = "$JS.API.STREAM.NAMES"
_FEW: Final = msgspec.json.encode({"offset": 0, "subject": "register.v1.entered.none.none.0"})
"""One name is answer enough."""


async def leave_islands(nc: Client) -> None:
    """Look for as long as the connection lives; go to another server when this one has been alone for a while."""
    loop = asyncio.get_running_loop()
    heard, connection = loop.time(), -1
    while not nc.is_closed:
        if not nc.is_connected or connection != nc.stats["reconnects"]:
            heard, connection = loop.time(), nc.stats["reconnects"]
        elif await _answers(nc):
            heard = loop.time()
        elif loop.time() - max(heard, replies.stored_at(nc)) >= AWAY_SECONDS and connection == nc.stats["reconnects"]:
            log.nats_island(nc.connected_url.netloc if nc.connected_url else "", loop.time() - heard)
            heard = loop.time()
            await leave(nc)
        await asyncio.sleep(ASK_SECONDS)


async def _answers(nc: Client) -> bool:
    try:
        answer = await replies.request(nc, _QUESTION, _FEW, ASK_SECONDS)
        return "error" not in msgspec.json.decode(answer.data, type=dict[str, object])
    except (BusError, msgspec.MsgspecError):
        return False
