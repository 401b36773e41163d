"""Attempts on disk: bounded, one owner, nothing lost by a process that died."""

from pathlib import Path

import pytest

from contracts import codec
from contracts.mail import MailAttempted, Peer
from services.ingest.attempts_file import AttemptsFile


def attempt(number: int) -> MailAttempted:
    return MailAttempted(
        agency="demo",
        id=f"{number:032x}",
        attempted_at="2026-11-20T09:29:59.000000Z",
        bound_ms=1.0,
        within_bound=True,
        peer=Peer(address="192.0.2.1"),
        sender="a@client.test",
        recipients=("saraban@demo.test",),
        stage="data",
        code=451,
        reply="451 4.3.0 Try again later",
    )


def numbers(file: AttemptsFile) -> list[int]:
    return [int(event.id, 16) for event in file.read()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "attempts.jsonl"


def test_what_is_kept_is_there_after_a_restart(path: Path) -> None:
    file = AttemptsFile(path, 100_000)
    assert file.empty
    assert file.append([attempt(1), attempt(2)]) == 2
    file.close()
    again = AttemptsFile(path, 100_000)
    assert numbers(again) == [1, 2]
    again.clear()
    assert again.empty
    assert again.append([attempt(3)]) == 1
    assert numbers(again) == [3]


def test_the_file_has_a_bound_and_the_oldest_stay(path: Path) -> None:
    line = len(codec.encode(attempt(1))) + 1
    file = AttemptsFile(path, 3 * line)
    assert file.append([attempt(1), attempt(2)]) == 2
    assert file.append([attempt(3), attempt(4)]) == 1
    assert file.append([attempt(5)]) == 0
    assert numbers(file) == [1, 2, 3]


def test_half_a_line_spoils_no_other(path: Path) -> None:
    file = AttemptsFile(path, 100_000)
    file.append([attempt(1)])
    file.close()
    with path.open("ab") as torn:
        torn.write(codec.encode(attempt(2))[:40])
    again = AttemptsFile(path, 100_000)
    again.append([attempt(3)])
    assert numbers(again) == [1, 3]


def test_two_processes_have_two_files(path: Path) -> None:
    first, second = AttemptsFile(path, 100_000), AttemptsFile(path, 100_000)
    assert first.path != second.path
    first.append([attempt(1)])
    second.append([attempt(2)])
    assert (numbers(first), numbers(second)) == ([1], [2])


def test_what_a_dead_process_left_is_taken_over(path: Path) -> None:
    first, second = AttemptsFile(path, 100_000), AttemptsFile(path, 100_000)
    first.append([attempt(1)])
    second.append([attempt(2)])
    second.close()
    first.close()
    alone = AttemptsFile(path, 100_000)
    assert numbers(alone) == [1, 2]
    assert list(path.parent.iterdir()) == [path]
