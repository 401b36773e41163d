"""The parent's side of forkserver.py: children as processes with pipes, killed and mourned by their number."""

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

from services.sign.forkserver import BORN, ENDED, FORK, KILL, MESSAGE, READY, YIELD

START_SECONDS = 30.0
"""Deadline of the fork server's start (a second on an idle machine), and of a child's."""
STDERR_OCTETS = 2_048
_ROOT = Path(__file__).resolve().parents[2]


class ForkError(Exception):
    """No child process could be made. Temporary: says nothing about any letter."""


class Errors:
    """The end of what a process writes to its standard error, for a person."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._octets = bytearray()
        self._reading = asyncio.create_task(self._read(stream))

    @property
    def last(self) -> str:
        """Its last line."""
        lines = self._octets.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    def close(self) -> None:
        """Read no more."""
        self._reading.cancel()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while octets := await stream.read(STDERR_OCTETS):
                self._octets += octets
                del self._octets[:-STDERR_OCTETS]


class Fork:
    """One child process: its frames both ways, its end."""

    def __init__(self, server: "Forks", number: int) -> None:
        self._server, self._number = server, number
        self.pid = 0
        self.returncode: int | None = None
        """Exit code or minus the signal; None while it runs."""
        self.lost = False
        """It ended because the fork server did."""
        self.born = asyncio.Event()
        self.ended = asyncio.Event()
        self.stdin: asyncio.StreamWriter
        self.stdout: asyncio.StreamReader
        self._errors: tuple[Errors, asyncio.StreamWriter] | None = None

    async def connect(self, frames: socket.socket, errors: socket.socket) -> None:
        """Take up the two connections."""
        self.stdout, self.stdin = await asyncio.open_connection(sock=frames)
        reader, writer = await asyncio.open_connection(sock=errors)
        self._errors = Errors(reader), writer

    @property
    def said(self) -> str:
        """The last line of its standard error."""
        return self._errors[0].last if self._errors else ""

    def kill(self) -> None:
        """End it now."""
        if self.returncode is None:
            self._server.tell(KILL, self._number)

    def make_way(self) -> None:
        """Let every other process go first from now on; there is no way back."""
        if self.returncode is None:
            self._server.tell(YIELD, self._number)

    def times(self) -> tuple[float, float]:
        """Seconds it had the processor, and seconds it waited for it; nothing where nobody knows."""
        try:
            had, waited, _ = Path(f"/proc/{self.pid}/schedstat").read_text().split()
            return int(had) / 1e9, int(waited) / 1e9
        except (OSError, ValueError):
            return 0.0, 0.0

    async def wait(self) -> None:
        """Until it has ended."""
        await self.ended.wait()

    def close(self) -> None:
        """Let go of its connections."""
        for writer in (self.stdin, self._errors[1] if self._errors else None):
            if writer is not None:
                writer.close()
        if self._errors:
            self._errors[0].close()


class Forks:
    """One fork server and its children."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process, self._control = process, control
        self._forks: dict[int, Fork] = {}
        self._numbers = 0
        self._ready = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        assert process.stderr is not None
        self._errors = Errors(process.stderr)
        self.alive = True

    @classmethod
    async def start(cls) -> "Forks":
        """Start a fork server.

        Raises:
            ForkError: it does not come up.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-B",
                    "-s",
                    "-m",
                    "services.sign.forkserver",
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    cwd="/",
                    # Nothing else of ours: settings in the environment hold passwords.
                    env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LANG": "C.UTF-8"},
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise ForkError(f"cannot start a process: {error}") from error
        made = cls(process, ours.dup())
        reader, writer = await asyncio.open_connection(sock=ours)
        made._listening = asyncio.create_task(made._listen(reader, writer), name="forks")
        try:
            async with asyncio.timeout(START_SECONDS):
                await made._ready.wait()
        except TimeoutError as error:
            await made.close()
            raise ForkError("the fork server does not start in time") from error
        except BaseException:
            await made.close()
            raise
        if not made.alive:
            await made.close()
            raise ForkError(f"the fork server does not start: {made._errors.last or 'it ended'}")
        return made

    @property
    def pid(self) -> int:
        """The fork server's process id."""
        return self._process.pid

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of its children that run."""
        return tuple(fork.pid for fork in self._forks.values() if fork.pid)

    async def fork(self) -> Fork:
        """A new child.

        Raises:
            ForkError: the host gives none.
        """
        self._numbers += 1
        made = self._forks[self._numbers] = Fork(self, self._numbers)
        frames, errors = socket.socketpair(), socket.socketpair()
        with frames[1], errors[1]:
            if self.alive:
                with contextlib.suppress(OSError):  # it is gone: `ended` says so
                    message = MESSAGE.pack(FORK, self._numbers, 0)
                    socket.send_fds(self._control, [message], [frames[1].fileno(), errors[1].fileno()])
            else:
                made.lost, made.returncode = True, 1
                made.born.set()
                made.ended.set()
        try:
            await made.connect(frames[0], errors[0])
            async with asyncio.timeout(START_SECONDS):
                await made.born.wait()
        except TimeoutError as error:
            made.kill()
            raise ForkError("the fork server does not answer") from error
        except BaseException:
            made.kill()
            raise
        if made.returncode is not None and not made.pid:
            raise ForkError(made.said or "the fork server made no child")
        return made

    def tell(self, order: int, number: int) -> None:
        """Tell the fork server something about a child."""
        with contextlib.suppress(OSError):
            self._control.send(MESSAGE.pack(order, number, 0))

    async def close(self) -> None:
        """End it, and with it every child there still is."""
        self.alive = False
        self._control.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.shield(self._process.wait())
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._errors.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                what, number, value = MESSAGE.unpack(await reader.readexactly(MESSAGE.size))
                fork = self._forks.get(number)
                if what == READY:
                    self._ready.set()
                elif fork is not None and what == BORN:
                    fork.pid = value
                    fork.born.set()
                elif fork is not None and what == ENDED:
                    self._forks.pop(number).returncode = value
                    fork.born.set()
                    fork.ended.set()
        except (OSError, EOFError):
            pass
        finally:
            self.alive = False
            writer.close()
            self._ready.set()
            for fork in self._forks.values():
                fork.lost, fork.returncode = True, 1 if fork.returncode is None else fork.returncode
                fork.born.set()
                fork.ended.set()
            self._forks.clear()


class ForkKeeper:
    """Keeps a fork server for all who need children: it costs some 70 MB, and is there from the first child on."""

    def __init__(self) -> None:
        self._forks: Forks | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int:
        """The fork server's process id; 0 where there is none."""
        return self._forks.pid if self._forks is not None else 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of its children that run."""
        return self._forks.pids if self._forks is not None else ()

    async def fork(self) -> Fork:
        """A new child, of a new server where the one before has died.

        Raises:
            ForkError: the host gives none.
        """
        async with self._starting:  # one server, however many letters ask for it
            if self._forks is None or not self._forks.alive:
                await self._let_go()
                self._forks = await Forks.start()
            forks = self._forks
        return await forks.fork()

    async def close(self) -> None:
        """End the server and every child there still is."""
        async with self._starting:
            await self._let_go()

    async def _let_go(self) -> None:
        forks, self._forks = self._forks, None
        if forks is not None:
            await forks.close()
