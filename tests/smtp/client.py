"""An SMTP client that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SECONDS = 30


class Client:
    """One connection; what is said is sent as it is, replies come back as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """The next reply, its last line; empty where the server has closed."""
        async with asyncio.timeout(SECONDS):
            while True:
                line = (await self._reader.readline()).decode().rstrip("\r\n")
                if line[3:4] != "-":
                    return line

    async def say(self, command: str) -> str:
        """Send a command and return the reply."""
        self.writer.write(command.encode() + b"\r\n")
        return await self.reply()

    async def begin(self, *to: str, sender: str = "a@client.test", parameters: str = "") -> str:
        """Everything up to DATA; return its reply, or the first one that is not good."""
        for command in (
            f"MAIL FROM:<{sender}> {parameters}".rstrip(),
            *(f"RCPT TO:<{address}>" for address in to),
            "DATA",
        ):
            reply = await self.say(command)
            if reply[:1] not in "23":
                return reply
        return reply

    def send(self, letter: bytes) -> None:
        """Send a letter that has no line beginning with a dot, and the end of DATA."""
        self.writer.write(letter)
        self.writer.write(b".\r\n")

    async def letter(self, letter: bytes, *to: str, sender: str = "a@client.test") -> str:
        """A whole transaction; return the last reply."""
        begun = await self.begin(*to, sender=sender)
        if not begun.startswith("354"):
            return begun
        self.send(letter)
        return await self.reply()


@asynccontextmanager
async def client(port: int, *, helo: bool = True, source: str = "127.0.0.1") -> AsyncIterator[Client]:
    """Connect from `source` and say EHLO."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        made = Client(reader, writer)
        await made.reply()
        if helo:
            await made.say("EHLO client.test")
        yield made
    finally:
        writer.close()
