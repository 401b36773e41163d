"""A real nats-server for a test: started on free ports of the loopback, killed, stopped, started again."""

import os
import secrets
import select
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from contracts.permissions import ROLES, Rights
from services.runtime import server, settings

EVERYTHING = Rights(user="test", inbox="_INBOX_test", publish=(">",), subscribe=(">",))
"""What the test itself may do; the services of a test have their own users, as in life."""


PORTS = range(20_000, 32_768)
"""Below those that Linux gives to connections: a test beside us that makes thousands of them takes none of these."""


SIDE_BY_SIDE = 8
"""So many processes of tests share the ports out: what one has been told is free, another does not take meanwhile."""

_OWN = PORTS[int("0" + os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % SIDE_BY_SIDE :: SIDE_BY_SIDE]
_given: deque[int] = deque(maxlen=len(_OWN) // 2)
"""Given of late: who asks for several ports before anybody listens gets different ones."""


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment, and that this process was not given of late."""
    for _ in range(1_000):
        port = secrets.choice(_OWN)
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port
    raise RuntimeError("no port is free")


class NatsServer:
    """One nats-server with its store in `folder`; its ports stay the same over a restart."""

    def __init__(
        self,
        folder: Path,
        *,
        sync: str = "always",
        max_payload: int = 8_388_608,
        file_bytes: int = 0,
        store: Path | None = None,
        subscribers: tuple[Rights, ...] = (),
        **member: object,
    ) -> None:
        """`member`: what else `server.Server` shall say, such as its place in a cluster."""
        self.folder = folder
        self.store = store or folder / "nats"
        self.passwords = {name: f"{name}-secret" for name in (*(role.name for role in ROLES), EVERYTHING.user)}
        self.passwords |= {rights.user: f"{rights.user}-secret" for rights in subscribers}
        self.port = 0
        self.monitor_port = 0
        self.lines: list[str] = []
        self._sync = sync
        self._max_payload = max_payload
        self._file_bytes = file_bytes
        self._subscribers = subscribers
        self._member = member
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def settings(self, **changes: object) -> settings.Nats:
        """How a service is told of this server; it connects with its own user and its own permissions."""
        values: dict[str, object] = {
            "servers": (self.url,),
            "monitors": (self.monitor,),
            "users": {name: f"{name}:{password}" for name, password in self.passwords.items()},
        }
        return settings.Nats(**(values | changes))  # type: ignore[arg-type]  # a test passes what it means

    def start(self, seconds: float = 30.0) -> None:
        """Start it, or start it again on what is in its store; returns when it takes connections."""
        assert self._process is None, "already running"
        fixed = bool(self.port)
        for _ in range(5):
            if not fixed:
                self.port, self.monitor_port = free_port(), free_port()
            if self._launch(seconds):
                return
            if fixed:
                break
        raise RuntimeError("nats-server did not start:\n" + "\n".join(self.lines[-20:]))

    def _launch(self, seconds: float) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats-server.conf"
        config.write_text(
            server.configuration(
                server.Server(
                    listen=f"127.0.0.1:{self.port}",
                    monitor=f"127.0.0.1:{self.monitor_port}",
                    store=str(self.store),
                    max_payload=self._max_payload,
                    sync=self._sync,
                    file_bytes=self._file_bytes,
                    **self._member,  # type: ignore[arg-type]  # a test passes what it means
                ),
                self.passwords,
                (EVERYTHING, *self._subscribers),
            )
        )
        process = subprocess.Popen([server.binary(), "-c", config], stderr=subprocess.PIPE)
        assert process.stderr is not None
        deadline = time.monotonic() + seconds
        pending = b""
        while time.monotonic() < deadline:
            if not select.select([process.stderr], [], [], max(0.0, deadline - time.monotonic()))[0]:
                break
            chunk = os.read(process.stderr.fileno(), 65536)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            self.lines += [line.decode(errors="replace") for line in lines]
            if any("Server is ready" in line for line in self.lines[-len(lines) :]):
                self._process = process
                threading.Thread(target=self._drain, args=(process,), daemon=True).start()
                return True
        process.kill()
        process.wait()
        process.stderr.close()
        return False

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.lines.append(line.decode(errors="replace").rstrip())

    def kill(self) -> None:
        """End it as a power cut would: no signal handler runs."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does; it answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not self._stands():  # each thread stops when it next looks; until then it may still write
            assert time.monotonic() < deadline, "nats-server does not stop"
            time.sleep(0.002)

    def _stands(self) -> bool:
        states = [
            task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{self.pid}/task").glob("*/stat")
        ]
        return all(state in "Tt" for state in states)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        if how is not signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        process.wait(timeout=20)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None
