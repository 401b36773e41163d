"""The child that looks at letters: its walls, its limits, and what is left of a letter that ends it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from services.runtime.settings import Sign
from services.sign import children as children_module
from services.sign import sandbox
from services.sign.child_process import ChildProcess
from services.sign.children import Children, SlowError
from services.sign.lanes import Spent
from services.sign.resolver import Resolver
from services.sign.trust import TrustStore
from tests.books import received
from tests.dns_server import silent_dns_server
from tests.hostile import pdfs
from tests.letters import letter_mail, letter_pdf
from tests.pki import make_root, make_signer, sign_pdf
from tests.waiting import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MAIL = letter_mail(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"), "a@b.th", "c@d.th", "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ")
SLOW = letter_mail(
    pdfs.document(
        {2: b"<</Type/Pages/Count 50/Kids[" + b"3 0 R " * 50 + b"]>>", 4: pdfs.deflated(b"0 0 m 9 9 l S " * 3_000_000)}
    ),
    "a@b.th", "c@d.th", "slow",
)  # fmt: skip
"""Minutes of pdfium's time, in a few kilobytes."""


def pool(**changes: object) -> Children:
    config = msgspec.structs.replace(Sign(), **changes)
    return Children(config, TrustStore(), None, "test")


@pytest.fixture
async def children() -> AsyncIterator[Children]:
    made = pool()
    yield made
    await made.close()


def offspring(parent: int) -> set[int]:
    """The processes of a process that have to do with letters."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                above, state = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]), (entry / "stat")
                if (
                    above == parent
                    and b"services.sign.forkserver" in (entry / "cmdline").read_bytes()
                    and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
                ):
                    found.add(int(entry.name))
            except (OSError, IndexError, ValueError):
                continue
    return found


def processes() -> set[int]:
    """The children of this process's fork servers, which look at letters."""
    return {child for server in offspring(os.getpid()) for child in offspring(server)}


async def test_a_letter_is_examined(children: Children) -> None:
    found = await children.examine(MAIL)
    assert found.particulars.letter_number
    assert found.particulars.letter_number.value == "นร ๑๒๐๐/ว๕๖"
    assert found.authentication is None
    assert len(found.attachments) == 1


async def test_one_child_serves_many_letters_and_is_replaced_after_so_many() -> None:
    children = pool(child_letters=2)
    seen = []
    for _ in range(3):
        await children.start()
        seen.append(processes())
        await children.examine(MAIL)
    await children.close()
    assert seen[0] == seen[1] != seen[2]
    assert processes() == set()


async def test_an_idle_child_is_small(children: Children) -> None:
    await children.examine(MAIL)
    await children.examine(letter_mail(os.urandom(6_000_000), "a@b.th", "c@d.th", "x"))
    await children.examine(MAIL)
    await children.start()
    assert await until(lambda: len(processes()) == 1)
    (pid,) = processes()
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    assert int(line.split()[1]) <= 110 * 1024


async def test_a_letter_that_takes_too_long_is_ended() -> None:
    children = pool(child_seconds=1)
    await children.examine(MAIL)
    (pid,) = processes()
    task = asyncio.create_task(children.examine(MAIL))
    os.kill(pid, signal.SIGSTOP)  # it stands still, as in an endless loop
    found = await task
    assert "resource_limit" in {said.code for said in found.warnings}
    assert await until(lambda: pid not in processes())
    again = await children.examine(MAIL)
    assert again.warnings == ()
    await children.close()


