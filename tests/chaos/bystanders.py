"""Peers that cost an ingress and bring it nothing: some only hold a connection, some send a letter octet by octet."""

import asyncio
import contextlib

AGAIN_SECONDS = 0.5
TURNED_AWAY_SECONDS = 20.0
"""Thousands that came back at once would only measure how fast connections are refused."""
OCTET_SECONDS = 1.0


class Bystanders:
    """They come again whenever they are sent away, until cancelled."""

    def __init__(self, port: int, to: str) -> None:
        self._port = port
        self._to = to
        self.came = 0
        """Connections that were greeted."""

    async def run(self, idle: int, slow: int) -> None:
        """So many of both at once."""
        async with asyncio.TaskGroup() as group:
            for number in range(idle + slow):
                group.create_task(self._again(number >= idle))

    async def _again(self, slow: bool) -> None:
        while True:
            pause = AGAIN_SECONDS
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    greeting = await reader.readline()
                    if greeting.startswith(b"220"):
                        self.came += 1
                        await (self._drip(reader, writer) if slow else reader.read())
                    elif greeting:
                        pause = TURNED_AWAY_SECONDS
                finally:
                    writer.close()
            await asyncio.sleep(pause)

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"EHLO slow.example\r\nMAIL FROM:<slow@slow.example>\r\nRCPT TO:<{self._to}>\r\nDATA\r\n".encode())
        ended = asyncio.create_task(reader.read())
        try:
            while not ended.done():
                writer.write(b"x")
                await asyncio.wait({ended}, timeout=OCTET_SECONDS)
        finally:
            ended.cancel()
