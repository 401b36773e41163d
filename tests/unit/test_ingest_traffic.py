"""The traffic log: a day's file, whole lines, nothing that stops mail, gone when its time is over."""

import asyncio
import json
import multiprocessing
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.mail import Peer
from contracts.values import from_instant
from services.ingest import traffic, traffic_file
from services.ingest.traffic import Traffic
from services.ingest.traffic_file import CutError, Line
from services.runtime.clock import Stamp

PEER = Peer(address="192.0.2.7", helo="mail.client.test", tls="TLSv1.3")
EVENING = "2026-11-20T16:59:59.999999Z"
MIDNIGHT = "2026-11-20T17:00:00.000000Z"
"""In Bangkok."""


class StandingClock:
    """Shows what it is set to."""

    def __init__(self, at: str = EVENING) -> None:
        self.at = at

    def now(self) -> Stamp:
        moment = from_instant(self.at)
        return Stamp(int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000, 1.0, True, "test", 1)


class BrokenClock:
    """Cannot be read."""

    def now(self) -> Stamp:
        raise OSError("no clock")


def line(number: int) -> Line:
    return Line(
        at=EVENING,
        peer="192.0.2.7",
        helo="h",
        tls="",
        stage="rcpt",
        sender=f"a{number}@client.test",
        recipients=("x@demo.test",),
        reply="550 5.1.1 No such mailbox here",
    )


def lines(path: Path) -> list[Line]:
    return list(traffic_file.read(path))


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("saraban_ingest_traffic_lines_total", {"outcome": outcome}) or 0.0


