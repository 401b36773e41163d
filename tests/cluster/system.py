"""The services on a cluster: two ingresses and two registers as on machines of their own, one sign, one notify."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

import msgspec

from contracts.directory import Agency
from contracts.values import BANGKOK
from services.commands import toml
from services.runtime import directory
from services.runtime.bus import Bus
from tests.chaos.system import ADDRESSES, SARABAN, agency
from tests.cluster.servers import Cluster
from tests.servers import free_port

SERVICES = ("ingest-1", "ingest-2", "register-1", "register-2", "sign", "notify")
NOTIFY = {
    "grace_seconds": 86_400.0, "first_retry_seconds": 1.0, "last_retry_seconds": 5.0,
    "cap_address": 1_000_000, "cap_domain": 1_000_000, "cap_agency": 1_000_000,
}  # fmt: skip


class Machines:
    """Every process of one system. `folder` holds all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = Cluster(folder)
        self.year = datetime.now(BANGKOK).year + 543
        self.smtp = [free_port(), free_port()]
        self.notes = folder / "relay.tsv"
        self._ops = {name: free_port() for name in SERVICES}
        self._relay = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self) -> None:
        """Start everything; returns when all of it says that it is ready."""
        self.notes.touch()
        self._run("sink", [sys.executable, "-m", "tests.chaos.sink", str(self._relay), str(self.notes)])
        await self.cluster.start()
        await self.cluster.provision(self.year)
        bus = await Bus.connect(self.cluster.settings(), "officers")
        for number, address in enumerate(ADDRESSES):
            await directory.put(bus, msgspec.convert(agency(number, address, self._relay), Agency))
        await bus.close()
        for name in SERVICES:
            self._configure(name)
            self._run(name, [*SARABAN, name.partition("-")[0], "--config", str(self.config(name))])
        await asyncio.gather(*(self.ready(name) for name in SERVICES))

    def config(self, name: str) -> Path:
        """Its configuration file."""
        return self.folder / f"{name}.toml"

    def _configure(self, name: str) -> None:
        number = int(name[-1]) - 1 if name[-1].isdigit() else 0
        values: dict[str, object] = {
            "state": str(self.folder / name),
            "nats": msgspec.to_builtins(self.cluster.settings()),
            "ops": {"listen": f"127.0.0.1:{self._ops[name]}"},
            "log": {"format": "json"},
            "ingest": {"listen": [f"127.0.0.1:{self.smtp[number]}"], "trusted_networks": ["127.0.0.0/8"]},
            "sign": {"test_authority": "authority"},
            "notify": NOTIFY,
        }
        self.config(name).write_text(toml.dumps(values))

    async def ready(self, name: str, seconds: float = 60) -> None:
        """Wait until a service says that it is ready."""
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(self._is_ready, name):  # noqa: ASYNC110 - a page of another process
                await asyncio.sleep(0.1)

    def _is_ready(self, name: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ops[name]}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def holder(self, bus: Bus) -> str:
        """The register that holds the lease: its name here."""
        async with asyncio.timeout(60):
            while True:
                try:
                    bucket = await bus.js.key_value("lease")
                    entry = await bucket.get("register")
                    pid = int((entry.value or b"").decode().partition("/")[0].rpartition(":")[2])
                    return next(name for name, process in self._processes.items() if process.pid == pid)
                except Exception:  # noqa: BLE001 - nobody holds it at this moment, or nobody can be asked
                    await asyncio.sleep(0.1)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a service's process."""
        os.kill(self._processes[name].pid, number)

    def audit(self) -> tuple[int, str]:
        """Exit code and words of `saraban audit`."""
        done = subprocess.run(
            [*SARABAN, "audit", "--config", str(self.config("notify"))], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def count(self, name: str, event: str) -> int:
        """How often a service's log has a line of this event."""
        return (self.folder / f"{name}.log").read_text(errors="replace").count(f'"event":"{event}"')

    async def stop(self) -> None:
        """End everything this run started."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
        for process in self._processes.values():
            try:
                await asyncio.to_thread(process.wait, 30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        await self.cluster.stop()

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
