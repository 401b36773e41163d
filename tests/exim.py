"""An Exim of one's own: a private instance on a free port, with its spool in a throw-away folder.

Debian's packages of Exim and Postfix exclude each other, so `.ci/run` unpacks Exim into `.cache/exim` and makes the
user that it was built to run as. Needs root, as Exim does.
"""

import os
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

UNPACKED = Path(os.environ.get("SARABAN_TEST_EXIM") or Path(__file__).parents[1] / ".cache" / "exim")
"""Where Debian's package exim4-daemon-light lies unpacked."""

PROGRAM = UNPACKED / "usr" / "sbin" / "exim4"
USER = "Debian-exim"

SETTINGS = """\
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
primary_hostname = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
# Nothing is delivered to a user of this machine, so no process needs root after the port is bound.
deliver_drop_privilege
host_lookup =
rfc1413_hosts =
keep_environment =
tls_advertise_hosts =
dns_again_means_nonexist = *
acl_smtp_rcpt = everything
dsn_advertise_hosts = *
message_size_limit = 100M
log_selector = +smtp_confirmation

begin acl
everything:
  accept

begin routers
everything:
  driver = manualroute
  route_list = * 127.0.0.1::{to}
  transport = onwards
  self = send

begin transports
onwards:
  driver = smtp
  {transport}

begin retry
* * F,5m,1s
"""


@dataclass(frozen=True)
class Exim:
    """A running instance."""

    host: str
    port: int
    folder: Path

    @property
    def log(self) -> str:
        """Everything it logged so far."""
        log = self.folder / "mainlog"
        return log.read_text(errors="replace") if log.exists() else ""


@contextmanager
def exim(to: int, *transport: str, authority: Path | None = None) -> Iterator[Exim]:
    """Run a private Exim that hands everything to this port of the loopback; `transport`: options of its transport.

    With `authority` it insists on TLS and on a certificate that chains to it, whatever name it is for.
    """
    folder = Path(tempfile.mkdtemp(prefix="saraban-exim-"))
    folder.chmod(0o755)
    port = free_port()
    spool = folder / "spool"
    spool.mkdir()
    shutil.chown(folder, USER, USER)
    shutil.chown(spool, USER, USER)
    config = folder / "exim.conf"
    options = "\n  ".join([*transport, *(_verified(authority, folder) if authority is not None else [])])
    config.write_text(SETTINGS.format(program=PROGRAM, folder=folder, port=port, to=to, transport=options))
    with (folder / "out").open("wb") as out:
        daemon = subprocess.Popen([PROGRAM, "-C", config, "-bdf"], stdout=out, stderr=out, start_new_session=True)
    try:
        _wait(daemon, port, folder)
        yield Exim("127.0.0.1", port, folder)
    finally:
        daemon.terminate()
        daemon.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _verified(authority: Path, folder: Path) -> list[str]:
    readable = folder / "authority.pem"
    readable.write_bytes(authority.read_bytes())
    readable.chmod(0o644)
    return [
        "hosts_require_tls = *",
        "tls_verify_hosts = *",
        f"tls_verify_certificates = {readable}",
        "tls_verify_cert_hostnames =",
    ]


def _wait(daemon: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                if probe.recv(3) == b"220":
                    return
        except OSError:
            pass
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"exim did not answer: {(folder / 'out').read_text(errors='replace')}")
        time.sleep(0.05)  # no event announces that it has bound its port
