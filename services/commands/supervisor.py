"""Keeps parts running: starts them, starts them again when they end, replaces them, ends them in order.

Children get a session of their own, so that Ctrl-C reaches the supervisor alone and the order of ending is its own.
"""

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Collection, Sequence
from typing import IO

from services.commands.part import Part, Record, Running, end
from services.commands.patience import until
from services.runtime import presence

LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""A part that ran so long starts again with the first pause."""
MISCONFIGURED = 2
"""Exit code of a wrong setting: the part will not start better at the next attempt."""


class MisconfiguredError(Exception):
    """A part ended with the words that its configuration is wrong; it has said why itself."""


class NotReplacedError(Exception):
    """Successors did not come to work; the parts before them go on."""


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
        self.beside: set[int] = set()
        """Processes not in charge: successors on their way in, predecessors on their way out."""
        self._record = record
        self._output = output
        self._say = say
        self._parts: dict[str, Part] = {}
        self._processes: dict[str, Process] = {}
        self._alive: dict[int, Process] = {}
        self._leaving: dict[asyncio.Task[str], int] = {}
        """Who sees a predecessor off, and its stage."""
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self, part: Part) -> None:
        """Start a part; from now on it is started again whenever it ends."""
        self._parts[part.name] = part
        self.restarts[part.name] = 0
        self._keep_from_now(part, await self._spawn(part))

    async def replace(
        self,
        names: Collection[str],
        parts: Sequence[Part],
        works: Callable[[int], bool],
        seconds: float,
    ) -> None:
        """Start `parts` beside those of `names`; when all of them work, by their process ids, end those before.

        Raises NotReplacedError, with everything as it was, if one of them ends or does not work after `seconds`.
        """
        fresh: list[tuple[Part, Process]] = []
        try:
            for part in parts:
                process = await self._launch(part)
                self.beside.add(process.pid)
                fresh.append((part, process))
            await self._come_to_work(fresh, works, seconds)
        except BaseException:
            for part, process in fresh:
                self._see_off(part, process)
            raise
        for name in names:
            self._dismiss(name)
        for part, process in fresh:
            self.beside.discard(process.pid)
            self._parts[part.name] = part
            self._processes[part.name] = process
            self.restarts.setdefault(part.name, 0)
            self._keep_from_now(part, process)

    async def drain(self, on_stage: Callable[[Sequence[str]], None] = lambda names: None) -> list[str]:
        """End all parts, stage by stage; returns the names of those that had to be killed."""
        self._stopping = True
        killed: list[str] = []
        for stage in sorted({part.stage for part in self._parts.values()}):
            names = [part.name for part in self._parts.values() if part.stage == stage]
            on_stage(names)
            leaving = [task for task, last in self._leaving.items() if last <= stage]
            killed += [name for name in await asyncio.gather(*leaving, *(self._stop(name) for name in names)) if name]
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
        for process in self._alive.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _come_to_work(
        self, fresh: Sequence[tuple[Part, Process]], works: Callable[[int], bool], seconds: float
    ) -> None:
        def ended() -> list[str]:
            return [f"{part.name} {_how(one.returncode)}" for part, one in fresh if one.returncode is not None]

        def settled() -> bool:
            return bool(ended()) or all(works(process.pid) for _, process in fresh)

        if not await until(settled, seconds):
            raise NotReplacedError(f"not ready after {seconds:g} s")
        if found := ended():
            raise NotReplacedError(", ".join(found))

    def _keep_from_now(self, part: Part, process: Process) -> None:
        self._keepers[part.name] = asyncio.create_task(self._keep(part, process), name=f"keep {part.name}")

    def _dismiss(self, name: str) -> None:
        """No longer keep a part; its process, if there is one, ends in an orderly way."""
        self._keepers.pop(name).cancel()
        part, process = self._parts.pop(name), self._processes.pop(name, None)
        if process is not None:
            self._see_off(part, process)

    def _see_off(self, part: Part, process: Process) -> None:
        self.beside.add(process.pid)
        task = asyncio.create_task(self._end(part, process), name=f"see off {part.name}")
        self._leaving[task] = part.stage

        def gone(task: asyncio.Task[str]) -> None:
            del self._leaving[task]
            self.beside.discard(process.pid)
            self._forget(process)
            if not task.cancelled() and task.result():
                self._say(f"{part.name} did not end in time and was killed")

        task.add_done_callback(gone)

    async def _keep(self, part: Part, process: Process) -> None:
        pause = part.first_pause_seconds
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
                pause = part.first_pause_seconds
            self.restarts[part.name] += 1
            self.on_restart(part.name)
            self._say(f"{part.name} {_how(code)}; starting it again in {pause:g} s{self.hint(part.name)}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if self._stopping:  # while we slept
                return
            process = await self._spawn(part)
            self._say(f"{part.name} is running again")

    async def _spawn(self, part: Part) -> Process:
        process = await self._launch(part)
        self._processes[part.name] = process
        self.on_change(part.name, True)
        return process

    async def _launch(self, part: Part) -> Process:
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
        self._alive[process.pid] = process
        self._record.add(
            Running(
                name=part.name,
                pid=process.pid,
                since=presence.started(process.pid),
                stage=part.stage,
                stop_seconds=part.stop_seconds,
            )
        )
        return process

    def _ended(self, part: Part, process: Process) -> None:
        self._processes.pop(part.name, None)
        self._forget(process)
        self.on_change(part.name, False)

    def _forget(self, process: Process) -> None:
        self._alive.pop(process.pid, None)
        self._record.remove(process.pid)

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
        return await self._end(self._parts[name], process)

    async def _end(self, part: Part, process: Process) -> str:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), part.stop_seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return part.name
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
