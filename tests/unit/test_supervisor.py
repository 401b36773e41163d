"""Parts are kept running, ended in order, and known again after the supervisor has died."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.commands.part import Part, Record, Running, end
from services.commands.patience import until
from services.commands.supervisor import MisconfiguredError, NotReplacedError, Supervisor, end_leftovers
from services.runtime import presence

SLEEP = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


class Watched:
    """A supervisor and what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.record = Record(folder / "parts.record")
        self.folder = folder
        self.supervisor = Supervisor(self.record, lambda name: (folder / f"{name}.log").open("ab"), self.said.append)

    def part(self, name: str, code: str, stage: int = 0, stop_seconds: float = 5.0, pause: float = 0.05) -> Part:
        return Part(
            name=name,
            command=(sys.executable, "-c", code),
            environment=os.environ,
            stage=stage,
            stop_seconds=stop_seconds,
            first_pause_seconds=pause,
        )


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.supervisor.kill()
    await made.supervisor.drain()


async def test_a_part_that_was_killed_is_started_again_and_said_so(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("sleeper", SLEEP))
    first = watched.supervisor.running()["sleeper"]
    os.kill(first, signal.SIGKILL)
    assert await until(lambda: watched.supervisor.running().get("sleeper", first) != first, 10)
    await until(lambda: len(watched.said) == 2, 5)
    assert watched.said == ["sleeper was ended by SIGKILL; starting it again in 0.05 s", "sleeper is running again"]
    assert watched.supervisor.restarts["sleeper"] == 1


async def test_the_pauses_grow(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("weak", "raise SystemExit(7)"))
    assert await until(lambda: watched.supervisor.restarts["weak"] >= 3, 15)
    pauses = [line.rsplit(" in ")[1] for line in watched.said if "starting it again" in line]
    assert pauses[:3] == ["0.05 s", "0.1 s", "0.2 s"]
    assert "weak ended with exit code 7" in watched.said[0]


async def test_a_wrong_setting_is_not_tried_again(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("wrong", "raise SystemExit(2)"))
    with pytest.raises(MisconfiguredError, match="wrong"):
        async with asyncio.timeout(10):
            await watched.supervisor.failed
    assert watched.supervisor.restarts["wrong"] == 0


async def test_parts_end_stage_by_stage(watched: Watched) -> None:
    for name, stage in (("store", 2), ("worker", 1), ("door", 0)):
        await watched.supervisor.start(watched.part(name, SLEEP, stage))
    stages: list[list[str]] = []
    running_then: list[set[str]] = []

    def note(names: object) -> None:
        stages.append(list(names))  # type: ignore[call-overload]  # a sequence of names
        running_then.append(set(watched.supervisor.running()))

    assert await watched.supervisor.drain(note) == []
    assert stages == [["door"], ["worker"], ["store"]]
    assert running_then == [{"door", "worker", "store"}, {"worker", "store"}, {"store"}]
    assert watched.supervisor.restarts == {"store": 0, "worker": 0, "door": 0}


async def test_ctrl_c_in_a_terminal_does_not_reach_the_parts(watched: Watched) -> None:
    """It goes to a whole process group; the order of ending is the supervisor's."""
    await watched.supervisor.start(watched.part("sleeper", SLEEP))
    assert os.getpgid(watched.supervisor.running()["sleeper"]) != os.getpgid(0)


async def test_a_part_that_does_not_end_is_killed(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("deaf", STUBBORN, stop_seconds=0.2))
    assert await until(lambda: "deaf" in (watched.folder / "deaf.log").read_text(), 10)
    assert await watched.supervisor.drain() == ["deaf"]


async def test_a_part_that_waits_for_its_restart_can_be_ended(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("weak", "raise SystemExit(7)", pause=60.0))
    assert await until(lambda: bool(watched.said), 10)
    async with asyncio.timeout(5):
        assert await watched.supervisor.drain() == []


async def test_a_part_is_replaced_when_its_successor_works(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("sleeper", SLEEP))
    before = watched.supervisor.running()["sleeper"]
    works = asyncio.Event()
    asked = asyncio.create_task(
        watched.supervisor.replace(["sleeper"], [watched.part("sleeper", SLEEP)], lambda pid: works.is_set(), 30)
    )
    assert await until(lambda: len(watched.record.read()) == 2, 10)
    assert watched.supervisor.running() == {"sleeper": before}
    (coming,) = watched.supervisor.beside
    works.set()
    await asked
    assert watched.supervisor.running() == {"sleeper": coming}
    assert watched.supervisor.beside == {before}
    assert await until(lambda: not presence.alive(before), 10)
    assert await until(lambda: [part.pid for part in watched.record.read()] == [coming], 10)
    assert (watched.supervisor.restarts, watched.said) == ({"sleeper": 0}, [])
    os.kill(coming, signal.SIGKILL)
    assert await until(lambda: watched.supervisor.running().get("sleeper", coming) != coming, 10), "it is not kept"


@pytest.mark.parametrize(("code", "why"), [("raise SystemExit(2)", "exit code 2"), (SLEEP, "not ready after 0.3 s")])
async def test_a_part_stays_when_its_successor_does_not_work(watched: Watched, code: str, why: str) -> None:
    await watched.supervisor.start(watched.part("sleeper", SLEEP))
    before = watched.supervisor.running()
    seconds = 20 if code != SLEEP else 0.3
    with pytest.raises(NotReplacedError, match=why):
        await watched.supervisor.replace(["sleeper"], [watched.part("sleeper", code)], lambda pid: False, seconds)
    assert await until(lambda: [part.pid for part in watched.record.read()] == list(before.values()), 10)
    assert watched.supervisor.running() == before
    assert not watched.supervisor.failed.done()


async def test_an_end_in_the_middle_of_a_replacement_ends_both(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("sleeper", SLEEP))
    asked = asyncio.create_task(
        watched.supervisor.replace(["sleeper"], [watched.part("sleeper", SLEEP)], lambda pid: False, 30)
    )
    assert await until(lambda: len(watched.record.read()) == 2, 10)
    both = watched.record.read()
    asked.cancel()
    await asyncio.wait([asked])
    await watched.supervisor.drain()
    assert not any(part.alive for part in both)


async def test_a_supervisor_ends_what_one_before_it_left(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("orphan", SLEEP))
    (left,) = watched.record.read()
    said: list[str] = []
    await end_leftovers(Record(watched.record.path), said.append)
    assert not left.alive
    assert said == ["ending what is left of a run that was killed: orphan"]


async def test_another_process_that_got_the_same_id_is_left_alone(watched: Watched) -> None:
    await watched.supervisor.start(watched.part("innocent", SLEEP))
    pid = watched.supervisor.running()["innocent"]
    since = presence.started(pid)
    assert since is not None
    stranger = Running(name="innocent", pid=pid, since=since - 1, stage=0, stop_seconds=0.1)
    assert not stranger.alive
    assert await end([stranger]) == []
    assert presence.alive(pid, since)


def test_a_damaged_record_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "parts.record").write_bytes(b'[{"name": "x", "pid"')
    assert Record(tmp_path / "parts.record").read() == ()
    assert Record(tmp_path / "missing").read() == ()
