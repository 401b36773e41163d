"""The state folder of `saraban up`: where everything lies, its secrets, its locks.

saraban.toml        the configuration the parts run with; what `--state` reads
secrets.json        a password for each NATS user
subscribers.toml    who else may read which agencies
nats.conf  nats/    the server's configuration and its store
authority/  dkim/   the test authority and the DKIM keys made on the first start
outgoing/           mails of agencies without a relay
log/  run/          logs; what concerns the running processes
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import stat
import tomllib
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from contracts.permissions import ROLES, Rights, subscriber
from services.commands.errors import CommandError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what lies there is checked to be ours
LOG_BYTES = 16_777_216
"""A log that has grown beyond this begins anew; the one before is kept as `<name>.log.1`."""
READER = "reader"
"""The subscriber that the first start makes, for the examples of the README."""


class Subscriber(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another service that reads the events of some agencies."""

    password: str
    agencies: tuple[str, ...]


class Secrets(Struct, kw_only=True):
    """What must not change between two starts."""

    passwords: dict[str, str]
    nats_port: int = 0
    monitor_port: int = 0


class State:
    """The folder of one system on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.config = self.root / "saraban.toml"
        self.secrets_file = self.root / "secrets.json"
        self.subscribers_file = self.root / "subscribers.toml"
        self.server_config = self.root / "nats.conf"
        self.store = self.root / "nats"
        self.authority = self.root / "authority"
        self.dkim = self.root / "dkim"
        self.outgoing = self.root / "outgoing"
        self.logs = self.root / "log"
        self.run = self.root / "run"
        self.metrics = self.run / "metrics"
        self.parts = self.run / "parts.record"
        self._locks: list[IO[bytes]] = []

    @property
    def is_new(self) -> bool:
        """Whether no system was ever started here."""
        return not self.secrets_file.exists()

    def prepare(self) -> None:
        """Make the folders. Only their owner may look: letters and keys lie here.

        A folder that is there keeps its mode: it may be anybody's, such as /srv.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.metrics = in_memory(self.root) or self.metrics
            for folder in (self.logs, self.run, self.metrics, self.store):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CommandError(f"--state {self.root}: {error.strerror}") from error

    def lock(self, name: str, refusal: str) -> int:
        """Take a lock that lasts as long as we, or a child that inherits the returned descriptor, live."""
        file = (self.run / f"{name}.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise CommandError(refusal) from None
        self._locks.append(file)
        return file.fileno()

    def secrets(self) -> Secrets:
        """Read the secrets; make those that are missing."""
        found = Secrets(passwords={})
        with contextlib.suppress(FileNotFoundError):
            try:
                found = msgspec.json.decode(self.secrets_file.read_bytes(), type=Secrets)
            except msgspec.MsgspecError as error:
                raise CommandError(f"{self.secrets_file}: cannot be read: {error}") from error
        for role in ROLES:
            found.passwords.setdefault(role.name, secrets.token_urlsafe(24))
        found.nats_port = _port(found.nats_port)
        found.monitor_port = _port(found.monitor_port, not_this=found.nats_port)
        write_private(self.secrets_file, msgspec.json.encode(found))
        return found

    def forget_metrics(self) -> None:
        """The system has ended: what it counted goes."""
        self.clear_metrics()
        with contextlib.suppress(OSError):
            self.metrics.rmdir()

    def clear_metrics(self) -> None:
        """The counters of an earlier run are over: a scraper sees a restart, as it should."""
        for file in self.metrics.glob("*.db"):
            file.unlink(missing_ok=True)

    def subscribers(self) -> dict[str, Subscriber]:
        """Who else may read. The first start makes one for the demo agency."""
        if not self.subscribers_file.exists():
            password = secrets.token_urlsafe(24)
            text = (
                "# Other services that may read: a NATS user each, and the agencies it sees and nothing else.\n"
                "# Read by `saraban up` when it starts.\n\n"
                f'[{READER}]\npassword = "{password}"\nagencies = ["demo"]\n'
            )
            write_private(self.subscribers_file, text.encode())
        try:
            values = tomllib.loads(self.subscribers_file.read_text())
            found = msgspec.convert(values, dict[str, Subscriber])
            rights(found)  # says what is wrong with a name
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, UnicodeDecodeError) as error:
            raise CommandError(f"{self.subscribers_file}: {error}") from error
        return found

    def open_log(self, name: str) -> IO[bytes]:
        """The log a part appends to."""
        return (self.logs / f"{name}.log").open("ab")

    def turn_logs(self) -> None:
        """Bound the logs. Copied and emptied rather than renamed, since the parts keep them open."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LOG_BYTES:
                log.with_suffix(".log.1").write_bytes(log.read_bytes())
                os.truncate(log, 0)


def rights(subscribers: dict[str, Subscriber]) -> list[Rights]:
    """What the subscribers may do. Raises ValueError for a name that cannot be one."""
    return [subscriber(name, who.agencies) for name, who in subscribers.items()]


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.chmod(0o600)
    fresh.write_bytes(content)
    fresh.replace(path)


PORTS = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections: one of them would take it while nats-server is not there."""
TRIES = 100


def is_free(host: str, port: int) -> bool:
    """Whether we could listen there. Not with SO_REUSEPORT: another system of ours must count as taken."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return True
    except OSError:
        return False


def _port(wanted: int, not_this: int = 0) -> int:
    """The port if it is free, otherwise any.

    A new system takes any at once: two that start at the same time would both find a well-known port free.
    """
    if wanted and wanted != not_this and is_free("127.0.0.1", wanted):
        return wanted
    for _ in range(TRIES):
        port = secrets.choice(PORTS)
        if port != not_this and is_free("127.0.0.1", port):
            return port
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def in_memory(root: Path) -> Path | None:
    """A folder in memory for the counters of `root`'s system; None where there is no place for it, or it is not ours.

    Counters are memory-mapped files. On a full disk the first touch of a new page of one ends the process (SIGBUS).
    """
    folder = SHARED_MEMORY / f"saraban-{hashlib.sha256(bytes(root.resolve())).hexdigest()[:16]}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() else None
