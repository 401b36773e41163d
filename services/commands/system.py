"""The whole system on one machine: which parts, in which order, with which settings.

Stages of ending: the ingress first, so that nothing new is promised; the workers; nats-server last.
"""

import asyncio
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import IO

import msgspec
from msgspec.structs import replace

from contracts.values import BANGKOK
from services.commands import demo, toml
from services.commands.crew import Crew, bare_environment, check_lasting, ingresses
from services.commands.doors import Doors
from services.commands.errors import CommandError
from services.commands.journal import Journal
from services.commands.overview import Overview
from services.commands.part import Part, Record
from services.commands.state import State, is_free, rights, write_private
from services.commands.supervisor import Supervisor, end_leftovers
from services.commands.terminal import short
from services.runtime import server
from services.runtime.bus import Bus
from services.runtime.config import host_port
from services.runtime.directory import put
from services.runtime.durability import NO_SPACE, broken
from services.runtime.errors import BusError
from services.runtime.process import SUPERVISED
from services.runtime.provision import ProvisionRefused, provision
from services.runtime.settings import Nats, Settings

LOOPBACK = ("127.0.0.0/8", "::1/128")
NATS_START_SECONDS = 300.0
"""A large store takes a while to be read after a crash."""
WORKERS = ("register", "sign", "notify")
NATS_SERVER = "nats-server"
AUDIT = "audit"
STORE_SECONDS = 3.0
"""Between looks at whether the store can be written."""
STORE_FREE_BYTES = 67_108_864
"""So much has to be free before a full store is tried again: one letter of the largest size, and the fsync's own."""


