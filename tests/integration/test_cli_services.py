"""Services one by one against a NATS that is there already, as systemd or Kubernetes run them."""

import os
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from services.commands import toml
from services.commands.part import Record
from services.runtime.settings import Ingest, Ops, Settings
from tests.servers import NatsServer, free_port

pytestmark = pytest.mark.slow

SARABAN = (sys.executable, "-m", "services.cli")


class Place:
    """A configuration file for services on the NATS server of this test."""

    def __init__(self, folder: Path, server: NatsServer, processes: int = 1) -> None:
        self.smtp, self.ops = free_port(), free_port()
        self.settings = Settings(
            state=str(folder / "state"),
            nats=server.settings(),
            ops=Ops(listen=f"127.0.0.1:{self.ops}"),
            ingest=Ingest(listen=(f"127.0.0.1:{self.smtp}",), processes=processes, hostname="mx.test"),
        )
        self.file = folder / "saraban.toml"
        self.file.write_text(toml.dumps(msgspec.to_builtins(self.settings)), encoding="utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SARABAN, *words, "--config", str(self.file)], capture_output=True, text=True, check=False, timeout=60
        )

    @contextmanager
    def service(self, word: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([*SARABAN, word, "--config", str(self.file)], stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()

    def readiness(self) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/readyz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait(self, wanted: int) -> str:
        deadline = time.monotonic() + 60
        while True:
            status, page = self.readiness()
            if status == wanted:
                return page
            assert time.monotonic() < deadline, page
            time.sleep(0.05)


def test_provision_makes_what_is_missing_and_nothing_twice(nats_server: NatsServer, tmp_path: Path) -> None:
    place = Place(tmp_path, nats_server)
    first = place.run("provision")
    assert first.returncode == 0, first.stderr
    assert "REGISTER: created" in first.stdout
    again = place.run("provision")
    assert (again.returncode, again.stdout) == (0, "everything is there\n")


def test_provision_without_a_server_says_so_in_one_line(nats_server: NatsServer, tmp_path: Path) -> None:
    place = Place(tmp_path, nats_server)
    nats_server.stop()
    done = place.run("provision")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("saraban: NATS: ")


@pytest.mark.parametrize("word", ["ingest", "register", "sign", "notify"])
def test_a_service_by_itself_is_ready_and_ends(nats_server: NatsServer, tmp_path: Path, word: str) -> None:
    place = Place(tmp_path, nats_server)
    assert place.run("provision").returncode == 0
    with place.service(word) as process:
        assert place.wait(200) == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_an_ingress_of_several_processes_is_one(nats_server: NatsServer, tmp_path: Path) -> None:
    """They share the port and the operations page; one that dies is started again."""
    place = Place(tmp_path, nats_server, processes=2)
    assert place.run("provision").returncode == 0
    record = Record(Path(place.settings.state) / "run" / "ingest.record")
    with place.service("ingest") as process:
        place.wait(200)
        before = {part.name: part.pid for part in record.read()}
        assert sorted(before) == ["ingest-1", "ingest-2"]
        os.kill(before["ingest-2"], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while {part.name: part.pid for part in record.read() if part.alive}.get("ingest-2") in (
            None,
            before["ingest-2"],
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        place.wait(200)
        with smtplib.SMTP("127.0.0.1", place.smtp, timeout=10) as server:
            assert server.ehlo()[0] == 250
        with urllib.request.urlopen(f"http://127.0.0.1:{place.ops}/metrics", timeout=5) as answer:
            assert "saraban_ingest_connections_total 1.0" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not any(part.alive for part in record.read())


def test_a_wrong_line_is_explained(nats_server: NatsServer, tmp_path: Path) -> None:
    done = subprocess.run([*SARABAN, "ingest"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("saraban: Missing option '--config'")
