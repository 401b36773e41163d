"""The whole system as real processes, as `saraban up` runs them, in a folder and on ports of a test's own."""

import asyncio
import contextlib
import io
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from contracts.event import Event
from services.cli import COMMANDS
from services.commands.application import run_application
from services.commands.part import Record
from services.commands.state import State
from services.commands.stream import Stored, follow
from services.runtime import config
from services.runtime.bus import Bus
from services.runtime.settings import Settings
from tests.servers import free_port

E = TypeVar("E", bound=Event)

DEMO = "saraban@demo.localhost"
START_SECONDS = 120.0
WAIT_SECONDS = 60.0
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Typed(NamedTuple):
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


def typed(words: list[str]) -> Typed:
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["saraban", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_application(COMMANDS)
    finally:
        sys.argv = before
    return Typed(code, out.getvalue(), err.getvalue())


class World:
    """One system. `folder` holds its state and its log; nothing of it outlives `stop`."""

    def __init__(self, folder: Path, toml: str = "", environment: dict[str, str] | None = None) -> None:
        """With `toml` the system is started with it as its --config, and there is no demo agency."""
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "up.log"
        self.smtp = free_port()
        self.ops = free_port()
        self._toml = toml
        self._environment = os.environ | (environment or {})
        self._up: subprocess.Popen[bytes] | None = None

    # -- the system as an operator has it ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything and wait until /readyz says so."""
        assert self._up is None, "already started"
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "services.cli", "up", "--state", str(self.state),
            "--smtp", f"127.0.0.1:{self.smtp}", "--http", f"127.0.0.1:{self.ops}",
        ]  # fmt: skip
        if self._toml:
            file = self.folder / "world.toml"
            file.write_text(self._toml, encoding="utf-8")
            command += ["--config", str(file)]
        with self.log.open("ab") as log:
            self._up = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=self._environment)
        await self.ready()

    async def ready(self) -> None:
        """Wait until everything is ready; fails with the reasons, or with the log if it ended."""
        deadline = time.monotonic() + START_SECONDS
        status, page = 0, ""
        while status != 200:
            assert self._up is not None, "not started"
            assert self._up.poll() is None, f"`saraban up` ended:\n{self.log.read_text(errors='replace')[-4000:]}"
            assert time.monotonic() < deadline, f"not ready:\n{page}\n{self.log.read_text(errors='replace')[-4000:]}"
            status, page = await asyncio.to_thread(self.page, "/readyz")
            if status != 200:
                await asyncio.sleep(0.05)

    async def stop(self) -> int | None:
        """End it as Ctrl-C in a terminal does, which reaches a whole process group; the exit code of `saraban up`.

        Whatever is left after that is killed.
        """
        up, self._up = self._up, None
        try:
            if up is None:
                return None
            if up.poll() is None:
                os.killpg(up.pid, signal.SIGINT)
            return await asyncio.to_thread(up.wait, 60)
        except subprocess.TimeoutExpired:
            assert up is not None
            up.kill()
            up.wait()
            return None
        finally:
            for running in Record(State(self.state).parts).read():
                running.signal(signal.SIGKILL)

    def kill_up(self) -> None:
        """kill -9 the supervisor itself; its parts go on without it."""
        assert self._up is not None
        self._up.kill()
        self._up.wait()
        self._up = None

    def pid(self, part: str) -> int:
        """Process id of a part: ingest, register, sign, notify or nats-server."""
        found = {running.name: running.pid for running in Record(State(self.state).parts).read() if running.alive}
        assert part in found, f"{part} does not run; there are {sorted(found)}"
        return found[part]

    async def kill(self, part: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill a part and wait until it is started again as another process and everything is ready."""
        before = self.pid(part)
        os.kill(before, how)
        await self.until(lambda: self._runs_anew(part, before), f"{part} is started again")
        await self.ready()

    def _runs_anew(self, part: str, before: int) -> bool:
        return any(
            running.name == part and running.pid != before and running.alive
            for running in Record(State(self.state).parts).read()
        )

    def page(self, path: str) -> tuple[int, str]:
        """A page of the operations server; status 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def run(self, *words: str, check: bool = True) -> Typed:
        """Type `saraban <words> --state …`. Run inside this process, since a start of Python costs a second."""
        found: Future[Typed] = Future()

        def type_it() -> None:
            try:
                found.set_result(typed([*words, "--state", str(self.state)]))
            except BaseException as error:  # noqa: BLE001 - whatever ends the command is the test's to see
                found.set_exception(error)

        # The command has an event loop of its own; a daemon, so that one that hangs fails its test and no other.
        threading.Thread(target=type_it, daemon=True).start()
        done = found.result(timeout=180)
        assert not check or done.returncode == 0, f"saraban {' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    # -- a sender ---------------------------------------------------------------------------------------------------

    async def send(self, letter: bytes, sender: str = "citizen@sender.localhost", to: Sequence[str] = (DEMO,)) -> str:
        """Hand a letter over by SMTP and return the reply to it; smtplib's exceptions where it is refused."""
        return await asyncio.to_thread(self._send, letter, sender, to)

    def _send(self, letter: bytes, sender: str, to: Sequence[str]) -> str:
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=60) as server:
            server.ehlo()
            server.mail(sender, [f"size={len(letter)}"])
            for recipient in to:
                code, reply = server.rcpt(recipient)
                if code != 250:
                    raise smtplib.SMTPRecipientsRefused({recipient: (code, reply)})
            code, reply = server.data(letter)
            if code != 250:
                raise smtplib.SMTPDataError(code, reply)
            return reply.decode()

    # -- a subscriber -----------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the parts run with."""
        return config.load(self.state / "saraban.toml", {})

    @asynccontextmanager
    async def bus(self, role: str = "officers") -> AsyncIterator[Bus]:
        """A connection as one of the system's users."""
        bus = await Bus.connect(self.settings.nats, role)
        try:
            yield bus
        finally:
            await bus.close()

    async def events(
        self, kind: type[E], count: int, about: Callable[[E], bool] = lambda event: True, seconds: float = WAIT_SECONDS
    ) -> list[E]:
        """The first `count` events of a kind (that `about` holds for), from the beginning; waits for them."""
        found: list[E] = []
        async with asyncio.timeout(seconds), self.bus() as bus:
            stream = f"MAIL_{datetime.now(UTC).year + 543}" if kind.stream == "MAIL" else kind.stream
            async for stored in follow(bus, stream, since=BEGINNING, headers_only=kind.stream == "MAIL"):
                if isinstance(stored.event, kind) and about(stored.event):
                    found.append(stored.event)
                    if len(found) == count:
                        break
        return found

    async def stored(self, stream: str, subject: str = ">") -> list[Stored]:
        """Everything a stream holds at this moment."""
        async with asyncio.timeout(WAIT_SECONDS), self.bus() as bus:
            return [stored async for stored in follow(bus, stream, subject, since=BEGINNING, until_now=True)]

    def rows(self) -> list[dict[str, object]]:
        """What `saraban register list --format jsonl` says."""
        return [json.loads(line) for line in self.run("register", "list", "--format", "jsonl").stdout.splitlines()]

    @property
    def mails(self) -> list[Path]:
        """The mails that would have left."""
        return sorted((self.state / self.settings.notify.folder).glob("*.eml"))

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait for something of another process."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not after {seconds:g} s"
            await asyncio.sleep(0.05)
