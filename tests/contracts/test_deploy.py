"""What an operator copies from deploy/ is what the code says."""

import os
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from contracts.permissions import ROLES
from deploy.generate import FOLDER, documents
from services.commands.agency_file import read_file
from services.runtime import config, server
from services.runtime.settings import Settings


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_generated_file_is_the_one_that_is_committed(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == documents()[name], "run `python -m deploy.generate`"


def test_every_setting_stands_in_the_file_at_its_default() -> None:
    written = tomllib.loads((FOLDER / "saraban.toml").read_text(encoding="utf-8"))
    assert written == msgspec.json.decode(msgspec.json.encode(Settings())), "keys and values"
    assert config.load(FOLDER / "saraban.toml", {}) == Settings()


@pytest.mark.parametrize("name", ["single.conf", "cluster.conf"])
def test_nats_server_takes_the_configuration(name: str) -> None:
    passwords = {f"SARABAN_{role.name.upper()}": role.name for role in ROLES}
    done = subprocess.run(
        [server.binary(), "-t", "-c", FOLDER / "nats" / name],
        env=os.environ | passwords | {"NATS_NAME": "nats-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["agencies.toml", "agency.json"])
def test_the_example_agencies_can_be_imported(name: str) -> None:
    from contracts.directory import problems

    agencies = read_file(Path(FOLDER) / "examples" / name)
    assert agencies
    assert [problem for agency in agencies for problem in problems(agency)] == []
