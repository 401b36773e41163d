"""Keeps parts running: starts them, starts them again when they end, ends them in order.

Children get a session of their own, so that Ctrl-C reaches the supervisor alone and the order of ending is its own.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from typing import IO

from services.commands.part import Part, Record, Running, end
from services.runtime import presence

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A part that ran so long starts again with the first pause."""
MISCONFIGURED = 2
"""Exit code of a wrong setting: the part will not start better at the next attempt."""


class MisconfiguredError(Exception):
    """A part ended with the words that its configuration is wrong; it has said why itself."""


class Supervisor:
    """Runs parts until `drain`."""

    def __init__(self, record: Record, output: Callable[[str], IO[bytes] | None], say: Callable[[str], None]) -> None:
        """`output` gives the file a part writes its log to, None for our own standard error."""
        self.restarts: dict[str, int] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Is set to MisconfiguredError when a part can not run at all."""
        self.on_change: Callable[[str, bool], None] = lambda name, runs: None
        """Called when a part has ended or runs again."""
        self.hint: Callable[[str], str] = lambda name: ""
        """What to add where a part has ended: where its log is."""
        self.on_restart: Callable[[str], None] = lambda name: None
        """Called when a part has to be started again."""
        self._record = record
        self._output = output
        self._say = say
        self._parts: dict[str, Part] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self, part: Part) -> None:
        """Start a part; from now on it is started again whenever it ends."""
        self._parts[part.name] = part
        self.restarts[part.name] = 0
        process = await self._spawn(part)
        self._keepers[part.name] = asyncio.create_task(self._keep(part, process), name=f"keep {part.name}")

    async def drain(self, on_stage: Callable[[Sequence[str]], None] = lambda names: None) -> list[str]:
        """End all parts, stage by stage; returns the names of those that had to be killed."""
        self._stopping = True
        killed: list[str] = []
        for stage in sorted({part.stage for part in self._parts.values()}):
            names = [part.name for part in self._parts.values() if part.stage == stage]
            on_stage(names)
            killed += [name for name in await asyncio.gather(*(self._stop(name) for name in names)) if name]
        return killed

    async def restart(self, name: str) -> None:
        """End a part in an orderly way; it is started again as after a crash."""
        process = self._processes.get(name)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def running(self) -> dict[str, int]:
        """The parts that run at this moment, with their process ids."""
        return {name: process.pid for name, process in self._processes.items()}

    def kill(self) -> None:
        """End everything at once: the second Ctrl-C."""
        self._stopping = True
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _keep(self, part: Part, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            code = await process.wait()
            self._ended(part, process)
            if self._stopping:
                return
            if code == MISCONFIGURED:
                if not self.failed.done():
                    self.failed.set_exception(MisconfiguredError(part.name))
                return
            if time.monotonic() - began > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self.restarts[part.name] += 1
            self.on_restart(part.name)
            self._say(f"{part.name} {_how(code)}; starting it again in {pause:g} s{self.hint(part.name)}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if self._stopping:  # while we slept
                return
            process = await self._spawn(part)
            self._say(f"{part.name} is running again")

    async def _spawn(self, part: Part) -> asyncio.subprocess.Process:
        output = self._output(part.name)
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                env=dict(part.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=part.kept_open,
            )
        finally:
            if output is not None:
                output.close()
        self._processes[part.name] = process
        self._record.add(
            Running(
                name=part.name,
                pid=process.pid,
                since=presence.started(process.pid),
                stage=part.stage,
                stop_seconds=part.stop_seconds,
            )
        )
        self.on_change(part.name, True)
        return process

    def _ended(self, part: Part, process: asyncio.subprocess.Process) -> None:
        self._processes.pop(part.name, None)
        self._record.remove(part.name)
        self.on_change(part.name, False)

    async def _stop(self, name: str) -> str:
        """End one part; returns its name if it had to be killed."""
        keeper = self._keepers[name]
        process = self._processes.get(name)
        if process is None:
            keeper.cancel()  # it sleeps before a restart
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            # Cancelled in the middle of a start: the child is there and belongs to nobody yet.
            process = self._processes.get(name)
            if process is None:
                return ""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._parts[name].stop_seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return name
        return ""


async def end_leftovers(record: Record, say: Callable[[str], None]) -> None:
    """End what a supervisor before us started and, killed itself, could not end."""
    left = [running for running in record.read() if running.alive]
    if not left:
        return
    say(f"ending what is left of a run that was killed: {', '.join(sorted(part.name for part in left))}")
    for name in await end(left):
        say(f"{name} did not end by itself and was killed")


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
