"""A Postfix of one's own: a private instance on a free port, with its queue in a throw-away folder.

Postfix drops rights to its own user, who cannot look into pytest's private folders; hence a folder directly
below the system's temporary one. Needs root, as Postfix's master does.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port
from tests.waiting import until_sync

SETTINGS = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = {hostname}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 62914560
default_process_limit = 120
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
smtp_host_lookup = native
smtp_dns_support_level = disabled
disable_dns_lookups = yes
smtpd_delay_reject = yes
minimal_backoff_time = 5s
maximal_backoff_time = 20s
queue_run_delay = 5s
{extra}
"""

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

HOLD = "smtpd_client_restrictions = check_client_access static:HOLD"
"""Every letter is written to the hold queue, synced, and stays there: durable acceptance and nothing else."""


@dataclass(frozen=True)
class Postfix:
    """A running instance."""

    host: str
    port: int
    folder: Path

    @property
    def log(self) -> str:
        """Everything it logged so far."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def stop(self) -> None:
        """End it, whatever it does, and all its processes."""
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder / "etc", "abort"], check=False, capture_output=True)

    def start(self) -> None:
        """Start it, or start it again; returns when it greets."""

        # Processes of the one before may hold its port for a moment after it was ended.
        def started() -> bool:
            command = ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "start"]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0

        until_sync(started, 60)
        _wait(self.port)

    def queued(self) -> int:
        """Letters in its queue, held ones included."""
        return sum(1 for name in ("hold", "incoming", "active", "deferred") for _ in self._files(name))

    def _files(self, name: str) -> Iterator[Path]:
        return (path for path in (self.folder / "queue" / name).rglob("*") if path.is_file())


@contextmanager
def postfix(extra: str = "", hostname: str = "postfix.test", services: str = "") -> Iterator[Postfix]:
    """Run a private Postfix; `extra` goes to the end of its main.cf, `services` of its master.cf.

    Ends it, and its folder, afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix="saraban-postfix-"))
    folder.chmod(0o755)
    port = free_port()
    etc = folder / "etc"
    for name in ("etc", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix", "postfix")
    (etc / "main.cf").write_text(_each_once(SETTINGS.format(folder=folder, hostname=hostname, extra=extra)))
    (etc / "master.cf").write_text(SERVICES.format(port=port) + services)
    for name in ("postfix-files", "dynamicmaps.cf"):
        shutil.copy(Path("/etc/postfix") / name, etc / name)
    subprocess.run(["/usr/sbin/postfix", "-c", etc, "check"], check=True, capture_output=True)
    running = Postfix("127.0.0.1", port, folder)
    try:
        running.start()
        yield running
    finally:
        subprocess.run(["/usr/sbin/postfix", "-c", etc, "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _each_once(settings: str) -> str:
    """The last line of each setting alone. Every process warns of a setting that is there twice, and postlogd, which
    sends that warning to its own socket, waits for itself for ever where the others' have filled it."""
    lines = [line for line in settings.splitlines() if "=" in line]
    last = {line.partition("=")[0].strip(): line for line in lines}
    return "\n".join(last.values()) + "\n"


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                if probe.recv(3) == b"220":
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("postfix did not answer")
        time.sleep(0.05)  # no event announces that master has bound its port
