"""A real clamd for a test, on a socket and a port of its own, with signatures written by hand: no download needed."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port
from tests.waiting import until_sync

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner finds, so that one can try it; in two pieces here, so that none finds this file."""

NAME = "Saraban.Test.EICAR.UNOFFICIAL"
"""What this clamd calls it."""

STREAM_OCTETS = 1 << 20
"""StreamMaxLength: a letter longer than this is too large for it."""

CONFIGURATION = """
LocalSocket {folder}/clamd.sock
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
LogFile {folder}/log
Foreground yes
StreamMaxLength {octets}
MaxThreads 2
SelfCheck 0
"""


@dataclass
class Clamd:
    """A running one."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def path(self) -> str:
        """Its socket, as `[sign] clamd` names it."""
        return str(self.folder / "clamd.sock")

    @property
    def address(self) -> str:
        """The same by HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def start(folder: Path) -> Clamd:
    """Start one and wait until it answers; `folder` may be that of one that was ended."""
    program = shutil.which("clamd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    assert program
    signatures = folder / "signatures"
    signatures.mkdir(parents=True, exist_ok=True)
    (signatures / "saraban.ndb").write_text(f"Saraban.Test.EICAR:0:*:{EICAR.hex()}\n")
    port = free_port()
    configuration = folder / "clamd.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, octets=STREAM_OCTETS))
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen([program, "-c", str(configuration)], stdout=output, stderr=output)
    running = Clamd(folder, port, process)
    until_sync(lambda: _answers(running), 120)
    return running


@contextmanager
def clamd(folder: Path) -> Iterator[Clamd]:
    """Run one until the end of the block."""
    running = start(folder)
    try:
        yield running
    finally:
        running.end()


def _answers(running: Clamd) -> bool:
    assert running.process.poll() is None, (running.folder / "output").read_text()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(running.path)
            connection.sendall(b"zPING\0")
            return connection.recv(16) == b"PONG\0"
    except OSError:
        return False
