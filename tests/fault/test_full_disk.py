"""A full disk: letters are told 452 and come again, nothing that was answered 250 is lost, and it ends by itself."""

import os
import smtplib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.notices import SenderReceipted
from contracts.register import LetterEntered
from tests.world import World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is a mount, which takes root"),
]

MEGABYTES = 400


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A system whose state lies on a small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", disk], check=True)
    world = World(disk)
    world.log = tmp_path / "up.log"  # what happens on a full disk should be read
    try:
        await world.start()
        yield world
    finally:
        await world.stop()
        subprocess.run(["umount", "-l", disk], check=True)


def letter(number: int, size: int = 100_000) -> bytes:
    line = b"x" * 76 + b"\r\n"
    return f"From: <a@b.localhost>\r\nMessage-ID: <{number}@b.localhost>\r\n\r\n".encode() + line * (size // len(line))


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1_048_576))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return filler


async def replies(world: World, numbers: range) -> list[int]:
    """What each letter was answered."""
    found = []
    for number in numbers:
        try:
            await world.send(letter(number), sender="a@b.localhost")
            found.append(250)
        except smtplib.SMTPRecipientsRefused as refused:
            found.extend(code for code, _ in refused.recipients.values())
        except smtplib.SMTPDataError as refused:
            found.append(refused.smtp_code)
    return found


async def test_a_full_disk_defers_and_recovers_by_itself(world: World) -> None:
    assert await replies(world, range(3)) == [250, 250, 250]
    await world.events(SenderReceipted, 3)

    filler = fill(world.folder)
    kept = 3
    while (codes := await replies(world, range(kept, kept + 1))) == [250]:
        kept += 1
        assert kept < 40, "four megabytes went onto a full disk"
    assert codes == [452]
    assert await replies(world, range(kept, kept + 2)) == [452, 452]
    assert world.page("/readyz")[0] == 503

    filler.unlink()
    await world.ready()
    assert await replies(world, range(kept, kept + 3)) == [250, 250, 250]
    rows = await world.events(LetterEntered, kept + 3)
    assert [row.number for row in rows] == list(range(1, kept + 4))
    await world.events(SenderReceipted, kept + 3)
    assert world.run("audit").returncode == 0
