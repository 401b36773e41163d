"""What officers decide, carried out on a real nats-server: each order, each refusal, each once; then the audit."""

import asyncio
from typing import Any

import pytest

from contracts.chain import first_link
from contracts.event import Position, Reached
from contracts.orders import (
    BookOpenOrdered,
    CorrectOrdered,
    EnterOrdered,
    MoveOrdered,
    NoteOrdered,
    Order,
    VoidOrdered,
)
from contracts.register import (
    BookOpened,
    EntryCorrected,
    EntryMoved,
    EntryNoted,
    EntryVoided,
    LetterEntered,
)
from contracts.values import from_instant
from services.audit.audit import audit
from services.register.memory import Memory
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from tests.books import Books, agency, put, read, received, store, until, worker
from tests.conftest import THIS_YEAR
from tests.copies import arrive, letter
from tests.orders import CAME_AT, GIVEN_AT, give, given, record_of, refusals, rows, until_reached
from tests.servers import NatsServer


async def carried_out(bus: Bus, server: NatsServer, *orders: Order, letters: int = 3) -> Books:
    """Letters in the books `received`, then the orders, carried out by a worker; and the audit has nothing to say."""
    for n in range(letters):
        await arrive(bus, *letter(n + 1))
    async with worker(server.settings()):
        await until(bus, letters)
        await give(bus, *orders)
        await until_reached(bus, (await bus.js.stream_info("ORDERS")).state.last_seq)
        found = await read(bus)
    assert found.problems() == []
    await assert_audited(bus)
    return found


async def assert_audited(bus: Bus) -> None:
    own = await Bus.connect(bus.settings, "audit")
    try:
        report = await audit(own)
    finally:
        await own.close()
    assert [str(problem) for problem in report.problems] == []


async def test_a_paper_letter_has_its_row_in_the_same_book(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency(number_format="ร/{year_th}/{number_th}"))
    late = f"{THIS_YEAR - 543}-06-17T16:30:00+07:00"
    found = await carried_out(
        bus, nats_server,
        given(EnterOrdered, letter_number="นร ๑/๒", letter_date="1 มิ.ย. 69", addressee="ผู้อำนวยการ"),
        given(EnterOrdered, channel="ecms", came_at=late, series="general"),
        letters=2,
    )  # fmt: skip
    paper = found.entered()[2]
    assert (paper.number, paper.channel, paper.mail, paper.position, paper.sha256, paper.size, paper.bound_ms) == (
        3, "paper", None, None, None, None, None,
    )  # fmt: skip
    assert (paper.order, paper.remarks, paper.moved_from) == (Position(stream="ORDERS", sequence=1), (), None)
    assert (paper.received_at, paper.deemed_at) == (f"{THIS_YEAR - 543}-06-17T03:00:00.000000Z", CAME_AT)
    assert paper.number_text.endswith("/๓")
    record = record_of(found, paper.record)
    assert (record.sender, record.subject, record.letter_number, record.letter_date, record.addressee) == (
        "กรมตัวอย่าง", "ขอความอนุเคราะห์", "นร ๑/๒", "1 มิ.ย. 69", "ผู้อำนวยการ",
    )  # fmt: skip
    (ecms,) = found.entered(series="general")
    assert (ecms.number, ecms.channel, ecms.deemed_at[11:]) == (1, "ecms", "08:30:00+07:00")
    assert ecms.deemed_at[:10] == f"{THIS_YEAR - 543}-06-18"


