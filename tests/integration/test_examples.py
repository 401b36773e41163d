"""The subscribers of the README work as they stand: another program, in another language, from the outside."""

import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from contracts.register import LetterEntered
from tests.world import DEMO, World

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One system for both: the second subscriber goes on where the first one ended."""
    world = World(tmp_path_factory.mktemp("examples"))
    asyncio.run(world.start())
    yield world
    asyncio.run(world.stop())


def letter(name: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "a@sender.localhost", DEMO, name
    mail["Message-ID"] = f"<{name}@sender.localhost>"
    mail.set_content("x\n")
    return mail.as_bytes()


def reader(world: World) -> str:
    """The address that the README says to take from subscribers.toml."""
    password = tomllib.loads((world.state / "subscribers.toml").read_text())["reader"]["password"]
    return world.settings.nats.servers[0].replace("nats://", f"nats://reader:{password}@")


@contextmanager
def subscribed(command: list[str], output: Path) -> Iterator[Callable[[], list[list[str]]]]:
    """A subscriber that runs; gives what it has printed so far."""
    with output.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, cwd=EXAMPLES)
    try:

        def printed() -> list[list[str]]:
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            return [line.split("\t") for line in output.read_text(encoding="utf-8").splitlines()]

        yield printed
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


async def tells_each_letter(world: World, command: list[str], output: Path) -> None:
    tag = output.stem
    before = len(await world.stored("REGISTER", "register.v1.entered.demo.>"))
    await world.send(letter(f"{tag}-before"))
    with subscribed(command, output) as printed:
        await world.until(lambda: len(printed()) == 1, "the letter that was there before")
        await world.send(letter(f"{tag}-meanwhile"))
        await world.until(lambda: len(printed()) == 2, "the letter that came meanwhile")
        await acknowledged(world)
    # It was down when the next one came, and goes on where it was.
    await world.send(letter(f"{tag}-afterwards"))
    rows = (await world.events(LetterEntered, before + 3))[-3:]
    with subscribed(command, output) as printed:
        await world.until(lambda: len(printed()) == 3, "the letter that came while it was down")
        lines = printed()
        await acknowledged(world)
    assert [line[:3] for line in lines] == [[row.number_text, row.deemed_at, row.sha256] for row in rows]
    assert [line[3] for line in lines] == [row.key for row in rows]


async def acknowledged(world: World) -> None:
    """Wait until the subscriber has told the server that it is through with what it printed."""
    async with asyncio.timeout(30), world.bus() as bus:
        waiting = 1
        while waiting:
            info = await bus.api("CONSUMER.INFO.REGISTER.reader-rows-demo")
            waiting = info["num_ack_pending"] + info["num_pending"]


async def test_the_subscriber_in_python(world: World, tmp_path: Path) -> None:
    await tells_each_letter(
        world, [sys.executable, str(EXAMPLES / "subscribe.py"), reader(world), "demo"], tmp_path / "python.txt"
    )


@pytest.mark.system("nodejs")
async def test_the_subscriber_in_node(world: World, tmp_path: Path) -> None:
    if not (EXAMPLES / "node_modules").exists():
        assert not os.environ.get("CI"), "`make test` installs the packages of the Node example"
        pytest.skip("needs `npm ci` in deploy/examples")
    await tells_each_letter(
        world, ["node", str(EXAMPLES / "subscribe.mjs"), reader(world), "demo"], tmp_path / "node.txt"
    )


async def test_a_subscriber_sees_no_other_agency(world: World, tmp_path: Path) -> None:
    world.run("agency", "add", "other", "--name", "อื่น", "--address", "saraban@other.example")
    command = [sys.executable, str(EXAMPLES / "subscribe.py"), reader(world), "other"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert done.stdout == ""