@contextmanager
def room_for(octets: int) -> Iterator[None]:
    """A disk on which no file can grow beyond so many octets: a write is cut there, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_line_says_who_asked_what_and_what_was_answered(tmp_path: Path) -> None:
    log = Traffic(tmp_path / "traffic", 90, StandingClock())
    log.note(
        PEER, "ก@client.test", ["x@demo.test", "y@demo.test"], "data", "250 2.6.0 Kept", 17, ["m" * 52], "<1@c.test>"
    )
    await log.settle()
    (path,) = (tmp_path / "traffic").iterdir()
    assert path.name == "traffic-2026-11-20.jsonl"
    assert json.loads(path.read_text()) == {
        "at": EVENING,
        "peer": "192.0.2.7",
        "helo": "mail.client.test",
        "tls": "TLSv1.3",
        "stage": "data",
        "sender": "ก@client.test",
        "recipients": ["x@demo.test", "y@demo.test"],
        "reply": "250 2.6.0 Kept",
        "size": 17,
        "mails": ["m" * 52],
        "message_id": "<1@c.test>",
    }


async def test_only_its_owner_may_look(tmp_path: Path) -> None:
    log = Traffic(tmp_path / "traffic", 90, StandingClock())
    log.note(PEER, "", (), "mail", "552 5.3.4 x")
    await log.settle()
    assert stat.S_IMODE((tmp_path / "traffic").stat().st_mode) == 0o700
    assert stat.S_IMODE(next((tmp_path / "traffic").iterdir()).stat().st_mode) == 0o600


async def test_a_day_ends_at_midnight_in_thailand(tmp_path: Path) -> None:
    clock = StandingClock(EVENING)
    log = Traffic(tmp_path, 90, clock)
    log.note(PEER, "one@client.test", (), "mail", "552")
    clock.at = MIDNIGHT
    log.note(PEER, "two@client.test", (), "mail", "552")
    await log.settle()
    found = {path.name: [each.sender for each in lines(path)] for path, _ in traffic_file.files(tmp_path)}
    assert found == {"traffic-2026-11-20.jsonl": ["one@client.test"], "traffic-2026-11-21.jsonl": ["two@client.test"]}


async def test_run_writes_without_being_asked_and_stops_in_order(tmp_path: Path) -> None:
    log = Traffic(tmp_path, 90, StandingClock())
    running = asyncio.create_task(log.run())
    log.note(PEER, "a@client.test", (), "mail", "552")
    async with asyncio.timeout(20):
        while not traffic_file.files(tmp_path):  # noqa: ASYNC110 - written by another thread
            await asyncio.sleep(0.01)
    log.note(PEER, "b@client.test", (), "mail", "552")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await log.settle()
    ((path, _),) = traffic_file.files(tmp_path)
    assert [each.sender for each in lines(path)] == ["a@client.test", "b@client.test"]


async def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    log = Traffic(None, 90, StandingClock())
    before = counted("written"), counted("dropped")
    log.note(PEER, "", (), "mail", "552")
    running = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    running.cancel()
    await log.settle()
    assert (counted("written"), counted("dropped")) == before


def test_a_line_that_a_crash_cut_stays_alone(tmp_path: Path) -> None:
    day = date(2026, 11, 20)
    traffic_file.append(tmp_path, day, [line(1), line(2)])
    path = traffic_file.path_of(tmp_path, day)
    path.write_bytes(path.read_bytes()[:-30])
    assert [each.sender for each in lines(path)] == ["a1@client.test"]
    traffic_file.append(tmp_path, day, [line(3)])
    assert [each.sender for each in lines(path)] == ["a1@client.test", "a3@client.test"]


def test_octets_that_are_no_text_cost_no_line(tmp_path: Path) -> None:
    odd = Line(
        at=EVENING, peer="p", helo="\udcff", tls="", stage="rcpt", sender="", recipients=("\udce0",), reply="550 \udcff"
    )
    traffic_file.append(tmp_path, date(2026, 11, 20), [odd, line(1)])
    first, second = lines(traffic_file.path_of(tmp_path, date(2026, 11, 20)))
    assert (first.helo, first.recipients, first.reply) == ("?", ("?",), "550 ?")
    assert second == line(1)


def _append(folder: Path, process: int) -> None:
    for batch in range(60):
        numbers = range(batch * 5, batch * 5 + 5)
        traffic_file.append(folder, date(2026, 11, 20), [line(process * 1_000 + number) for number in numbers])


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(tmp_path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    path = traffic_file.path_of(tmp_path, date(2026, 11, 20))
    found = lines(path)
    assert len(found) == path.read_bytes().count(b"\n") == 4 * 300
    for number in range(4):  # each one's in its own order
        mine = [
            each.sender for each in found if 1_000 * number <= int(each.sender[1:].split("@")[0]) < 1_000 * (number + 1)
        ]
        assert mine == [f"a{number * 1_000 + each}@client.test" for each in range(300)]


def test_a_full_disk_says_how_much_it_took(tmp_path: Path) -> None:
    size = len(traffic_file._encoded(line(1))) + 1
    with room_for(2 * size + 10), pytest.raises(CutError) as cut:
        traffic_file.append(tmp_path, date(2026, 11, 20), [line(1), line(2), line(3)])
    assert cut.value.lines == 2
    with room_for(2 * size + 10), pytest.raises(OSError, match="large"):
        traffic_file.append(tmp_path, date(2026, 11, 20), [line(3)])
    traffic_file.append(tmp_path, date(2026, 11, 20), [line(3)])
    assert lines(traffic_file.path_of(tmp_path, date(2026, 11, 20))) == [line(1), line(2), line(3)]


async def test_a_full_disk_is_said_once_and_what_was_noted_comes_later(tmp_path: Path) -> None:
    log = Traffic(tmp_path, 90, StandingClock())
    before = counted("written")
    for number in range(50):
        log.note(PEER, f"a{number}@client.test", (), "mail", "552")
    with capture_logs() as said:
        with room_for(1_000):
            for _ in range(3):
                await asyncio.to_thread(log._write, tmp_path)
        ((path, _),) = traffic_file.files(tmp_path)
        assert 0 < len(lines(path)) < 50
        assert counted("written") - before == len(lines(path))
        await log.settle()
    assert [each["event"] for each in said] == ["ingest.traffic_not_written", "ingest.traffic_written_again"]
    assert [each.sender for each in lines(path)] == [f"a{number}@client.test" for number in range(50)]
    assert counted("written") - before == 50


async def test_a_folder_that_cannot_be_written_is_counted_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "traffic").write_text("in the way")
    log = Traffic(tmp_path / "traffic", 90, StandingClock())
    running = asyncio.create_task(log.run())
    dropped = counted("dropped")
    log.note(PEER, "", (), "mail", "552")
    log.note(PEER, "", (), "mail", "552")
    await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await log.settle()
    assert counted("dropped") - dropped == 2


async def test_what_waits_has_a_bound(tmp_path: Path) -> None:
    log = Traffic(tmp_path, 90, StandingClock())
    dropped = counted("dropped")
    recipients = [f"x{number}@demo.test" for number in range(999)]
    for _ in range(traffic.HELD // 1_000 + 3):  # a letter counts as one more than its recipients
        log.note(PEER, "a@client.test", recipients, "data", "250", 1)
    assert counted("dropped") - dropped == 3
    await log.settle()
    log.note(PEER, "a@client.test", (), "mail", "552")  # there is room again
    await log.settle()
    assert counted("dropped") - dropped == 3
    ((path, _),) = traffic_file.files(tmp_path)
    assert len(lines(path)) == traffic.HELD // 1_000 + 1


async def test_a_clock_that_breaks_stops_no_mail(tmp_path: Path) -> None:
    log = Traffic(tmp_path, 90, BrokenClock())
    dropped = counted("dropped")
    log.note(PEER, "", (), "mail", "552")
    assert counted("dropped") - dropped == 1


async def test_days_go_when_their_time_is_over(tmp_path: Path) -> None:
    kept = [
        "traffic-2026-11-20.jsonl",
        "traffic-2026-08-22.jsonl",
        "traffic-2026-02-31.jsonl",
        "traffic-2020-01-01.jsonl.gz",
    ]
    kept += ["xtraffic-2020-01-01.jsonl", "traffic-๒๐๒๐-01-01.jsonl", "notes.txt"]
    gone = ["traffic-2026-08-21.jsonl", "traffic-2020-01-01.jsonl"]
    for name in [*kept, *gone]:
        (tmp_path / name).write_text("x\n")
    log = Traffic(tmp_path, 90, StandingClock())
    running = asyncio.create_task(log.run())
    async with asyncio.timeout(20):
        while any((tmp_path / name).exists() for name in gone):  # noqa: ASYNC110 - removed by another thread
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_what_is_asked_for_is_found_also_where_json_escapes_it(tmp_path: Path) -> None:
    odd = Line(
        at=EVENING, peer="p", helo="", tls="", stage="data", sender="", recipients=(), reply="", message_id='<"ก\\a"@x>'
    )
    traffic_file.append(tmp_path, date(2026, 11, 20), [line(1), odd])
    path = traffic_file.path_of(tmp_path, date(2026, 11, 20))
    assert list(traffic_file.read(path, '<"ก\\a"@x>')) == [odd]
    assert list(traffic_file.read(path, "elsewhere")) == []