class System:
    """Everything one machine runs. `start`, then wait, then `drain`."""

    def __init__(self, state: State, settings: Settings, say: Callable[[str], None], *, to_files: bool) -> None:
        self.state = state
        self.settings = settings
        self.record = Record(state.parts)
        self.supervisor = Supervisor(self.record, self._output, say)
        if to_files:
            self.supervisor.hint = lambda name: f" [dim](log: {short(state.logs / name)}.log)[/dim]"
        self._say = say
        self.to_files = to_files
        self.embedded = settings.nats == Nats()
        """Whether nats-server is one of our parts: the configuration names none."""
        self._year = 0
        self._overview = Overview(self.supervisor, settings.ops.listen, state.run, quiet=(AUDIT,))
        self._crew = Crew(self.supervisor, self._overview)

    async def start(self, *, with_demo: bool) -> None:
        """Start the parts in order. Raises CommandError, with the reason in a line, when one cannot be started."""
        await end_leftovers(self.record, self._say)
        self._check_addresses()
        if self.embedded:
            await self._start_nats()
        self._write()
        await self._provision()
        if with_demo:
            await self._found_demo()
        await self._crew.start(self.settings, self._services)

    async def reload(self, settings: Settings) -> None:
        """Go on with other settings: successors of all services are started, and take over when they are ready.

        Raises, with everything as it was: CommandError where these settings cannot be reloaded, NotReplacedError where
        a successor does not become ready.
        """
        before = self.settings
        check_lasting(before, settings)
        if (settings.nats == Nats()) != self.embedded:
            raise CommandError("nats cannot be changed by a reload between a server of our own and another: restart")
        if self.embedded:
            settings = replace(settings, nats=before.nats)
            if settings.ingest.max_payload != before.ingest.max_payload:
                raise CommandError("ingest.max_payload cannot be changed by a reload: restart")
        self.settings = settings
        try:
            self._write()
            await self._crew.relieve(settings, self._services)
        except BaseException:
            self.settings = before
            self._write()
            raise
        await self.supervisor.restart(AUDIT)  # it serves nobody: no successor has to take over

    async def drain(self, on_stage: Callable[[Sequence[str]], None]) -> list[str]:
        """End everything in order; returns the names of the parts that had to be killed."""
        self._overview.ending()
        self._crew.close()
        killed = await self.supervisor.drain(on_stage)
        self._overview.close()
        return killed

    def not_ready(self) -> list[str]:
        """Why the system does not serve yet, a line each; what /readyz says."""
        return self._overview.not_ready()

    async def tell_letters(self, say: Callable[[str], None]) -> None:
        """Say what becomes of each letter, until cancelled."""
        bus = await Bus.connect(self.settings.nats, "officers")
        try:
            await Journal(bus, say).run()
        finally:
            await bus.close()

    async def keep_writable(self) -> None:
        """Start nats-server again when its disk was full and has room again: by itself it never writes again."""
        while self.embedded:
            await asyncio.sleep(STORE_SECONDS)
            reason = await broken(self.settings.nats)
            if reason is None or NO_SPACE not in reason:
                continue
            if shutil.disk_usage(self.state.store).free >= STORE_FREE_BYTES:
                self._say(f"nats-server could not write ({reason}); there is room again, it is started anew")
                await self.supervisor.restart(NATS_SERVER)

    async def audit(self) -> None:
        """Start the audit some time after everything else is ready: it has the time, the letters have not."""
        await asyncio.sleep(self.settings.audit.start_seconds)
        command = (*self._command(AUDIT), "--watch")
        part = Part(name=AUDIT, command=command, environment=self._environment(), stage=1)
        starting = asyncio.create_task(self.supervisor.start(part))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # half started it would belong to nobody
            raise

    async def turn_year(self) -> None:
        """Make the streams of a new year when it has come."""
        if datetime.now(BANGKOK).year + 543 == self._year:
            return
        try:
            await self._provision()
        except CommandError as error:
            # Tried again soon; meanwhile letters go into the old year's stream, which harms nothing.
            self._say(f"[red]{error}[/red]")

    async def _provision(self) -> None:
        year = datetime.now(BANGKOK).year + 543
        try:
            for line in await provision(self.settings.nats, year):
                if self._year:  # a new year is worth a line, the first start is not
                    self._say(line)
        except ProvisionRefused as error:
            raise CommandError(f"the streams are not as they must be: {error}") from error
        except BusError as error:
            raise CommandError(f"NATS: {error}") from error
        self._year = year

    def last_words(self, name: str) -> str:
        """What a part said at its end; empty where it was said on our own standard error."""
        if not self.to_files:
            return ""
        lines = (self.state.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return ": " + lines[-1].removeprefix("saraban: ") if lines else ""

    def _check_addresses(self) -> None:
        wanted = [("--smtp", listen) for listen in self.settings.ingest.listen]
        for option, listen in [*wanted, ("--http", self.settings.ops.listen)]:
            host, port = host_port(listen)
            if port and not is_free(host, port):
                raise CommandError(f"{listen} is taken by another program: give another address with {option}")

    async def _start_nats(self) -> None:
        state = self.state
        lock = state.lock(NATS_SERVER, f"a nats-server that nobody recorded still uses {state.store}: end it first")
        kept = state.secrets()
        others = state.subscribers()
        passwords = kept.passwords | {name: who.password for name, who in others.items()}
        listen, monitor = f"127.0.0.1:{kept.nats_port}", f"127.0.0.1:{kept.monitor_port}"
        text = server.configuration(
            server.Server(
                listen=listen, monitor=monitor, store=str(state.store), max_payload=self.settings.ingest.max_payload
            ),
            passwords,
            rights(others),
            "Written anew by `saraban up` at each start; subscribers.toml names other readers.",
        )
        write_private(state.server_config, text.encode())
        self.settings = replace(
            self.settings,
            nats=Nats(
                servers=(f"nats://{listen}",),
                monitors=(f"http://{monitor}",),
                users={name: f"{name}:{password}" for name, password in kept.passwords.items()},
            ),
        )
        try:
            binary = server.binary()
        except FileNotFoundError as error:
            raise CommandError(str(error)) from error
        await self.supervisor.start(
            Part(
                name=NATS_SERVER,
                command=(binary, "-c", str(state.server_config)),
                environment=bare_environment(),
                stop_seconds=60.0,
                stage=2,
                kept_open=(lock,),
            )
        )
        await self._nats_answers(f"http://{monitor}/healthz")

    async def _nats_answers(self, url: str) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        patient = False
        while not await asyncio.to_thread(_healthy, url):
            if self.supervisor.restarts[NATS_SERVER] >= 2 or loop.time() - began > NATS_START_SECONDS:
                raise CommandError(f"nats-server does not start; see {self.state.logs / 'nats-server.log'}")
            if not patient and loop.time() - began > 5:
                patient = True
                self._say("nats-server is reading its store …")
            await asyncio.sleep(0.05)

    async def _found_demo(self) -> None:
        bus = await Bus.connect(self.settings.nats, "officers")
        try:
            demo.make_dkim_key(self.state.dkim)
            await put(bus, demo.AGENCY)
        finally:
            await bus.close()

    def _services(self, doors: Doors) -> list[Part]:
        environment, command = self._environment(), self._command("ingest")
        return [*ingresses(self.settings, doors, command, environment), *(self._worker(word) for word in WORKERS)]

    def _worker(self, word: str) -> Part:
        environment = self._environment()
        if word == "sign":
            # Passwords come by the environment so as not to lie in a file we write.
            for key, password in self.settings.sign.seal_passwords.items():
                environment[f"SARABAN_SIGN__SEAL_PASSWORDS__{key.upper()}"] = password
        return Part(name=word, command=self._command(word), environment=environment, stop_seconds=30.0, stage=1)

    def _command(self, word: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "services.cli", word, "--config", str(self.state.config))

    def _environment(self) -> dict[str, str]:
        return bare_environment() | {SUPERVISED: "1", "PROMETHEUS_MULTIPROC_DIR": str(self.state.metrics)}

    def _write(self) -> None:
        write_private(self.state.config, toml.dumps(self._written()).encode())

    def _written(self) -> Mapping[str, object]:
        values: dict[str, object] = msgspec.to_builtins(self.settings)
        sign = values["sign"]
        assert isinstance(sign, dict)
        del sign["seal_passwords"]
        return values

    def _output(self, name: str) -> IO[bytes] | None:
        return self.state.open_log(name) if self.to_files or name == NATS_SERVER else None


def assemble(settings: Settings, state: State, smtp: str | None, http: str | None, *, configured: bool) -> Settings:
    """The settings the parts run with: what was configured, what was typed, and what a system on one machine needs."""
    ingest = settings.ingest
    if smtp:
        ingest = replace(ingest, listen=(smtp,))
    if not configured and not ingest.trusted_networks:
        ingest = replace(ingest, trusted_networks=LOOPBACK)
    sign = settings.sign
    if not sign.seals and not sign.test_authority:
        sign = replace(sign, test_authority=state.authority.name)
    notify = settings.notify
    if not notify.dkim_keys:
        notify = replace(notify, dkim_keys=state.dkim.name)
    ops = replace(settings.ops, listen=http) if http else settings.ops
    return replace(settings, state=str(state.root), ingest=ingest, sign=sign, notify=notify, ops=ops)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
