"""The audit and what officers decide: each order once, as it says, or refused; moved entries go on as they were."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contracts.event import Event
from contracts.orders import CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, VoidOrdered
from contracts.register import EntryCorrected, EntryMoved, EntryNoted, EntryVoided, LetterEntered
from contracts.values import sha256_hex
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import agency, put, until, worker
from tests.conftest import THIS_YEAR
from tests.copies import STREAMS, Copy, arrive, audited, copied, kinds, letter, read, said, settle
from tests.orders import given
from tests.servers import NatsServer

GENERAL = f"register.v1.entered.demo.general.{THIS_YEAR}"
WHERE = f"demo received {THIS_YEAR}"


async def build(server: NatsServer) -> Copy:
    """Three letters, then one of each order, one that is refused, and one that is given twice."""
    await provision(server.settings(), THIS_YEAR)
    bus = await Bus.connect(server.settings(), "test")
    await put(bus, agency())
    for n in range(1, 4):
        await arrive(bus, *letter(n))
    noted = given(NoteOrdered, number=3)
    async with worker(server.settings()):
        await until(bus, 3)
        for order in (
            given(EnterOrdered), given(VoidOrdered, number=1), given(MoveOrdered, number=2),
            given(CorrectOrdered, number=3, subject="เรื่องที่แก้แล้ว"), given(VoidOrdered, number=77), noted, noted,
        ):  # fmt: skip
            await bus.publish(order)
        await until(bus, 3 + 6)
    await settle(bus)
    streams = {name: await read(bus, name) for name in STREAMS}
    await bus.close()
    return Copy(streams)


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    server = NatsServer(tmp_path_factory.mktemp("ordered"))
    server.start()
    try:
        return asyncio.run(build(server))
    finally:
        server.kill()


def effects(found: list[str]) -> list[str]:
    """The sentences about orders, without those about receipts, which nobody made here."""
    return [line for line in found if not line.startswith("receipt")]


def one(copy: Copy, kind: type) -> int:
    ((sequence, _),) = kinds(copy, kind)
    return sequence


def moved_in(copy: Copy) -> int:
    (sequence,) = [n for n, row in kinds(copy, LetterEntered) if row.moved_from is not None]
    return sequence


def entered(copy: Copy) -> int:
    (sequence,) = [n for n, row in kinds(copy, LetterEntered) if row.channel == "paper"]
    return sequence


async def test_orders_that_were_carried_out_hold(ordered: Copy, tmp_path: Path) -> None:
    async with copied(tmp_path, ordered, lambda copy: None) as (_, bus):
        report = await audited(bus)
    assert effects([f"{problem.code}: {problem}" for problem in report.problems]) == []
    # What was given twice leaves no trace, so that no row says yet that it was reached.
    assert (report.counts.orders, report.counts.waiting_orders, report.counts.rows) == (5, 1, 5)


async def test_an_order_that_nobody_carried_out(ordered: Copy, tmp_path: Path) -> None:
    """The refusal is gone from DEAD; the note is there once, although it was given twice."""
    async with copied(tmp_path, ordered, lambda copy: copy.streams["DEAD"].clear()) as (_, bus):
        assert effects(await said(bus)) == [
            "order_effect: demo void (ORDERS:5): is an order that was neither carried out nor refused"
        ]


async def test_an_effect_that_was_taken_out(ordered: Copy, tmp_path: Path) -> None:
    """By a forger who writes the links anew: the order still says that there was one."""

    def falsify(copy: Copy) -> None:
        copy.remove("REGISTER", one(copy, EntryVoided))
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        assert effects(await said(bus)) == [
            "order_effect: demo void (ORDERS:2): is an order that was neither carried out nor refused"
        ]


EDITS: dict[str, tuple[type[Event], dict[str, Any], str]] = {
    "another entry is voided": (EntryVoided, {"number": 3}, "is not what the order at ORDERS:2 says: number"),
    "an entry is voided by a note": (
        EntryVoided,
        {"order": {"stream": "ORDERS", "sequence": 6}},
        "names the order at ORDERS:6, which is none for it",
    ),
    "voided by what is no order": (
        EntryVoided,
        {"order": {"stream": "ORDERS", "sequence": 99}},
        "names the order at ORDERS:99, and there is none",
    ),
    "moved elsewhere": (EntryMoved, {"to_number": 9}, "is not where the entry was moved to"),
    "moved from another entry": (EntryMoved, {"number": 3}, "is not the letter it goes on from"),
    "noted by an order of the past": (
        EntryNoted,
        {"order": {"stream": "ORDERS", "sequence": 2}},
        "carries out the order at ORDERS:2, which was carried out before",
    ),
    "corrected to another record": (EntryCorrected, {"record": "0" * 64}, "is not the record that its row commits to"),
}


@pytest.mark.parametrize("what", EDITS)
async def test_an_effect_that_was_changed(ordered: Copy, tmp_path: Path, what: str) -> None:
    kind, changes, words = EDITS[what]

    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", one(copy, kind), **changes)
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = effects(await said(bus))
    assert words in "\n".join(found)
    assert not [line for line in found if line.startswith("link")]


MOVED = {
    "sha256": "0" * 64,
    "mail": "a" * 52,
    "received_at": f"{THIS_YEAR - 543}-06-17T03:00:09.000000Z",
    "moved_from": "๙",
}


@pytest.mark.parametrize("name", MOVED)
async def test_a_moved_letter_that_became_another(ordered: Copy, tmp_path: Path, name: str) -> None:
    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", moved_in(copy), **{name: MOVED[name]})
        copy.chained(GENERAL)

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = [line for line in await said(bus) if line.startswith("order_effect")]
    assert len(found) == 1
    assert found[0].endswith(f"is not the letter it goes on from: {name} differ")


async def test_half_of_a_move(ordered: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.remove("REGISTER", one(copy, EntryMoved))
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = [line for line in await said(bus) if line.startswith("order_effect")]
    assert [line.endswith("is half of a move; the other half is not there") for line in found] == [True]


async def test_an_entry_that_ends_twice(ordered: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", one(copy, EntryMoved), number=1)
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = await said(bus)
    assert [line for line in found if line.endswith("was voided or moved before: an entry ends once")]


async def test_a_paper_letter_that_is_not_what_the_officer_wrote(ordered: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", entered(copy), channel="ecms", received_at=f"{THIS_YEAR - 543}-06-17T03:30:00.000000Z")
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = effects(await said(bus))
    assert f"row: {WHERE} no. 4 (REGISTER:{entered(ordered)}): is not what the order at ORDERS:1 says: " in "\n".join(
        found
    )
    assert "channel, came_at" in "\n".join(found)


async def test_a_paper_letter_that_nobody_ordered(ordered: Copy, tmp_path: Path) -> None:
    def falsify(copy: Copy) -> None:
        copy.edit("REGISTER", entered(copy), order=None)
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = effects(await said(bus))
    assert [line.partition(": ")[2].partition(": ")[2] for line in found] == [
        "did not come by mail, and names no order that entered it",
        "is an order that was neither carried out nor refused",
    ]


async def test_records_say_what_the_officer_wrote(ordered: Copy, tmp_path: Path) -> None:
    """Row and record were exchanged together; the order still says another subject."""

    def falsify(copy: Copy) -> None:
        row = entered(copy)
        copy.edit("REGISTER", row + 1, subject="เรื่องอื่น")
        copy.edit("REGISTER", row, record=sha256_hex(copy.at("REGISTER", row + 1).body))
        copy.chained()

    async with copied(tmp_path, ordered, falsify) as (_, bus):
        found = effects(await said(bus))
    assert [line.rpartition("does not say ")[2] for line in found] == ["what its order says: subject"]
