"""One line an event, as JSON when nobody watches."""

import json
import subprocess
import sys

import pytest

LOG = """
import logging, sys
from services.runtime import logs
from services.runtime.settings import Log
logs.configure(Log(level={level!r}, format={format!r}), "ingest")
log = logs.get()
log.debug("test.debug")
log.info("test.kept", sender="ก@ข.ไทย", size=3)
try:
    1 / 0
except ZeroDivisionError:
    log.error("test.failed", exc_info=True)
logging.getLogger("library").info("too much")
logging.getLogger("library").warning("look: %s", "here")
"""


def lines(level: str = "info", form: str = "auto") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOG.format(level=level, format=form)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_without_a_terminal_each_line_is_json() -> None:
    kept, failed, foreign = (json.loads(line) for line in lines())
    assert (kept["event"], kept["level"], kept["service"], kept["sender"]) == ("test.kept", "info", "ingest", "ก@ข.ไทย")
    assert kept["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in failed["exception"]
    assert (foreign["event"], foreign["level"], foreign["logger"]) == ("look: here", "warning", "library")
    assert foreign["service"] == "ingest"


@pytest.mark.parametrize(("level", "events"), [("debug", 4), ("warning", 2), ("error", 1)])
def test_the_level_holds_for_ours_and_others(level: str, events: int) -> None:
    assert len(lines(level)) == events


def test_a_console_gets_text() -> None:
    found = "\n".join(lines(form="console"))
    assert "test.kept" in found
    assert "ก@ข.ไทย" in found
    with pytest.raises(json.JSONDecodeError):
        json.loads(found.splitlines()[0])
