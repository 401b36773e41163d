"""When somebody is woken for the clock: the alert rules over series as the metrics page gives them, by promtool."""

import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "deploy/prometheus/saraban.rules.yml"

SERIES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'saraban_clock_bound_seconds{{service="ingest"}}'
        values: '0.001+0.001x60'
      - series: 'saraban_clock_within_bound{{service="ingest"}}'
        values: '1x29 0x30'
      - series: 'saraban_clock_servers{{state="outvoted"}}'
        values: '0x4 1x9 0x60'
      - series: 'saraban_clock_servers{{state="silent"}}'
        values: '0x4 3x60'
      - series: 'saraban_clock_offset_seconds{{service="ingest"}}'
        values: '-5x60'
    alert_rule_test:
{alerts}
"""

ALERT = """      - eval_time: {minute}m
        alertname: {name}
        exp_alerts: [{expected}]
"""


def expected(severity: str, summary: str) -> str:
    return f'{{exp_labels: {{severity: {severity}}}, exp_annotations: {{summary: "{summary}"}}}}'


@pytest.mark.system("prometheus")
def test_the_clocks_alerts_follow_its_metrics(tmp_path: Path) -> None:
    """Bound 1 ms a minute from 1 ms on, out of bound from minute 30; one server false for ten minutes; then silence."""
    text = RULES.read_text(encoding="utf-8")
    cases = (
        ("SarabanClockDrifts", "warn", 23, False),
        ("SarabanClockDrifts", "warn", 26, True),
        ("SarabanClockOutOfBound", "page", 29, False),
        ("SarabanClockOutOfBound", "page", 32, True),
        ("SarabanClockServerFalse", "warn", 14, False),
        ("SarabanClockServerSilent", "warn", 30, False),
        ("SarabanClockServerSilent", "warn", 36, True),
        ("SarabanHostClockWrong", "warn", 9, False),
        ("SarabanHostClockWrong", "warn", 11, True),
    )
    alerts = ""
    for name, severity, minute, fires in cases:
        summary = text[text.index(f"alert: {name}\n") :].split("summary: ", 1)[1].split("\n", 1)[0]
        alerts += ALERT.format(minute=minute, name=name, expected=expected(severity, summary) if fires else "")
    file = tmp_path / "clock.test.yml"
    file.write_text(SERIES.format(rules=RULES, alerts=alerts), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