async def test_void_correct_and_note_leave_the_number_where_it_is(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    found = await carried_out(
        bus, nats_server,
        given(VoidOrdered, number=2),
        given(CorrectOrdered, subject="เรื่องที่ถูกต้อง", letter_number="ที่ ๗"),
        given(CorrectOrdered, addressee="รองผู้อำนวยการ"),
        given(NoteOrdered, number=2),
        given(NoteOrdered, number=3),
    )  # fmt: skip
    assert [row.number for row in found.entered()] == [1, 2, 3]
    (void,) = rows(found, EntryVoided)
    assert (void.number, void.last, void.order.sequence) == (2, 3, 1)
    first, second = (record_of(found, row.record) for row in rows(found, EntryCorrected))
    original = record_of(found, found.entered()[0].record)
    assert (first.subject, first.letter_number, first.addressee) == ("เรื่องที่ถูกต้อง", "ที่ ๗", None)
    assert (first.sender, first.author, first.message_id) == (original.sender, original.author, original.message_id)
    assert (second.subject, second.addressee) == ("เรื่องที่ถูกต้อง", "รองผู้อำนวยการ"), "over what held before"
    assert len({original.salt, first.salt, second.salt}) == 3
    assert [row.number for row in rows(found, EntryNoted)] == [2, 3]


async def test_a_moved_letter_goes_on_in_the_other_book(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency(first={f"general/{THIS_YEAR}": 51}))
    found = await carried_out(
        bus, nats_server,
        given(MoveOrdered, number=2),
        given(MoveOrdered, series="general", number=51, to_series="received"),
        given(CorrectOrdered, number=4, subject="ย้ายแล้ว"),
        given(EnterOrdered),
    )  # fmt: skip
    old = found.entered()[1]
    (there,) = found.entered(series="general")
    back = found.entered()[3]
    (moved,) = rows(found, EntryMoved)
    assert (moved.number, moved.to_series, moved.to_year, moved.to_number) == (2, "general", THIS_YEAR, 51)
    (opened,) = rows(found, BookOpened, "general")
    assert (opened.first, opened.order) == (51, None)
    same = ("mail", "sha256", "size", "received_at", "bound_ms", "within_bound", "deemed_at", "calendar", "rules",
            "position", "channel", "remarks")  # fmt: skip
    for row in (there, back):
        assert [getattr(row, name) for name in same] == [getattr(old, name) for name in same]
    assert (there.moved_from, there.order) == (old.number_text, Position(stream="ORDERS", sequence=1))
    assert (back.number, back.moved_from) == (4, there.number_text)
    assert record_of(found, there.record).number == 51
    assert record_of(found, rows(found, EntryCorrected)[0].record).subject == "ย้ายแล้ว"
    assert found.guards == 3, "a moved letter keeps the guard it has"
    assert found.entered()[4].channel == "paper"


REFUSED: list[tuple[str, list[tuple[type[Order], dict[str, Any]]]]] = [
    ("there is no entry 4", [(VoidOrdered, {"number": 4})]),
    ("there is no entry 4", [(NoteOrdered, {"number": 4})]),
    ("there is no entry 4", [(CorrectOrdered, {"number": 4, "subject": "x"})]),
    ("there is no entry 1", [(MoveOrdered, {"series": "general", "to_series": "received"})]),
    ("is void already", [(VoidOrdered, {}), (VoidOrdered, {})]),
    ("is void already", [(VoidOrdered, {}), (MoveOrdered, {})]),
    ("was moved to general", [(MoveOrdered, {}), (MoveOrdered, {})]),
    ("was moved to general", [(MoveOrdered, {}), (VoidOrdered, {})]),
    ("correct the entry there", [(MoveOrdered, {}), (CorrectOrdered, {"subject": "x"})]),
    ("is in the series received already", [(MoveOrdered, {"to_series": "received"})]),
    ("nothing to be corrected", [(CorrectOrdered, {})]),
    ("belongs to the classified series", [(CorrectOrdered, {"subject": "x", "enveloped": "QUJD"})]),
    ("came_at", [(EnterOrdered, {"came_at": f"{THIS_YEAR - 543}-02-30T10:00:00+07:00"})]),
    ("lies behind the order", [(EnterOrdered, {"came_at": f"{THIS_YEAR - 542}-06-17T10:00:00+07:00"})]),
    ("there is no book of 2443", [(EnterOrdered, {"came_at": "1900-06-18T10:00:00+07:00"})]),
    ("larger than", [(EnterOrdered, {"subject": "ก" * 100_000})]),
    ("has entries already", [(BookOpenOrdered, {})]),
]


async def test_what_cannot_be_carried_out(nats_server: NatsServer, bus: Bus) -> None:
    """The last order to each agency is refused with its reason, and its letters go on."""
    names = [f"a{n}" for n in range(len(REFUSED))]
    orders = [
        [given(kind, name, **said) for kind, said in about] for name, (_, about) in zip(names, REFUSED, strict=True)
    ]
    await put(bus, *(agency(name) for name in names))
    async with worker(nats_server.settings()):
        await store(bus, [received(name) for name in names for _ in range(3)])
        await until(bus, 3 * len(names))
        await give(bus, *(order for about in orders for order in about))
        await until_reached(bus, sum(map(len, orders)))
        before = await read(bus)
        await store(bus, [received(name) for name in names])
        found = await until(bus, sum(map(len, before.rows.values())) + len(names))
    assert found.problems() == []
    dead = {one.agency: one for one in await refusals(bus)}
    for name, about, (reason, _) in zip(names, orders, REFUSED, strict=True):
        assert reason in dead[name].reason
        assert dead[name].subject == about[-1].nats_subject
        assert [row.number for row in found.entered(name)] == [1, 2, 3, 4]
    assert len(await refusals(bus)) == len(names)


async def test_an_order_given_twice_is_carried_out_once(nats_server: NatsServer, bus: Bus) -> None:
    """At once, after others, and by a worker that did not see the first."""
    await put(bus, agency())
    enter, note, void = given(EnterOrdered), given(NoteOrdered), given(VoidOrdered)
    found = await carried_out(bus, nats_server, enter, enter, note, void, note, void, given(NoteOrdered, number=2))
    async with worker(nats_server.settings()):
        await give(bus, enter, void, note, given(NoteOrdered, number=3))
        await until_reached(bus, 11)
        found = await read(bus)
    assert [row.number for row in found.entered()] == [1, 2, 3, 4]
    assert len(rows(found, EntryVoided)) == 1
    assert [row.number for row in rows(found, EntryNoted)] == [1, 2, 3]
    assert await refusals(bus) == []


async def test_what_was_erased_is_neither_corrected_nor_moved_along(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await store(bus, [received()])
        await until(bus, 1)
        await bus.api("STREAM.MSG.DELETE.REGISTER", {"seq": 2})
        await give(bus, given(CorrectOrdered, subject="x"), given(MoveOrdered))
        await until_reached(bus, 2)
        found = await read(bus)
    assert [("was erased" in one.reason) for one in await refusals(bus)] == [True]
    (row,) = found.entered(series="general")
    record = record_of(found, row.record)
    assert (record.sender, record.subject, record.message_id, record.mail) == (None, None, None, row.mail)


async def test_many_orders_about_old_entries_by_a_new_worker(nats_server: NatsServer, bus: Bus) -> None:
    """What others did is found behind each row, in any order of asking, and is kept up to date."""
    await put(bus, agency())
    await store(bus, [received() for _ in range(40)])
    async with worker(nats_server.settings()):
        await until(bus, 40)
        await give(
            bus, *(given(VoidOrdered, number=n) for n in (3, 30, 17)), given(CorrectOrdered, number=5, subject="ก")
        )
        await until_reached(bus, 4)
    async with worker(nats_server.settings()):
        await give(
            bus,
            given(VoidOrdered, number=30),
            given(VoidOrdered, number=3),
            given(CorrectOrdered, number=5, addressee="ข"),
            given(VoidOrdered, number=31),
            given(VoidOrdered, number=31),
            given(VoidOrdered, number=17),
            given(NoteOrdered, number=40),
        )
        await until_reached(bus, 11)
        found = await read(bus)
    assert [one.source.sequence for one in await refusals(bus)] == [5, 6, 9, 10]
    assert [row.number for row in rows(found, EntryVoided)] == [3, 30, 17, 31]
    record = record_of(found, rows(found, EntryCorrected)[1].record)
    assert (record.subject, record.addressee) == ("ก", "ข")
    assert found.problems() == []


async def test_an_order_in_a_damaged_book_stops_nothing(nats_server: NatsServer, bus: Bus) -> None:
    """A book that ends in a message that is no row stays as it is until a person has looked."""
    await put(bus, agency(), agency("two"))
    await commit(bus.nc, [Outgoing(f"register.v1.entered.two.received.{THIS_YEAR}", b"{}", {})], 10)
    await bus.publish(
        BookOpened(
            agency="demo", series="general", year=THIS_YEAR, reached=Reached(), first=1, number_format="{number}",
            previous=first_link(f"register.v1.entered.demo.general.{THIS_YEAR}"), opened_at=GIVEN_AT,
        )
    )  # fmt: skip
    async with worker(nats_server.settings()):
        await give(bus, given(VoidOrdered, "two"), given(MoveOrdered, "two"), given(NoteOrdered))
        await until_reached(bus, 3)
        await store(bus, [received()])
        await until_row(bus, 1)
    reasons = [one.reason for one in await refusals(bus)]
    assert ["cannot be read" in reason for reason in reasons] == [True, True, False]


async def until_row(bus: Bus, number: int) -> None:
    """Wait for a row of the book of `demo`."""
    async with asyncio.timeout(20):
        while (await Memory(bus).end(f"register.v1.entered.demo.received.{THIS_YEAR}")).number < number:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("basis", "years"), [("deemed", [0, 1, 1]), ("entered", [0, 0, 1])])
async def test_the_turn_of_the_year_on_paper(nats_server: NatsServer, bus: Bus, basis: str, years: list[int]) -> None:
    """The last working day ends at 16:30 on 30 December 2569; the year itself at 17:00 UTC on the 31st."""
    await put(bus, agency(year_basis=basis))
    late = "2027-01-04T03:00:00.000000Z"
    times = ("2026-12-30T16:29:59+07:00", "2026-12-30T16:30:00+07:00", "2027-01-01T00:00:00+07:00")
    async with worker(nats_server.settings()):
        for came_at in times:
            await store(bus, [received(received_at=f"{came_at[:10]}T00:00:00.000000Z")])
            await give(bus, given(EnterOrdered, came_at=came_at, given_at=late))
        await until_reached(bus, 3)
        found = await until(bus, 6)
    assert found.problems() == []
    for came_at, year in zip(times, years, strict=True):
        (row,) = [
            row.event for row in found.rows[f"register.v1.entered.demo.received.{2569 + year}"]
            if isinstance(row.event, LetterEntered) and row.event.order and same(row.event.received_at, came_at)
        ]  # fmt: skip
        assert row.deemed_at == (came_at if came_at == times[0] else "2027-01-04T08:30:00+07:00")


def same(utc: str, local: str) -> bool:
    return from_instant(utc) == from_instant(local)
