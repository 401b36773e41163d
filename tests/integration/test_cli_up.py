"""`saraban up`: what an operator sees when things go well, when parts die, and when the supervisor itself is killed."""

import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from contracts.register import LetterEntered
from services.commands.part import Record
from services.commands.state import State
from tests.servers import free_port
from tests.world import DEMO, World

pytestmark = pytest.mark.slow


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "one")
    yield world
    await world.stop()


def letter(name: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "a@sender.localhost", DEMO, f"หนังสือ {name}"
    mail["Message-ID"] = f"<{name}@sender.localhost>"
    mail.set_content("x\n")
    return mail.as_bytes()


def up(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Type `saraban up` where it is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "up", "--state", str(state), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_it_says_where_things_are_and_ends_in_order(world: World) -> None:
    await world.start()
    await world.until(lambda: "Ctrl-C ends it" in world.log.read_text(), "the welcome")
    said = world.log.read_text()
    assert f"smtp://127.0.0.1:{world.smtp}" in said
    assert DEMO in said
    assert f"http://127.0.0.1:{world.ops}/readyz" in said
    assert re.search(r"send \S+ --state", said), "what to type next"
    status, page = world.page("/metrics")
    assert status == 200
    assert 'saraban_ready{service="ingest"} 1.0' in page
    assert 'saraban_ready{service="up"} 1.0' in page
    running = [part for part in Record(State(world.state).parts).read() if part.alive]
    assert sorted(part.name for part in running) == ["ingest", "nats-server", "notify", "register", "sign"]

    assert await world.stop() == 0
    said = world.log.read_text()
    stages = [line.split("ending ")[1] for line in said.splitlines() if "ending " in line]
    assert stages == ["ingest", "register, sign, notify", "nats-server"]
    assert not any(part.alive for part in running)
    assert "was killed" not in said
    assert "starting it again" not in said


@pytest.mark.parametrize("part", ["ingest", "register", "nats-server"])
async def test_a_part_that_dies_is_started_again_and_no_letter_is_lost(world: World, part: str) -> None:
    await world.start()
    await world.send(letter("before"))
    await world.kill(part)
    await world.send(letter("after"))
    rows = await world.events(LetterEntered, 2)
    assert [row.number for row in rows] == [1, 2]
    said = world.log.read_text()
    assert f"{part} was ended by SIGKILL; starting it again in " in said
    assert f"{part} is running again" in said
    assert f'saraban_up_restarts_total{{part="{part}"}} 1.0' in world.page("/metrics")[1]


async def test_a_supervisor_that_was_killed_leaves_a_system_the_next_one_takes_over(world: World) -> None:
    await world.start()
    left = [part for part in Record(State(world.state).parts).read() if part.alive]
    world.kill_up()
    # Without it the system goes on: a letter is kept and numbered.
    await world.send(letter("orphaned"))
    await world.events(LetterEntered, 1)

    await world.start()
    assert "ending what is left of a run that was killed: ingest, nats-server, notify, register, sign" in (
        world.log.read_text()
    )
    assert not any(part.alive for part in left)
    await world.send(letter("afterwards"))
    rows = await world.events(LetterEntered, 2)
    assert [row.number for row in rows] == [1, 2]
    assert world.run("audit").returncode == 0


async def test_two_systems_on_one_machine(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "two")
    await world.start()
    try:
        await other.start()
        await other.send(letter("to the second"))
        await other.events(LetterEntered, 1)
        assert len(other.rows()) == 1
        assert world.rows() == []
    finally:
        await other.stop()


async def test_a_second_start_on_the_same_state_is_refused_in_one_line(world: World) -> None:
    await world.start()
    done = up(world.state, "--smtp", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("saraban:")]
    assert "is in use by another `saraban up`" in line
    assert (await world.send(letter("unharmed"))).startswith("2.6.0")


def test_an_address_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        done = up(tmp_path / "state", "--smtp", taken, "--http", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert f"saraban: {taken} is taken by another program: give another address with --smtp" in done.stderr
    assert not (tmp_path / "state" / "nats" / "jetstream").exists()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[ingest]\nmessage_bytes = 5\n", "ingest.message_bytes: expected int >= 1000000"),
        ("[ingest]\nlisten = 25\n", "ingest.listen"),
        ("[ingset]\n", "ingset"),
        ("[ingest\n", "is not TOML"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, toml: str, words: str) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(toml)
    done = up(tmp_path / "state", "--config", str(config))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"saraban: {config}: ")
    assert words in done.stderr.lower() or words in done.stderr
    assert not (tmp_path / "state").exists()


def test_what_only_a_part_can_see_is_wrong_ends_the_start_with_its_words(tmp_path: Path) -> None:
    """A certificate that is none: the ingress finds out, and the start does not go on for ever."""
    (tmp_path / "no.pem").write_text("no certificate")
    (tmp_path / "world.toml").write_text(f'[ingest]\ncertificate = "{tmp_path}/no.pem"\nprivate_key = "x"\n')
    addresses = ("--smtp", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}")
    done = up(tmp_path / "state", "--config", str(tmp_path / "world.toml"), *addresses)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("saraban: ")]
    assert len(said) == 2
    assert said[0].startswith(f"saraban: ingest.certificate: {tmp_path}/no.pem cannot be used: ")
    assert said[1] == "saraban: ingest cannot run with these settings"
    assert not any(part.alive for part in Record(State(tmp_path / "state").parts).read())


async def test_ctrl_c_during_the_start_ends_what_was_started(world: World) -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "services.cli", "up", "--state", str(world.state),
            "--smtp", f"127.0.0.1:{world.smtp}", "--http", f"127.0.0.1:{world.ops}",
        ],
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()  # "starts in …": its signals are heard from here on
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()
    assert not any(part.alive for part in Record(State(world.state).parts).read())
    assert "Traceback" not in said.decode()


def at_a_terminal() -> None:
    """What a shell's child has, whoever started the tests (under nohup a hang-up is ignored)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def test_a_terminal_that_is_closed_ends_the_system_in_order(world: World) -> None:
    """Whoever closes the window leaves nothing behind, although nobody can be told anything any more."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "services.cli", "up", "--state", str(world.state),
            "--smtp", f"127.0.0.1:{world.smtp}", "--http", f"127.0.0.1:{world.ops}",
        ],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=at_a_terminal,
    )  # fmt: skip
    os.close(slave)
    said = b""
    while b"Ctrl-C ends it" not in said:
        said += os.read(master, 4096)
    parts = [part for part in Record(State(world.state).parts).read() if part.alive]
    assert len(parts) == 5
    os.close(master)
    assert process.wait(60) == 0
    assert not any(part.alive for part in parts)


async def test_a_stop_of_the_machine_is_a_stop(world: World) -> None:
    """SIGTERM, as systemd and containers send it, drains like Ctrl-C."""
    await world.start()
    assert world._up is not None
    os.kill(world._up.pid, signal.SIGTERM)
    assert world._up.wait(60) == 0
    assert not any(part.alive for part in Record(State(world.state).parts).read())
