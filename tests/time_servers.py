"""Real time servers for a test: chronyd on loopback ports, some of them with false time (faketime)."""

import os
import subprocess
from pathlib import Path

from services.runtime import ntp
from tests.servers import free_port
from tests.waiting import until_sync


def faked(moved: str) -> dict[str, str]:
    """The environment in which a program's clock is `moved`, and the clocks that nobody can step are not.

    Not by the program `faketime`: it would stay between, and its child outlive it.
    """
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return {"LD_PRELOAD": str(library), "FAKETIME": moved, "DONT_FAKE_MONOTONIC": "1"}


class TimeServers:
    """chronyd processes that serve this host's time, moved by what a test says. They never touch this host's clock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self, moved: str = "", stratum: int = 3, name: str = "") -> str:
        """Start one, or start `name` again; `moved` is a shift such as `+5s`. Returns HOST:PORT when it answers.

        Stratum 0: one that knows no time and says so.
        """
        port = int(name.rpartition(":")[2]) if name else free_port()
        config = self._folder / f"chrony-{port}.conf"
        config.write_text(
            f"port {port}\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\nallow 127.0.0.1\n"
            f"pidfile {self._folder}/chrony-{port}.pid\n" + (f"local stratum {stratum}\n" if stratum else "")
        )
        path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
        user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        command = ["chronyd", "-x", "-U", "-d", "-u", user, "-f", str(config)]
        environment = os.environ | {"PATH": path} | (faked(moved) if moved else {})
        self._processes[f"127.0.0.1:{port}"] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        until_sync(lambda: _answers("127.0.0.1", port, synchronised=stratum > 0))
        return f"127.0.0.1:{port}"

    def stop(self, name: str) -> None:
        """End one; its port falls silent."""
        process = self._processes.pop(name)
        process.terminate()
        process.wait(timeout=20)

    def close(self) -> None:
        """End all."""
        for name in list(self._processes):
            self.stop(name)


def _answers(host: str, port: int, *, synchronised: bool) -> bool:
    try:
        ntp.ask("probe", host, port, 0.2, 15)
    except ntp.NoAnswer as error:
        return not synchronised and "not synchronised" in str(error)
    return synchronised
