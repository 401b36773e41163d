"""`saraban ingest` as a process of its own, for tests that kill it or look at what it costs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from services.commands.part import Record
from services.commands.state import in_memory
from services.runtime.settings import Nats
from tests.servers import free_port
from tests.waiting import until_sync

CONFIG = """\
state = "{state}"
[nats]
servers = {servers}
monitors = {monitors}
users = {{ ingest = "{user}" }}
[ops]
listen = "127.0.0.1:{ops}"
[log]
level = "warning"
[ingest]
listen = ["{listen}"]
hostname = "mx.test"
trusted_networks = ["127.0.0.0/8"]
{options}
"""


class IngestProcess:
    """Started, killed and started again on the same port."""

    def __init__(self, nats: Nats, folder: Path, options: str = "", log: Path | None = None) -> None:
        self.port, self.ops = free_port(), free_port()
        self.config = folder / "ingest.toml"
        self._nats, self._folder = nats, folder
        self.write(options)
        self._log = log
        self._record = Record(folder / "state" / "run" / "ingest.record")
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, options: str, listen: str = "") -> None:
        """Write its configuration; it is read at the next start or reload."""
        nats = self._nats
        self.config.write_text(
            CONFIG.format(
                state=self._folder / "state",
                servers=list(nats.servers),
                monitors=list(nats.monitors),
                user=nats.users["ingest"],
                ops=self.ops,
                listen=listen or f"127.0.0.1:{self.port}",
                options=options,
            ).replace("'", '"')
        )

    @property
    def pid(self) -> int:
        """The process that serves; it is a child of the one that was started."""
        (serving,) = self.pids.values()
        return serving

    @property
    def pids(self) -> dict[str, int]:
        """All that serve, by name: `ingest`, or `ingest-1` and so on."""
        return {part.name: part.pid for part in self._record.read() if part.alive}

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        """What was started."""
        assert self._process is not None, "not started"
        return self._process

    @property
    def resident_bytes(self) -> int:
        """What it holds in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def processor_seconds(self) -> float:
        """What it has used of the processor."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self, held: socket.socket | None = None) -> None:
        """Start it; does not wait. A socket that is `held` is handed over as systemd does it."""
        command = [sys.executable, "-m", "services.cli", "ingest", "--config", str(self.config)]
        if held is not None:
            command = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", *command]
        with ExitStack() as stack:
            log = stack.enter_context(self._log.open("ab")) if self._log is not None else None
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                pass_fds=() if held is None else (3,),
                preexec_fn=None if held is None else lambda: os.dup2(held.fileno(), 3),
            )

    def kill(self) -> None:
        """kill -9 of everything, as a power cut would: nobody is left who could start it again."""
        self._end(signal.SIGKILL)
        for part in self._record.read():
            part.signal(signal.SIGKILL)
        until_sync(lambda: not any(part.alive for part in self._record.read()))
        if (counters := in_memory(self._folder / "state" / "run" / "ingest")) is not None:
            shutil.rmtree(counters)  # nobody was left to do it

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(60)

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until it answers on its port and says that it is ready."""
        until_sync(lambda: self.page("/readyz")[0] == 200, seconds)

    def page(self, path: str) -> tuple[int, str]:
        """A page of the operations server; status 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)
