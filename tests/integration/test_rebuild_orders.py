"""An older REGISTER brought back, and what officers decided since is lost: proven again, or refused with a sentence."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import codec
from contracts.event import Event
from contracts.findings import LetterExamined, ReceiptSealed
from contracts.orders import BookOpenOrdered, CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, VoidOrdered
from contracts.register import BookRow, EntryCorrected, EntryNoted, LetterEntered, LetterRecorded
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import until, worker
from tests.checkpoints import until_signed
from tests.conftest import THIS_YEAR
from tests.copies import BOOK, STREAMS, Copy, Kept, copied, kinds, said, settle, write
from tests.copies import read as stream
from tests.orders import given, until_reached
from tests.rebuilding import original, rebuilt, rows, says
from tests.servers import NatsServer
from tests.signing import letter, mail, prepare, sealed, sign, store
from tests.waiting import until_it

GENERAL = BOOK.replace("received", "general")
LETTERS = 6


async def build(server: NatsServer, folder: Path) -> Copy:
    """Letters, and between and behind them every kind of order, through the real register and the real sign."""
    await provision(server.settings(), THIS_YEAR)
    bus = await Bus.connect(server.settings(), "test")
    await prepare(bus)
    written = 0

    async def then(event: Event | int, more: int = 1) -> None:
        nonlocal written
        if isinstance(event, int):
            await store(bus, letter(mail(f"ที่ นร ๑๒๐๐/{event}")))
        else:
            await bus.publish(event)
        written += more
        await until(bus, written)

    async with worker(server.settings()), sign(server, folder, checkpoint_seconds=0.5):
        await then(given(BookOpenOrdered, series="general", first=51))
        await then(1)
        await then(2)
        await then(given(EnterOrdered))
        await then(4)
        await then(given(CorrectOrdered, number=4, subject="เรื่องที่แก้แล้ว"))
        await then(given(MoveOrdered, number=2), more=2)
        await then(5)
        await then(given(NoteOrdered, number=4))
        await then(given(VoidOrdered))
        await bus.publish(given(VoidOrdered, number=77))
        await then(6)
        await then(7)
        await then(given(NoteOrdered, number=5))
        await then(given(VoidOrdered, number=6))
        await bus.publish(given(VoidOrdered, number=6))
        await until_reached(bus, (await bus.js.stream_info("ORDERS")).state.last_seq)
        await until_signed(bus, 13)
        await until_signed(bus, 2, "general")
        await sealed(bus, LETTERS)
    streams = {name: await stream(bus, name) for name in STREAMS}
    await bus.close()
    return Copy(streams)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    server = NatsServer(tmp_path_factory.mktemp("ordered"))
    server.start()
    try:
        return asyncio.run(build(server, tmp_path_factory.mktemp("sign")))
    finally:
        server.kill()


def written(state: Copy) -> list[tuple[int, BookRow]]:
    """The rows of all books that begin an atomic write."""
    found: list[tuple[int, BookRow]] = []
    for sequence, row in kinds(state, BookRow):
        if not (isinstance(row, LetterEntered) and row.moved_from is not None):
            found.append((sequence, row))
    return found


def again(row: BookRow) -> bool:
    """Whether a row can be made again to the octet: its receipt holds it, or nothing in it is random."""
    return not isinstance(row, EntryCorrected) and not (isinstance(row, LetterEntered) and row.order is not None)


def heads(state: Copy) -> int:
    return len({kept.body for kept in state.streams["FINDINGS"] if kept is not None and ".checkpoint." in kept.subject})


def without_last_refusal(state: Copy) -> None:
    """Only the signed heads say then that there were orders behind the last letter."""
    for name in ("ORDERS", "DEAD"):
        state.streams[name].pop()


async def replaced(server: NatsServer, bus: Bus, state: Copy, last: int) -> None:
    """REGISTER as it was at this sequence; everything else stays."""
    await bus.api("STREAM.DELETE.REGISTER")
    await provision(server.settings(), THIS_YEAR)
    await write(bus, "REGISTER", state.streams["REGISTER"][:last])


async def test_every_older_copy_is_proven_again_or_refused(state: Copy, tmp_path: Path) -> None:
    """Before each write there was. What orders wrote with a salt is made up nowhere: a head was signed behind it."""
    whole = len(state.streams["REGISTER"])
    proven = refused = 0
    async with copied(tmp_path, state, without_last_refusal) as (server, bus):
        found = await rebuilt(bus, apply=False)
        assert (found.problems, found.additions, found.heads) == ([], [], heads(state))
        for sequence, _ in written(state):
            await replaced(server, bus, state, sequence - 1)
            lost = [row for place, row in kinds(state, BookRow) if place >= sequence]
            found = await rebuilt(bus, apply=True)
            last = (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"]
            if all(again(row) for row in lost):
                assert (found.problems, last) == ([], whole), sequence
                assert [await rows(bus, book) for book in (BOOK, GENERAL)] == [
                    original(state, book) for book in (BOOK, GENERAL)
                ]
                assert found.heads == heads(state)
                proven += 1
            else:
                assert last == sequence - 1, "nothing is written"
                assert any("nothing holds" in one or "held by nothing" in one for one in found.problems), found.problems
                refused += 1
        assert (proven, refused) == (7, 7)


async def test_what_came_back_is_audited_and_goes_on(state: Copy, tmp_path: Path) -> None:
    """Two letters and four orders are lost; then the audit has nothing to say, and the next number is the next."""
    cut = next(n for n, _ in kinds(state, EntryNoted)) - 1
    async with copied(tmp_path, state, lambda _: None) as (server, bus):
        before = await said(bus)
        await replaced(server, bus, state, cut)
        found = await rebuilt(bus, apply=True)
        assert (found.problems, found.restored, found.carried_again) == ([], 2, 4)
        await settle(bus)
        assert await said(bus) == before == []
        await store(bus, letter(mail("ที่ นร ๑๒๐๐/8")))
        async with worker(server.settings()):
            books = await until(bus, 16)
    assert [row.number for row in books.entered()] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [one.rpartition(": ")[2] for one in books.problems()] == [
        f"number {number} has no record" for number in (6, 7)
    ], "nobody has their salts"


async def test_behind_a_paper_letter_that_is_lost_nothing_is_numbered(state: Copy, tmp_path: Path) -> None:
    cut = state.row(3) - 1
    async with copied(tmp_path, state, lambda _: None) as (server, bus):
        await replaced(server, bus, state, cut)
        (problem, *_) = (await rebuilt(bus, apply=True)).problems
        assert "does not continue the one before it" in problem
        async with worker(server.settings()) as readiness:
            await until_it(lambda: says(readiness, "an older copy was brought back"))
        assert (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"] == cut


def older(state: Copy, kind: type[BookRow], letters: int) -> Callable[[Copy], None]:
    """REGISTER from before the last row of this kind; nothing was signed of letters behind `letters`, nor any head."""
    *_, (last, _) = kinds(state, kind)

    def cut(copy: Copy) -> None:
        del copy.streams["REGISTER"][last - 1 :]
        copy.streams["FINDINGS"] = [
            one
            for one in copy.streams["FINDINGS"]
            if one and isinstance(event := decoded(one), LetterExamined | ReceiptSealed) and number(event) <= letters
        ]

    return cut


def decoded(kept: Kept) -> Event:
    event: Event = codec.decode(kept.body)
    return event


def number(event: LetterExamined | ReceiptSealed) -> int:
    return event.number if isinstance(event, LetterExamined) else event.receipt.number


async def test_orders_that_the_register_would_pass_over_are_carried_out(state: Copy, tmp_path: Path) -> None:
    """DEAD says that a later one was refused, so none before it is read again; nothing was signed of their rows."""
    async with copied(tmp_path, state, older(state, EntryNoted, 7)) as (_, bus):
        found = await rebuilt(bus, apply=True)
        assert (found.problems, found.restored, found.carried_again) == ([], 0, 2)
        assert await rows(bus, BOOK) == original(state, BOOK)


async def test_an_order_about_a_letter_that_nobody_has_heard_of(state: Copy, tmp_path: Path) -> None:
    """Its letter would be numbered when the register runs, but the order would not be read again: that is said."""

    def cut(copy: Copy) -> None:
        older(state, EntryNoted, 5)(copy)
        del copy.streams["REGISTER"][copy.row(6) - 1 :]

    async with copied(tmp_path, state, cut) as (_, bus):
        before = (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"]
        found = await rebuilt(bus, apply=True)
        assert any("cannot be carried out from what is left (there is no entry 6" in one for one in found.problems)
        assert (await bus.api("STREAM.INFO.REGISTER"))["state"]["last_seq"] == before


async def test_a_refusal_stands_whatever_the_order_would_do_today(state: Copy, tmp_path: Path) -> None:
    """What was erased cannot be corrected; the letter in MAIL says it all, but the register had no record."""
    async with copied(tmp_path, state, lambda _: None) as (server, bus):
        erased = next(n for n, record in kinds(state, LetterRecorded) if record.number == 5)
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": erased})
        await bus.publish(given(CorrectOrdered, number=5, subject="x"))
        async with worker(server.settings()):
            await until_reached(bus, (await bus.js.stream_info("ORDERS")).state.last_seq)
            assert "was erased" in (await read_dead(bus))
            await store(bus, letter(mail("ที่ นร ๑๒๐๐/8")))
            await until(bus, 16)
        found = await rebuilt(bus, apply=False)
        assert (found.problems, found.additions, found.rows) == ([], [], 9)


async def read_dead(bus: Bus) -> str:
    last = (await bus.js.stream_info("DEAD")).state.last_seq
    return ((await bus.js.get_msg("DEAD", last, direct=True)).data or b"").decode()