async def test_a_letter_that_had_no_processor_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind all others on a busy machine; its verdict is not lost for that."""
    monkeypatch.setattr(ChildProcess, "spent", lambda self: Spent(0.1, 0.0))
    monkeypatch.setattr(children_module, "CLOCK", 1)
    children = pool(child_seconds=1)
    await children.start()
    (pid,) = processes()
    task = asyncio.create_task(children.examine(MAIL))
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(SlowError):
        await task
    assert (await children.examine(MAIL)).warnings == ()
    await children.close()


async def test_a_letter_that_kills_its_child_is_not_tried_again() -> None:
    """Memory for a letter of this size is not there: its findings say so, and the next letter is examined."""
    children = pool(child_memory_bytes=160 * 1024 * 1024)
    huge = letter_mail(os.urandom(60_000_000), "a@b.th", "c@d.th", "ที่ นร ๑๒๐๐/ว๕๖")
    found = await children.examine(huge)
    assert "resource_limit" in {said.code for said in found.warnings}
    again = await children.examine(MAIL)
    assert again.particulars.letter_number
    await children.close()


async def test_a_child_that_dies_between_letters_is_replaced(children: Children) -> None:
    await children.examine(MAIL)
    (pid,) = processes()
    os.kill(pid, signal.SIGKILL)  # and nothing awaited: the parent finds out while it hands the letter over
    assert (await children.examine(MAIL)).particulars.letter_number


async def test_a_caller_who_gives_up_leaves_no_child_behind(children: Children) -> None:
    await children.examine(MAIL)
    (pid,) = processes()
    os.kill(pid, signal.SIGSTOP)
    task = asyncio.create_task(children.examine(MAIL))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: pid not in processes())
    assert (await children.examine(MAIL)).warnings == ()


async def test_letters_wait_for_a_place() -> None:
    children = pool(children=2)
    found = await asyncio.gather(*(children.examine(MAIL) for _ in range(6)))
    assert all(item.particulars.letter_number for item in found)
    assert await until(lambda: len(processes()) <= 2)
    await children.close()


@pytest.mark.parametrize("octets", [b"", b"\x00" * 1000, b"\xff\xd8\xff", b"Subject: \xff\xfe\r\n\r\n"])
async def test_whatever_it_is_there_are_findings(children: Children, octets: bytes) -> None:
    found = await children.examine(octets)
    assert found.signatures == ()


async def test_the_child_sees_no_password_of_ours(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARABAN_SIGN__SEAL_PASSWORDS__OPERATOR", "secret")
    await children.start()
    (pid,) = processes()
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()


LIMITS = "walls = sandbox.raise_walls(1 << 30, use_landlock={})"


def behind_walls(code: str, folder: Path, *, landlock: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Python lines behind the walls, in a process of their own that stands in `folder`."""
    lines = f"from services.sign import sandbox\nimport os, socket, subprocess\n{LIMITS.format(landlock)}\n{code}"
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", lines], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import os; os.execv('/bin/true', ['true'])",
        "import subprocess; subprocess.run(['/bin/true'])",
        "import os; os.kill(os.getppid(), 0)",
        "import os; os.write(os.open('written', os.O_CREAT | os.O_WRONLY), b'x')",
        "import os; os.unlink('kept')",
        "import os; os.rename('kept', 'moved')",
        "bytearray(2 << 30)",
        "open('kept').read()",
        "open('/etc/passwd').read()",
        "import os; open(f'/proc/{os.getppid()}/environ').read()",
        "import os; os.listdir('/')",
        "import os; os.fork()",
        "import _thread; _thread.start_new_thread(print, ())",
    ],
)
@pytest.mark.parametrize("landlock", [True, False])
def test_what_the_walls_keep_back(code: str, landlock: bool, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    done = behind_walls(code, tmp_path, landlock=landlock)
    assert (tmp_path / "kept").read_text() == "kept"
    assert done.returncode != 0
    assert any(said in done.stderr for said in ("PermissionError", "File too large", "MemoryError", "start new thread"))


def test_what_the_child_needs_goes_on_behind_the_walls(tmp_path: Path) -> None:
    done = behind_walls("import asyncio\nasyncio.run(asyncio.sleep(0))\nprint(*walls, sep=',')", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {sandbox.FILES, sandbox.FILTER} <= set(done.stdout.strip().split(","))


def test_without_landlock_no_file_is_opened_and_letters_are_read_all_the_same(tmp_path: Path) -> None:
    """Everything that a letter needs is loaded before the walls stand."""
    signed = sign_pdf(letter_pdf("ที่ นร ๑๒๐๐/ว๕๖"), make_signer(make_root()))
    (tmp_path / "letter").write_bytes(letter_mail(signed, "a@b.th", "c@d.th", "ที่ นร ๑๒๐๐/ว๕๖ เรื่อง ทดสอบ"))
    lines = f"""
import importlib, sys
from services.sign import forkserver, sandbox, examine
from services.sign.trust import TrustStore
for name in forkserver.PRELOADED:
    try: importlib.import_module(name)
    except ImportError: pass
octets = open("letter", "rb").read()
{LIMITS.format(False)}
before = set(sys.modules)
found = examine.examine_mail(octets, trust=TrustStore(), now_ns=1_700_000_000_000_000_000, software="x")
print(found.particulars.letter_number.value, len(found.warnings))
print(sorted(set(sys.modules) - before), sandbox.FILES in walls)
"""
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "นร ๑๒๐๐/ว๕๖ 1\n[] True", done.stderr  # no trust store


def test_processor_time_is_bounded(tmp_path: Path) -> None:
    done = behind_walls("sandbox.allow_seconds(0)\nwhile True: pass", tmp_path)
    assert done.returncode == -signal.SIGXCPU


async def test_what_was_known_survives_the_step_that_ends_the_child() -> None:
    """The DNS never answers, and the time of the letter ends: what was found before is there."""
    with silent_dns_server() as place:
        children = Children(Sign(child_seconds=1), TrustStore(), Resolver([place], 60), "test")
        found = await children.examine(MAIL, received())
        await children.close()
    assert [said.code for said in found.warnings] == ["resource_limit"]
    assert "authentication" in found.warnings[0].english
    assert len(found.attachments) == 1
    assert found.body_sha256
    assert found.particulars.letter_number


async def test_letters_go_on_when_the_fork_server_dies(children: Children) -> None:
    await children.examine(MAIL)
    (server,) = offspring(os.getpid())
    os.kill(server, signal.SIGKILL)
    assert await until(lambda: processes() == set())  # its children end with it
    assert (await children.examine(MAIL)).warnings == ()


async def test_a_letter_in_the_middle_when_the_fork_server_dies_is_begun_again(children: Children) -> None:
    await children.examine(MAIL)
    (pid,) = processes()
    (server,) = offspring(os.getpid())
    os.kill(pid, signal.SIGSTOP)
    task = asyncio.create_task(children.examine(MAIL))
    await asyncio.sleep(0)
    os.kill(server, signal.SIGKILL)
    assert (await task).warnings == ()


async def test_a_child_waits_for_the_next_letter_when_one_takes_long() -> None:
    children = pool(children=1, slow_children=1, child_seconds=600)
    slow = asyncio.create_task(children.examine(SLOW))
    assert await until(lambda: len(processes()) == 2)
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await children.close()
    assert processes() == set()


async def test_nobody_waits_until_a_child_that_was_ended_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a gigabyte takes a moment to give back."""
    gone = asyncio.Event()
    kill = ChildProcess.kill

    async def slowly(self: ChildProcess) -> None:
        await gone.wait()
        await kill(self)

    children = pool(children=1, child_letters=1)
    monkeypatch.setattr(ChildProcess, "kill", slowly)
    for _ in range(2):
        assert (await asyncio.wait_for(children.examine(MAIL), 60)).warnings == ()
    gone.set()
    await children.close()
    assert processes() == set()


async def test_nobody_waits_for_a_letter_that_takes_long() -> None:
    """Both slow letters are in the slow lane; the third one is put off, since another waits for its place."""
    children = pool(children=1, slow_children=2, child_seconds=600)
    slow = [asyncio.create_task(children.examine(SLOW)) for _ in range(2)]
    assert await until(lambda: not children.room)
    assert (await children.examine(MAIL)).warnings == ()
    third = asyncio.create_task(children.examine(SLOW))
    innocent = [asyncio.create_task(children.examine(MAIL)) for _ in range(3)]
    with pytest.raises(SlowError):
        await third
    assert [(await task).warnings for task in innocent] == [(), (), ()]
    with pytest.raises(SlowError):
        await children.examine(SLOW, slow=True)
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert children.room
    await children.close()
