"""The page of all processes, and that Prometheus's own tool has nothing to say about it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime import metrics

COUNT = """
from services.runtime import metrics
metrics.HANDLED.labels("sign", "done").inc(2)
metrics.HANDLING.labels("sign").observe(0.3)
metrics.CONNECTED.labels("sign").set({connected})
metrics.READY.labels("sign").set(1)
metrics.PENDING.labels("sign-entered").set(4)
metrics.CLOCK_SERVERS.labels("agreeing").set(3)
metrics.CLOCK_BOUND.labels("ingest").set(0.002)
print("counted", flush=True)
input()
"""

PAGE = "import sys; from services.runtime import metrics; sys.stdout.buffer.write(metrics.page())"


def process(folder: Path, connected: int) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", COUNT.format(connected=connected)],
        env=os.environ | {metrics.FOLDER: str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "counted\n"
    return child


def page(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", PAGE], env=os.environ | {metrics.FOLDER: str(folder)}, capture_output=True, check=True
    ).stdout.decode()


def test_one_page_counts_all_processes_and_forgets_the_gauges_of_the_dead(tmp_path: Path) -> None:
    one, two = process(tmp_path, 1), process(tmp_path, 0)
    try:
        found = page(tmp_path)
        assert 'saraban_handled_total{outcome="done",service="sign"} 4.0' in found
        assert 'saraban_nats_connected{service="sign"} 0.0' in found
        two.kill()
        two.wait()
        found = page(tmp_path)
        assert 'saraban_handled_total{outcome="done",service="sign"} 4.0' in found
        assert 'saraban_nats_connected{service="sign"} 1.0' in found
        assert "pid=" not in found
        assert "\nsaraban_clock_within_bound" not in found, "a process that takes no stamps says nothing of them"
        assert 'saraban_clock_bound_seconds{service="ingest"} 0.002' in found
    finally:
        for child in (one, two):
            child.kill()
            child.communicate()


@pytest.mark.system("prometheus")
def test_promtool_has_nothing_to_say(tmp_path: Path) -> None:
    child = process(tmp_path, 1)
    try:
        found = page(tmp_path)
    finally:
        child.kill()
        child.communicate()
    for text in (found, metrics.page().decode()):
        check = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
