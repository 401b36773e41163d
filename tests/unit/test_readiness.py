"""What is ready, kept where one page can read it for all processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from services.runtime import readiness
from services.runtime.presence import alive, started
from services.runtime.readiness import Readiness, not_ready, processes, stuck


def test_before_its_first_part_it_is_starting() -> None:
    parts = Readiness("ingest")
    assert not parts.ready
    assert parts.reasons == ["starting"]


def test_it_is_ready_when_every_part_is() -> None:
    parts = Readiness("ingest")
    parts.set("nats", ready=True)
    assert parts.ready
    parts.set("directory", ready=False, reason="not read yet")
    parts.set("clock", ready=False)
    assert not parts.ready
    assert parts.reasons == ["directory: not read yet", "clock: not ready"]
    parts.set("directory", ready=True)
    parts.set("clock", ready=True)
    assert parts.ready
    assert parts.reasons == []


def test_the_folder_tells_of_all_processes(tmp_path: Path) -> None:
    assert not_ready(tmp_path) == ["no process is running"]
    parts = Readiness("ingest", tmp_path)
    assert not_ready(tmp_path) == [f"ingest ({os.getpid()}): starting"]
    parts.set("nats", ready=True)
    assert not_ready(tmp_path) == []
    parts.close()
    assert not_ready(tmp_path) == ["no process is running"]


def test_a_process_that_is_gone_does_not_count(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        state = readiness.State(
            service="sign", pid=other.pid, started=started(other.pid) or 0, reasons=("nats: not connected",)
        )
        (tmp_path / "sign.json").write_bytes(msgspec.json.encode(state))
        assert not_ready(tmp_path) == [f"sign ({other.pid}): nats: not connected"]
        other.kill()
        other.wait()
        assert not_ready(tmp_path) == ["no process is running"]
    assert list(tmp_path.iterdir()) == []


def test_another_process_with_the_same_number_is_not_it(tmp_path: Path) -> None:
    state = readiness.State(service="sign", pid=os.getpid(), started=1, reasons=())
    (tmp_path / "sign.json").write_bytes(msgspec.json.encode(state))
    assert list(processes(tmp_path)) == []


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not alive(child.pid)
    child.wait()
    assert not alive(child.pid)


def test_a_file_that_is_no_state_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    assert list(processes(tmp_path)) == []


def test_a_loop_that_does_not_turn_is_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "STUCK_SECONDS", 0.05)
    parts = Readiness("ingest", tmp_path)
    time.sleep(0.1)
    assert len(stuck(tmp_path)) == 1
    assert stuck(tmp_path)[0].startswith(f"ingest ({os.getpid()}): event loop stuck for ")
    parts.beat()
    assert stuck(tmp_path) == []
