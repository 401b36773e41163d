"""What the commands read from a line and what they say, without any system."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.directory import Agency, Domain
from services.cli import service_line
from services.commands.agency_file import read_file
from services.commands.errors import CommandError
from services.commands.events import moment
from services.commands.state import State
from services.commands.terminal import thai_time

NOW = datetime(2026, 5, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10m", NOW - timedelta(minutes=10)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-05-29T10:00:00+07:00", datetime(2026, 5, 29, 3, 0, tzinfo=UTC)),
        ("2026-05-29T10:00", datetime(2026, 5, 29, 3, 0, tzinfo=UTC)),
        ("start", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_since(text: str, meant: datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["yesterday", "10", "m10", ""])
def test_since_that_nobody_can_read(text: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        moment(text, NOW)


def test_thai_time_is_the_buddhist_year_and_thai_hours() -> None:
    assert thai_time("2026-12-30T09:31:00.000000Z") == "30 ธ.ค. 2569 16:31:00"
    assert thai_time("2027-01-04T08:30:00+07:00") == "4 ม.ค. 2570 08:30:00"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (["ingest", "--config", "a.toml"], ("ingest", Path("a.toml"))),
        (["register", "--config=a.toml"], ("register", Path("a.toml"))),
        (["register", "list"], None),
        (["register", "list", "--config", "a.toml"], None),
        (["ingest", "--help"], None),
        (["up"], None),
        ([], None),
    ],
)
def test_the_short_way_of_a_service(line: list[str], meant: tuple[str, Path] | None) -> None:
    assert service_line(line) == meant


AGENCY = Agency(id="a", name="ก", domains=(Domain(name="a.test"),), addresses=("saraban@a.test",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'id = "a"\nname = "ก"\naddresses = ["saraban@a.test"]\n[[domains]]\nname = "a.test"\n'),
        ("a.toml", '[[agency]]\nid = "a"\nname = "ก"\naddresses = ["saraban@a.test"]\ndomains = [{name = "a.test"}]\n'),
        ("a.json", '{"id": "a", "name": "ก", "addresses": ["saraban@a.test"], "domains": [{"name": "a.test"}]}'),
        ("a.json", '[{"id": "a", "name": "ก", "addresses": ["saraban@a.test"], "domains": [{"name": "a.test"}]}]'),
    ],
)
def test_a_file_of_agencies(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_file(tmp_path / name) == [AGENCY]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "id = ", "a.toml: "),
        ("a.json", "{", "a.json: "),
        ("a.toml", 'id = "a"\nname = "x"\naddresses = []\ndomains = [{name = "a.test"}]', "length >= 1.*addresses"),
        ("a.toml", 'id = "A B"\nname = "x"', "id"),
        ("a.toml", 'id = "a"\nnaem = "x"', "naem"),
        ("a.toml", '[[agency]]\nid = "a"\n[[agency]]\nid = "b"', "agency a"),
        ("a.json", "[]", "names no agency"),
        ("missing.toml", None, "No such file"),
    ],
)
def test_a_file_that_is_wrong_is_said_in_one_line(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=words) as caught:
        read_file(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_secrets_stay_and_are_nobody_elses(tmp_path: Path) -> None:
    state = State(tmp_path / "var")
    state.prepare()
    assert state.is_new
    first = state.secrets()
    assert not state.is_new
    assert state.secrets().passwords == first.passwords
    assert len(set(first.passwords.values())) == len(first.passwords)
    assert state.secrets_file.stat().st_mode & 0o077 == 0
    assert state.root.stat().st_mode & 0o077 == 0
    state.subscribers()
    assert state.subscribers_file.stat().st_mode & 0o077 == 0


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    state = State(tmp_path)
    state.prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in (state.logs, state.run, state.metrics, state.store))


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    state.lock("up", "taken")
    with pytest.raises(CommandError, match="taken"):
        State(tmp_path).lock("up", "taken")


def test_a_log_that_has_grown_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.commands.state.LOG_BYTES", 10)
    state = State(tmp_path)
    state.prepare()
    with state.open_log("ingest") as log:
        log.write(b"0123456789 and more")
        log.flush()
        state.turn_logs()
        log.write(b"next")
    assert (state.logs / "ingest.log").read_bytes() == b"next"
    assert (state.logs / "ingest.log.1").read_bytes() == b"0123456789 and more"


def test_a_subscriber_with_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    state.subscribers_file.write_text('[audit]\npassword = "x"\nagencies = ["demo"]\n')
    with pytest.raises(CommandError, match="audit"):
        state.subscribers()


def test_help_does_not_wait_for_heavy_libraries() -> None:
    code = (
        "import sys; sys.argv = ['saraban', '--help']\n"
        "from services import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'nats', 'faststream', 'pyhanko', 'cryptography', 'holidays', 'typst', 'uvloop'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Start here" in done.stdout
    assert time.monotonic() - begun < 20


def test_a_service_does_not_carry_the_command_line() -> None:
    code = (
        "import sys; sys.argv = ['saraban', 'ingest', '--config', '/nonexistent.toml']\n"
        "from services import cli\n"
        "try: cli.main()\n"
        "except SystemExit as ended: assert ended.code == 2, ended.code\n"
        "import services.ingest.app\n"
        "loaded = {name for name, module in sys.modules.items() if module is not None}\n"
        "heavy = {'typer', 'rich', 'aiohttp', 'faststream', 'pyhanko', 'typst', 'holidays'} & loaded\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().startswith("saraban: /nonexistent.toml: cannot be read")


@pytest.mark.parametrize("word", ["up", "service"])
def test_metrics_are_not_imported_before_their_folder_is_known(word: str) -> None:
    """prometheus_client decides once, when it is imported, whether its numbers are shared between processes."""
    code = f"import sys, services.commands.{word}; assert 'prometheus_client' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["--version"], 0, "saraban "),
        (["--help"], 0, "Start here"),
        ([], 2, "Start here"),
        (["sned"], 2, "Did you mean"),
    ],
)
def test_the_command_by_itself(line: list[str], code: int, words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "services.cli", *line], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
