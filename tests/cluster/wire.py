"""A wire between two servers that can be cut: a relay on the loopback, so that no right of root is needed."""

import asyncio
import contextlib

CHUNK = 65_536


class Wire:
    """Whoever connects to `port` talks to `to`. Cut, it carries nothing in either direction and takes nobody."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._whole = True
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def lay(self) -> None:
        """Begin to listen, at a port that stays."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """From now on nothing passes. Both ends see it, as they would see a dead link when its deadline is over."""
        self._whole = False
        for end in self._ends:
            end.transport.abort()

    def heal(self) -> None:
        """Who connects now gets through again."""
        self._whole = True

    async def close(self) -> None:
        """Take it away."""
        self.cut()
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            if not self._whole:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            self._ends.add(back)
            try:
                if self._whole:
                    await asyncio.gather(_pump(reader, back), _pump(there, writer))
            finally:
                self._ends.discard(back)
                back.transport.abort()
        except OSError:
            return  # the server is down
        finally:
            self._ends.discard(writer)
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()
