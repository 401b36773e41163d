"""The operations page as Prometheus sees it, and the alerts and the dashboard that are built on it."""

import asyncio
import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from contracts.notices import LetterDelivered
from contracts.streams import CONSUMERS
from tests.servers import free_port
from tests.world import DEMO, World

DEPLOY = Path(__file__).parents[2] / "deploy"


def declared() -> set[str]:
    """The names under which our metrics appear on the page."""
    import services.audit.metrics
    import services.commands.metrics
    import services.ingest.metrics
    import services.notify.metrics
    import services.register.metrics
    import services.runtime.metrics
    import services.sign.metrics  # noqa: F401 - importing declares

    found: set[str] = set()
    for metric in REGISTRY.collect():
        suffixes = ("_bucket", "_count", "_sum") if metric.type == "histogram" else ("", "_total")
        found |= {metric.name + suffix for suffix in suffixes}
    return found


@pytest.mark.parametrize("name", ["prometheus/saraban.rules.yml", "grafana/saraban.json"])
def test_alerts_and_dashboard_use_metrics_that_exist(name: str) -> None:
    used = set(re.findall(r"\bsaraban_[a-z_]+", (DEPLOY / name).read_text(encoding="utf-8")))
    assert len(used) > 5
    assert used - declared() == set()


def test_every_alert_has_its_line_in_the_runbook() -> None:
    alerts = re.findall(r"alert: (\w+)", (DEPLOY / "prometheus/saraban.rules.yml").read_text(encoding="utf-8"))
    runbook = (DEPLOY / "runbook.md").read_text(encoding="utf-8")
    assert [alert for alert in alerts if alert not in runbook] == []


@pytest.mark.system("prometheus")
def test_promtool_takes_rules_and_configuration() -> None:
    for words in (["check", "rules", "saraban.rules.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run(
            ["promtool", *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "world")
    await world.start()
    yield world
    await world.stop()


def letter(number: int) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = f"a{number}@sender.localhost", DEMO, f"letter {number}"
    mail["Message-ID"] = f"<{number}@sender.localhost>"
    mail.set_content("x\n")
    return mail.as_bytes()


def series(page: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in page.splitlines() if line and not line.startswith("#")}


def pending(world: World) -> set[str]:
    """The consumers whose backlog is on the page."""
    return set(re.findall(r'saraban_consumer_pending_messages{consumer="([a-z-]+)"', world.page("/metrics")[1]))


@pytest.mark.slow
@pytest.mark.system("prometheus")
async def test_a_real_prometheus_scrapes_it(world: World, tmp_path: Path) -> None:
    await world.send(letter(0))
    await world.events(LetterDelivered, 1)
    page = world.page("/metrics")[1]
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")

    # No series per letter, sender or agency: once every part has reported, ten letters add none.
    await world.until(lambda: pending(world) == {consumer.durable for consumer in CONSUMERS}, "all parts have reported")
    await world.send(letter(1))
    await world.events(LetterDelivered, 2)
    before = series(world.page("/metrics")[1])
    for number in range(2, 12):
        await world.send(letter(number))
    await world.events(LetterDelivered, 12)
    assert series(world.page("/metrics")[1]) == before

    port = free_port()
    config = (DEPLOY / "prometheus/prometheus.yml").read_text().replace("127.0.0.1:8525", f"127.0.0.1:{world.ops}")
    config = config.replace("scrape_interval: 15s", "scrape_interval: 1s")
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "saraban.rules.yml").write_text((DEPLOY / "prometheus/saraban.rules.yml").read_text())
    with (tmp_path / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await world.until(lambda: ask(port, "saraban_ready") != [], "a scrape")
        assert {found["value"][1] for found in ask(port, "saraban_ready")} == {"1"}
        assert ask(port, 'up{job="saraban"}')[0]["value"][1] == "1"
        assert float(ask(port, "sum(saraban_ingest_letters_total)")[0]["value"][1]) == 12
        for panel in json.loads((DEPLOY / "grafana/saraban.json").read_text())["panels"]:
            for target in panel["targets"]:
                ask(port, target["expr"])
        assert b"level=warn" not in (tmp_path / "prometheus.log").read_bytes()
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait, 30)


def ask(port: int, expression: str) -> list[dict[str, Any]]:
    """The answer of Prometheus to a query; empty while it is starting."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=5) as answer:
            reply = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:  # it listens before it is ready
            return []
        raise AssertionError(f"{expression}: {error.read().decode()}") from error
    except OSError:
        return []
    assert reply["status"] == "success", expression
    found: list[dict[str, Any]] = reply["data"]["result"]
    return found
