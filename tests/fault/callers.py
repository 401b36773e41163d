"""Senders that connect without a pause, and what each of them met."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from contracts.event import Position
from services.runtime.bus import Bus
from services.runtime.letters import read_letter, read_message
from tests.conftest import THIS_YEAR
from tests.smtp.client import Client
from tests.smtp.world import World

SENDERS = 6
TO = "saraban@demo.test"
MAIL = f"MAIL_{THIS_YEAR}"


class Callers:
    """Each sends letter after letter, three to a connection, from `async with` to its end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: list[asyncio.Task[None]] = []
        self._answered = asyncio.Condition()
        self._stopping = False
        self.acknowledged: list[bytes] = []
        self.refused = 0
        """Connections that were not taken."""
        self.cut = 0
        """Connections that ended without a word."""
        self.replies: Counter[str] = Counter()
        """Replies that were not good, their codes."""
        self.offers: set[str] = set()
        """What EHLO said of SIZE."""
        self._inodes: set[str] = set()
        self._pids: dict[str, set[str]] = {}

    async def __aenter__(self) -> "Callers":
        self._tasks = [asyncio.create_task(self._send(number)) for number in range(SENDERS)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), 60)

    async def more(self, letters: int) -> None:
        """Wait until so many more letters are acknowledged."""
        wanted = len(self.acknowledged) + letters
        async with asyncio.timeout(60), self._answered:
            await self._answered.wait_for(lambda: len(self.acknowledged) >= wanted)

    async def _send(self, number: int) -> None:
        for connection in range(10**9):
            if self._stopping:
                return
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            try:
                await self._talk(Client(reader, writer), reader, f"{number}.{connection}")
            except (OSError, EOFError):
                self.cut += 1
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _talk(self, peer: Client, reader: asyncio.StreamReader, name: str) -> None:
        if not await self._good(await peer.reply()):
            return
        self._note(peer)
        peer.writer.write(b"EHLO client.test\r\n")
        while True:
            line = (await reader.readline()).decode()
            if "SIZE" in line:
                self.offers.add(line[4:].strip())
            if line[3:4] != "-":
                break
        if not await self._good(line):
            return
        for number in range(3):
            content = f"Message-ID: <{name}.{number}@client.test>\r\n\r\n{name}\r\n".encode() * 50
            begun = await peer.begin(TO)
            if not await self._good(begun):
                return
            peer.send(content)
            if not await self._good(await peer.reply()):
                return
            self.acknowledged.append(content)
            async with self._answered:
                self._answered.notify_all()
        await peer.say("QUIT")

    async def _good(self, reply: str) -> bool:
        if not reply:
            raise EOFError
        if reply[0] not in "23":
            self.replies[reply[:9]] += 1
        return reply[0] in "23"

    # -- who served -------------------------------------------------------------------------------------------------

    def _note(self, peer: Client) -> None:
        """The server's end of this connection, as the kernel numbers it."""
        mine = peer.writer.get_extra_info("sockname")[1]
        wanted = (f":{self._port:04X}", f":{mine:04X}")
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]):
                self._inodes.add(f"socket:[{fields[9]}]")
        for pid in self._pids:
            self._look(pid)

    def watch(self, pids: Iterable[int]) -> None:
        """From now on note which connections these processes have."""
        self._pids |= {str(pid): set() for pid in pids}

    def _look(self, pid: str) -> None:
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    self._pids[pid].add(str(descriptor.readlink()))

    def served_by(self, pids: Mapping[str, int]) -> set[str]:
        """Which of the watched processes served one of our connections."""
        return {name for name, pid in pids.items() if self._pids[str(pid)] & self._inodes}

    def hold_against(self, letters: list[bytes]) -> None:
        """Fail if a letter that was acknowledged is not kept as it was sent."""
        assert self.acknowledged
        there = set(letters)
        assert [content for content in self.acknowledged if content not in there] == []


async def kept(place: World) -> list[bytes]:
    """Every letter of the agency in MAIL, as anyone reads it back."""
    bus = await Bus.connect(place.nats, "test")
    found = []
    for sequence in range(1, (await bus.js.stream_info(MAIL)).state.last_seq + 1):
        message = await read_message(bus.nc, MAIL, sequence)
        if message is not None and message.subject == "mail.v1.received.demo":
            found.append((await read_letter(bus.nc, Position(stream=MAIL, sequence=sequence), 10))[1])
    await bus.close()
    return found
