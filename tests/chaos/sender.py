"""Senders that behave as MTAs do: a letter is offered until it is answered 250 (or 5xx, which fails the run)."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.letters import Letter

ATTEMPT_SECONDS = 90.0


class RefusedError(Exception):
    """A letter got a permanent refusal: every internal fault must be 451."""


@dataclass
class Post:
    """What was sent and what the ingress answered."""

    host: str
    port: int
    accepted: list[Letter] = field(default_factory=list)
    repeats: int = 0
    deferred: int = 0
    lost_connections: int = 0
    by_bdat: int = 0
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reached(self, count: int) -> None:
        """Wait until so many letters have been answered 250."""
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.accepted) >= count)

    async def deliver(self, letter: Letter, dice: random.Random) -> None:
        """Offer the letter until the ingress takes responsibility; a copy is sent after the first 250."""
        await self._until_taken(letter, dice)
        self.accepted.append(letter)
        async with self._progress:
            self._progress.notify_all()
        if letter.twice:
            await self._until_taken(letter, dice)
            self.repeats += 1

    async def _until_taken(self, letter: Letter, dice: random.Random) -> None:
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    code = await self._offer(letter)
            except (OSError, EOFError, TimeoutError):
                self.lost_connections += 1
                code = 421
            if code == 250:
                return
            if code >= 500:
                raise RefusedError(f"letter {letter.number}: {code}")
            self.deferred += 1
            await asyncio.sleep(dice.uniform(0.1, 0.6))  # an MTA's back-off, short

    async def _offer(self, letter: Letter) -> int:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            envelope = [f"MAIL FROM:<{letter.sender}>", f"RCPT TO:<{letter.to}>"]
            for command in ("", "EHLO mta.ministry.example", *envelope, *([] if letter.chunks else ["DATA"])):
                if command:
                    writer.write(command.encode() + b"\r\n")
                code = await self._reply(reader)
                if code not in (220, 250, 354):
                    return code
            code = await (self._chunks if letter.chunks else self._data)(letter, reader, writer)
            writer.write(b"QUIT\r\n")
            return code
        finally:
            writer.close()

    async def _data(self, letter: Letter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(letter.octets().replace(b"\r\n.", b"\r\n.."))
        writer.write(b".\r\n")
        await writer.drain()
        return await self._reply(reader)

    async def _chunks(self, letter: Letter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """RFC 3030: octet by octet as the letter is, in chunks that end anywhere."""
        octets = letter.octets()
        for size in letter.chunks:
            chunk, octets = octets[:size], octets[size:]
            if not octets:
                octets = chunk
                break
            writer.write(b"BDAT %d\r\n" % len(chunk) + chunk)
            await writer.drain()
            code = await self._reply(reader)
            if code != 250:
                return code
        writer.write(b"BDAT %d LAST\r\n" % len(octets) + octets)
        await writer.drain()
        code = await self._reply(reader)
        self.by_bdat += code == 250
        return code

    async def _reply(self, reader: asyncio.StreamReader) -> int:
        while True:
            line = await reader.readline()
            if not line:
                raise EOFError
            if line[3:4] == b" ":
                return int(line[:3])


async def post_all(post: Post, supply: Iterator[Letter], connections: int, seed: int) -> None:
    """Send the whole supply over so many connections at once."""

    async def one(index: int) -> None:
        dice = random.Random(seed * 1000 + index)
        for letter in supply:
            await post.deliver(letter, dice)

    async with asyncio.TaskGroup() as group:
        for index in range(connections):
            group.create_task(one(index))
