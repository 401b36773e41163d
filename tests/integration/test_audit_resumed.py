"""The audit goes on from its last proven head, and notices where that is not there any more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.audit import audit as auditing
from services.audit import reading, walk
from services.audit.audit import audit, silent
from services.audit.proven import Keep
from services.audit.report import Report
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import read, until, worker
from tests.conftest import THIS_YEAR
from tests.copies import BOOK, Copy, arrive, copied, letter
from tests.servers import NatsServer

OTHERS = 7
"""Messages of the other book, openings and notices of the good copy."""


class Stopped(Exception):  # noqa: N818 - what happened
    """Stands for a kill in the middle."""


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    folder = tmp_path / "audit"
    folder.mkdir()
    return Keep(folder)


@asynccontextmanager
async def system(tmp_path: Path, good: Copy) -> AsyncIterator[tuple[NatsServer, Bus, Bus]]:
    """A copy of the good system, a connection that may do everything, and the audit's own."""
    async with copied(tmp_path, good, lambda copy: None) as (server, bus):
        own = await Bus.connect(server.settings(), "audit")
        yield server, bus, own
        await own.close()


def words(report: Report) -> list[str]:
    return [f"{problem.code}: {problem}" for problem in report.problems]


async def more(server: NatsServer, bus: Bus, first: int, count: int = 3) -> None:
    """New letters, with their rows."""
    before = len((await read(bus)).entered())
    async with worker(server.settings()):
        for n in range(first, first + count):
            await arrive(bus, *letter(n))
        await until(bus, before + count + OTHERS)


async def test_what_is_proven_is_not_read_again(
    good: Copy, tmp_path: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {}
    batches = reading.batches

    def noted(bus: Bus, stream: str, *args: object, after: int = 0, **options: object) -> object:
        asked[stream] = after
        return batches(bus, stream, *args, after=after, **options)  # type: ignore[arg-type]  # handed on as they came

    async with system(tmp_path, good) as (server, bus, own):
        whole = await audit(own, keep=keep)
        assert (words(whole), whole.resumed) == ([], None)
        proven = keep.load()
        assert proven is not None
        await more(server, bus, 30)
        monkeypatch.setattr(walk, "batches", noted)
        report = await audit(own, keep=keep, from_start=False)
    assert (words(report), report.resumed) == ([], proven.proven_at)
    assert asked["REGISTER"] == proven.register == len(good.streams["REGISTER"])
    assert (report.counts.rows, report.counts.letters) == (whole.counts.rows + 3, whole.counts.letters + 3)
    assert report.counts.waiting_receipts == 3


async def test_what_waits_is_counted_once(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (_, bus, own):
        await arrive(bus, *letter(30))
        await audit(own, keep=keep)
        reports = [await audit(own, keep=keep, from_start=False) for _ in range(2)]
    assert [words(report) for report in reports] == [[], []]
    assert [(report.counts.letters, report.counts.waiting_letters) for report in reports] == [(16, 1)] * 2


async def test_a_broken_promise_is_never_proven(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (server, bus, own):
        await audit(own, keep=keep)
        proven = keep.load()
        await more(server, bus, 30)
        rows = (await bus.js.stream_info("REGISTER", subjects_filter=BOOK)).state.last_seq
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": rows - 5})
        found = [words(await audit(own, keep=keep, from_start=False)) for _ in range(2)]
    assert found[0] == found[1]
    assert [line.partition(":")[0] for line in found[0]].count("link") == 1
    assert keep.load() == proven


async def test_it_goes_on_where_it_was_killed(
    good: Copy, tmp_path: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any batch: what was put down goes together with what comes behind it."""
    monkeypatch.setattr(auditing, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(reading, "BATCH", 4)
    monkeypatch.setattr(walk, "SAID_EVERY", 1)
    async with system(tmp_path, good) as (_, _, own):
        whole = await audit(own)
        for at in range(3, len(good.streams["REGISTER"]), 7):

            def stop(part: str, done: int, total: int, at: int = at) -> None:
                if part == "REGISTER" and done == at:
                    raise Stopped

            keep.drop()
            with pytest.raises(Stopped):
                await audit(own, None, stop, keep=keep)
            proven = keep.load()
            assert (proven.register if proven else 0) < at
            report = await audit(own, None, silent, keep=keep, from_start=False)
            assert (words(report), report.resumed is None) == ([], proven is None)
            assert report.counts == whole.counts


async def test_a_proven_row_that_was_deleted_is_missed_at_once(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (_, bus, own):
        await audit(own, keep=keep)
        length = sum(kept is not None and kept.subject == BOOK for kept in good.streams["REGISTER"])
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": good.row(103)})
        report = await audit(own, keep=keep, from_start=False)
        assert words(report) == [
            f"store: demo received {THIS_YEAR}: has {length - 1} messages, and {length} were proven"
        ]
        assert not (await audit(own, keep=keep)).holds
    assert keep.load() is None, "the audit from the start has found it broken: nothing is proven any more"


async def test_a_book_that_ends_otherwise_than_proven(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (_, _, own):
        await audit(own, keep=keep)
        proven = keep.load()
        assert proven is not None
        book = next(book for book in proven.books if book.subject == BOOK)
        book.link = "0" * 64
        keep.save(proven)
        report = await audit(own, keep=keep, from_start=False)
    assert words(report) == [
        f"store: demo received {THIS_YEAR} (REGISTER:{book.sequence}): "
        "is not the message that was proven there: the book was changed or exchanged"
    ]


async def test_another_store_is_told_from_the_proven_one(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path / "one", good) as (_, _, own):
        await audit(own, keep=keep)
    server = NatsServer(tmp_path / "two")
    server.start()
    try:
        await provision(server.settings(), THIS_YEAR)
        own = await Bus.connect(server.settings(), "audit")
        report = await audit(own, keep=keep, from_start=False)
        await own.close()
    finally:
        server.kill()
    found = words(report)
    assert {line.partition(":")[0] for line in found} == {"store"}
    assert any(line.startswith("store: REGISTER: was created at") for line in found)
    assert any(line.startswith("store: REGISTER: ends at 0, and messages up to") for line in found)


async def test_a_file_that_is_damaged_proves_nothing(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (_, _, own):
        await audit(own, keep=keep)
        file = keep.folder / "proven"
        octets = bytearray(file.read_bytes())
        octets[-1] ^= 1
        file.write_bytes(octets)
        report = await audit(own, keep=keep, from_start=False)
    assert (report.holds, report.resumed) == (True, None)


async def test_headers_alone_are_not_taken_for_octets(good: Copy, tmp_path: Path, keep: Keep) -> None:
    async with system(tmp_path, good) as (_, _, own):
        headers = await audit(own, octets=False, keep=keep)
        assert (words(headers), headers.counts.octets, headers.counts.receipts) == ([], 0, 13)
        report = await audit(own, keep=keep, from_start=False)
        assert (words(report), report.resumed) == ([], None)
        again = await audit(own, octets=False, keep=keep, from_start=False)
    assert again.resumed is not None


def test_one_at_a_time(keep: Keep) -> None:
    with keep.held() as ours:
        assert ours
        with Keep(keep.folder).held() as theirs:
            assert not theirs
