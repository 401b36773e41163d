"""What the README says of the project is so, and the lock is what it claims to be."""

import re
import tomllib
from pathlib import Path

from services.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found is not None
    return found.group().lower().replace("_", "-")


def _wanted() -> set[str]:
    return {_name(one) for one in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]}


def test_the_readme_has_a_reason_for_each_dependency_and_for_no_other() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    named = {_name(word) for row in rows[2:] for word in re.sub(r"\*.*?\*", "", row).replace(" ", "").split(",")}
    assert named == _wanted()


def test_the_lock_pins_each_dependency_with_hashes_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {_name(line) for line in lock.splitlines() if "==" in line and not line.startswith(("#", " "))}
    assert _wanted() <= pinned
    assert not re.search(r"://|(^|\s)(-i|--(extra-)?index-url|--find-links|--trusted-host)\b|/opt/|/home/|file:", lock)
    entries = re.split(r"\n(?=[a-z])", lock.partition("\n\n")[0].split("-o requirements.lock\n", 1)[1])
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_node_lock_names_no_address() -> None:
    lock = (ROOT / "deploy/examples/package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert '"integrity": "sha512-' in lock


def test_every_path_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_word_the_readme_types_is_a_word_of_the_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = set(re.findall(r"(?:`|bin/)saraban ([a-z]+)", text))
    assert {"send", "register", "events", "audit"} <= typed <= set(COMMANDS)
