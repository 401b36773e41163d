"""The peer's name in DNS, for a next hop that hears of the peer by XCLIENT and cannot look it up itself any more.

Postfix refuses clients without a verified name where its administrator wants that; told `[UNAVAILABLE]` for all, it
would refuse everybody.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from services.ingest.networks import parsed
from services.ingest.xclient import UNAVAILABLE, UNDECIDED

SECONDS: Final = 5.0
THREADS: Final = 8
"""Of their own: a resolver that hangs must not hold up the threads that hash letters."""


class PeerNames:
    """Looks names up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="peer-name")

    async def of(self, address: str) -> str:
        """The name of `address` that leads back to it; UNAVAILABLE where none does, UNDECIDED without an answer."""
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, _verified, address)
        except TimeoutError:
            return UNDECIDED


def _verified(address: str) -> str:
    try:
        name, _ = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return UNDECIDED if error.errno == socket.EAI_AGAIN else UNAVAILABLE
    except OSError:
        return UNAVAILABLE
    return name if parsed(address) in {parsed(str(place[4][0])) for place in found} else UNAVAILABLE
