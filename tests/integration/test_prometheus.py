"""What operators scrape: a real Prometheus reads the page, promtool has no complaint, no series grows with letters."""

import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.notices import SenderReceipted
from tests.servers import free_port
from tests.waiting import until_sync
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.system("prometheus")]

DEPLOY = Path(__file__).parent.parent.parent / "deploy" / "prometheus"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "world")
    await world.start()
    yield world
    await world.stop()


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[str]:
    """A Prometheus that scrapes the operations page every second; its address."""
    port = free_port()
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: saraban, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def ask(address: str, path: str) -> dict[str, object]:
    """An answer of Prometheus's API; empty until it listens."""
    try:
        with urllib.request.urlopen(address + path, timeout=5) as answer:
            found: dict[str, object] = json.load(answer)["data"]
            return found
    except OSError:
        return {}


def series(page: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series of a page: its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def send(world: World, first: int, count: int) -> None:
    for number in range(first, first + count):
        sender = f"a{number}@sender.localhost"
        mail = f"From: <{sender}>\r\nMessage-ID: <{number}@sender.localhost>\r\nSubject: {number}\r\n\r\nx\r\n"
        await world.send(mail.encode(), sender=sender)
    await world.events(SenderReceipted, first + count - 1)


async def test_a_real_prometheus_scrapes_the_page(world: World, tmp_path: Path) -> None:
    await send(world, 1, 3)
    status, page = world.page("/metrics")
    assert status == 200
    complaints = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert (complaints.returncode, complaints.stdout + complaints.stderr) == (0, "")

    with prometheus(tmp_path, world.ops) as address:

        def healthy() -> bool:
            targets = ask(address, "/api/v1/targets").get("activeTargets")
            assert targets is None or isinstance(targets, list)
            return bool(targets and targets[0]["health"] == "up" and not targets[0]["lastError"])

        until_sync(healthy, 60)
        found = until_sync(lambda: ask(address, "/api/v1/query?query=saraban_register_numbers_total").get("result"), 30)
        assert isinstance(found, list)
        assert sum(float(one["value"][1]) for one in found) == 3


async def test_there_is_no_series_per_letter(world: World) -> None:
    await send(world, 1, 5)
    before = series(world.page("/metrics")[1])
    await send(world, 6, 20)
    after = series(world.page("/metrics")[1])
    # A label may see a value for the first time; twenty letters from twenty senders may not bring twenty.
    assert len(after - before) < 10, sorted(after - before)
    assert not {name for name, labels in after if any("sender.localhost" in value for _, value in labels)}


def test_the_configuration_of_deploy_and_its_rules_are_valid() -> None:
    subprocess.run(["promtool", "check", "config", str(DEPLOY / "prometheus.yml")], check=True, capture_output=True)
