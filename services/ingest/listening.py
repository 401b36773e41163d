"""Where connections come in: sockets that a supervisor holds open for us, or our own."""

import asyncio
import os
from collections.abc import Callable, MutableMapping
from typing import Final

from services.ingest import replies
from services.ingest.sessions import TurnedAway
from services.runtime import sockets
from services.runtime.config import host_port
from services.runtime.settings import Ingest


class Listening:
    """From `open` to `close`, each connection is given to a protocol."""

    def __init__(self, settings: Ingest, environ: MutableMapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._handed: Final = sockets.handed(environ)
        self._servers: list[asyncio.Server] = []
        self._turning_away: list[asyncio.Server] = []

    @property
    def taken_over(self) -> bool:
        """Whether the sockets listen already: who connects waits for us, or is served by our predecessor."""
        return bool(self._handed)

    async def turn_away(self) -> None:
        """Nobody can be served for a while. Who would have to wait without a word is told to come again."""
        if not self._turning_away:
            loop = asyncio.get_running_loop()
            for one in self._handed:
                server = await loop.create_server(lambda: TurnedAway(replies.NOT_SERVING), sock=one.dup())
                self._turning_away.append(server)

    async def open(self, session: Callable[[], asyncio.Protocol]) -> None:
        """Take connections. Raises OSError where an address is taken."""
        loop = asyncio.get_running_loop()
        for server in self._turning_away:
            server.close()
        for one in self._handed:
            self._servers.append(await loop.create_server(session, sock=one, backlog=sockets.BACKLOG))
        if self._handed:
            return
        # Only with several processes: two systems on one port would otherwise share its mail without a word.
        shared = self._settings.processes > 1 or None
        for address in self._settings.listen:
            host, port = host_port(address)
            server = await loop.create_server(session, host, port, backlog=sockets.BACKLOG, reuse_port=shared)
            self._servers.append(server)

    async def close(self) -> None:
        """Take no more. What the kernel has handed to us by now is still given to its protocol."""
        for server in (*self._servers, *self._turning_away):
            server.close()
        await asyncio.sleep(0)
