"""The system under chaos: `saraban up` as an operator starts it, three agencies, a relay, a second register worker."""

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import nats

from contracts.streams import CONSUMERS
from tests.chaos.processes import Process, below
from tests.servers import free_port
from tests.waiting import until_sync

SARABAN = (sys.executable, "-m", "services.cli")
OPENS_AT = 8_432
ADDRESSES = ["saraban@one.example", "saraban@two.example", "saraban@three.example"]

CONFIG = """\
[ingest]
processes = 2
message_bytes = {message_bytes}
drain_seconds = 5.0
trusted_networks = ["127.0.0.0/8"]
[sign]
children = 2
[notify]
grace_seconds = 86400.0
first_retry_seconds = 1.0
last_retry_seconds = 5.0
cap_address = 1000000
cap_domain = 1000000
cap_agency = 1000000
[log]
format = "json"
"""


@dataclass
class System:
    """A running system, and what was done to it."""

    folder: Path
    smtp: int = field(default_factory=free_port)
    ops: int = field(default_factory=free_port)
    relay: int = field(default_factory=free_port)
    kills: dict[str, int] = field(default_factory=dict)
    reloads: dict[str, int] = field(default_factory=dict)
    """How often a reload came to its end, and how often the processes before went on."""
    copies: int = 0
    _mortal: set[int] | None = None
    """Who may be killed while a reload goes on that shall come to its end: all but successors."""
    _up: subprocess.Popen[bytes] | None = None
    _second: subprocess.Popen[bytes] | None = None
    _sink: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        """What `--state` is."""
        return self.folder / "state"

    @property
    def notes(self) -> Path:
        """What the relay noted."""
        return self.folder / "relay.tsv"

    async def start(self) -> None:
        """Start everything and wait until the system says that it is ready."""
        config = self._configure(40_000_000)
        self._sink = self._run("sink", [sys.executable, "-m", "tests.chaos.sink", str(self.relay), str(self.notes)])
        self._up = self._run(
            "up",
            [
                *SARABAN, "up", "--state", str(self.state), "--config", str(config),
                "--smtp", f"127.0.0.1:{self.smtp}", "--http", f"127.0.0.1:{self.ops}",
            ],
        )  # fmt: skip
        await self.ready(60)
        agencies = [agency(number, address, self.relay) for number, address in enumerate(ADDRESSES)]
        for one in agencies:
            path = self.folder / f"{one['id']}.json"
            path.write_text(json.dumps(one))
            await asyncio.to_thread(self._saraban, "agency", "import", str(path), "--state", str(self.state))
        self.second_register()

    def _configure(self, message_bytes: int) -> Path:
        config = self.folder / "chaos.toml"
        config.write_text(CONFIG.replace("{message_bytes}", str(message_bytes)))
        return config

    async def reload(self, dice: random.Random, *, kill: bool) -> str:
        """SIGHUP; with `kill`, one ingress process, old or new, is killed in the middle of it."""
        assert self._up is not None
        done, failed = self._said("; what ran before"), self._said("not reloaded")
        self._configure(40_000_001 + done)
        self._mortal = None if kill else {victim.pid for victim in self.victims()}
        self._up.send_signal(signal.SIGHUP)
        if kill:
            await asyncio.sleep(dice.uniform(0, 4))
            self.kill_one(dice, "ingest")
        async with asyncio.timeout(180):
            while self._said("; what ran before") + self._said("not reloaded") == done + failed:  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.1)
        self._mortal = None
        outcome = "done" if self._said("; what ran before") > done else "the ones before go on"
        self.reloads[outcome] = self.reloads.get(outcome, 0) + 1
        return outcome

    def _said(self, words: str) -> int:
        return (self.folder / "up.log").read_text(errors="replace").count(words)

    async def quicken(self, ack_wait_seconds: int = 0) -> None:
        """A delivery that died with its worker comes again after so many seconds; 0: the consumers' own two minutes."""
        nats_settings = tomllib.loads((self.state / "saraban.toml").read_text())["nats"]
        user, _, password = nats_settings["users"]["provision"].partition(":")
        nc = await nats.connect(
            nats_settings["servers"][0], user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode()
        )
        try:
            for consumer in CONSUMERS:
                found = await nc.jetstream().consumer_info(consumer.stream, consumer.durable)
                await nc.jetstream().add_consumer(
                    consumer.stream, replace(found.config, ack_wait=ack_wait_seconds or consumer.ack_wait_seconds)
                )
        finally:
            await nc.close()

    def second_register(self) -> None:
        """Start the standby worker, or start it again if it was killed."""
        if self._second is None or self._second.poll() is not None:
            self._second = self._run("register2", [*SARABAN, "register", "--config", str(self.state / "saraban.toml")])

    async def ready(self, seconds: float) -> None:
        """Wait until /readyz answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.ops)
                writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
                status = await reader.readline()
                writer.close()
                if b" 200 " in status:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.2)
        raise TimeoutError(f"not ready after {seconds} s; see {self.folder}")

    def victims(self) -> list[Process]:
        """Every process that may be killed now."""
        assert self._up is not None
        found = below(self._up.pid)
        if self._second is not None and self._second.poll() is None:
            found.append(Process(self._second.pid, "register2"))
        return [process for process in found if self._mortal is None or process.pid in self._mortal]

    def kill_one(self, dice: random.Random, kind: str = "") -> str:
        """kill -9 one process at random, of this kind or every kind with the same chance."""
        victims = self.victims()
        kinds = {victim.name for victim in victims}
        kind = kind if kind in kinds else dice.choice(sorted(kinds)) if kinds else ""
        if not kind:
            return "nobody"
        victim = dice.choice([victim for victim in victims if victim.name == kind])
        victim.send(signal.SIGKILL)
        self.kills[kind] = self.kills.get(kind, 0) + 1
        return kind

    def go_on_from_a_copy(self) -> None:
        """Stop nats-server at this instant, copy its store, and let the system go on from the copy."""
        server = until_sync(self._nats_server)  # it may have been killed a moment ago
        assert server is not None
        server.send(signal.SIGSTOP)
        store = self.state / "nats"
        copy = self.state / "nats.copy"
        shutil.copytree(store, copy)
        store.rename(self.state / f"nats.before.{self.copies}")
        copy.rename(store)
        server.send(signal.SIGKILL)
        shutil.rmtree(self.state / f"nats.before.{self.copies}")
        self.copies += 1

    def _nats_server(self) -> Process | None:
        assert self._up is not None
        return next((process for process in below(self._up.pid) if process.name == "nats-server"), None)

    def rebuild(self) -> tuple[int, str]:
        """Exit code and words of `saraban rebuild`."""
        done = subprocess.run(
            [*SARABAN, "rebuild", "--state", str(self.state)], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def audit(self) -> tuple[int, str]:
        """Exit code and words of `saraban audit`."""
        done = subprocess.run(
            [*SARABAN, "audit", "--from-start", "--state", str(self.state)], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def stop(self) -> int | None:
        """End everything this run started; the supervisor's exit code."""
        for process in (self._second, self._up, self._sink):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
        return None if self._up is None else self._up.returncode

    def _saraban(self, *words: str) -> None:
        subprocess.run([*SARABAN, *words], check=True, capture_output=True)

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def agency(number: int, address: str, relay_port: int) -> dict[str, object]:
    """An agency of the directory; its mails go to the relay of the run."""
    domain = address.partition("@")[2]
    relay = {"host": "127.0.0.1", "port": relay_port, "protocol": "smtp", "tls": "none"}
    return {
        "id": domain.partition(".")[0],
        "name": f"หน่วยงานทดสอบที่ {number + 1}",
        "domains": [{"name": domain, "mode": "only"}],
        "addresses": [address],
        "officers": [{"id": "somchai", "name": "นายสมชาย ใจดี", "position": "นักจัดการงานทั่วไป"}],
        "roster": [{"officer": "somchai"}],
        "first": {f"received/{year}": OPENS_AT for year in range(2560, 2600)} if number == 1 else {},
        "seal": {"kind": "test"},
        "relay": relay,
        "mailboxes": [{"address": f"office@{domain}"}],
    }
