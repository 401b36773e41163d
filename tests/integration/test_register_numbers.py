"""The register on a real nats-server: letters in MAIL become rows, records, guards and notices."""

import asyncio

import msgspec
import pytest

from contracts import codec
from contracts.addresses import token_address
from contracts.dead import MessageGivenUp
from contracts.event import Position
from contracts.mail import HeaderLines, Recipient
from contracts.orders import BookOpenOrdered, NoteOrdered, ReleaseOrdered
from contracts.register import BookOpened
from contracts.values import mail_id
from services.runtime import directory
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests import books
from tests.books import MAIL, agency, put, received, store, stored, until, worker
from tests.conftest import THIS_YEAR
from tests.servers import NatsServer


def opening(first: int, agency_id: str = "demo", year: int = THIS_YEAR) -> BookOpenOrdered:
    return BookOpenOrdered(
        agency=agency_id, id="0" * 32, by="นางสาวผู้สั่ง", reason="ต่อจากทะเบียนเดิม", series="received", year=year,
        given_at=f"{THIS_YEAR - 543}-06-17T02:00:00.000000Z", first=first,
    )  # fmt: skip


async def refusals(bus: Bus) -> list[MessageGivenUp]:
    info = await bus.js.stream_info("DEAD")
    found = [await bus.js.get_msg("DEAD", n, direct=True) for n in range(1, info.state.last_seq + 1)]
    return [codec.decode(message.data or b"", MessageGivenUp) for message in found]


async def until_dead(bus: Bus, count: int) -> list[MessageGivenUp]:
    async with asyncio.timeout(20):
        while (await bus.js.stream_info("DEAD")).state.messages < count:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.02)
    return await refusals(bus)


async def test_letters_of_several_agencies_get_their_numbers_in_order(nats_server: NatsServer, bus: Bus) -> None:
    await put(
        bus, agency(), agency("two", first={f"received/{THIS_YEAR}": 8_432}, number_format="ร/{year_th}/{number_th}")
    )
    events = [received("two" if n % 3 else "demo") for n in range(60)]
    await store(bus, events)
    async with worker(nats_server.settings()):
        found = await until(bus, 61)
        later = [received() for _ in range(5)]
        for event in later:
            await store(bus, [event])
        found = await until(bus, 66)
    assert found.problems() == []
    assert [row.number for row in found.entered()] == list(range(1, 26))
    two = found.entered("two")
    assert [row.number for row in two] == list(range(8_432, 8_472))
    assert two[0].number_text.startswith("ร/๒๕")
    opened = found.rows[two[0].nats_subject][0].event
    assert isinstance(opened, BookOpened)
    assert (opened.first, opened.order) == (8_432, None)
    by_mail = {event.mail: event for event in events + later}
    for row in found.entered() + two:
        assert row.mail is not None
        event = by_mail[row.mail]
        assert (row.sha256, row.size, row.received_at) == (event.sha256, event.size, event.received_at)
    assert found.guards == 65


async def test_guards_expire_and_rows_do_not(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received()])
    async with worker(nats_server.settings()):
        await until(bus, 1)
    ttl = {}
    for sequence in range(1, 4):
        message = await bus.js.get_msg("REGISTER", sequence)
        ttl[(message.subject or "").split(".")[2]] = (message.headers or {}).get("Nats-TTL")
    assert ttl == {"entered": None, "record": None, "letter": "1209600s"}


async def test_a_single_letter_does_not_wait_for_anything(nats_server: NatsServer, bus: Bus) -> None:
    """No polling on the way: the waits of the worker are half a second and more, a letter takes a few ms."""
    await put(bus, agency())
    await store(bus, [received()])
    async with worker(nats_server.settings()):
        await until(bus, 1)
        seconds = []
        for n in range(20):
            await store(bus, [received()])
            await until(bus, n + 2)
            row = (await bus.js.get_last_msg("REGISTER", "register.v1.entered.>")).time
            letter = (await bus.js.get_last_msg(MAIL, "mail.v1.received.>")).time
            assert row is not None
            assert letter is not None
            seconds.append((row - letter).total_seconds())
    assert sorted(seconds)[10] < 0.25, seconds


async def test_what_takes_no_number(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    ours = mail_id(b"\x05" * 32)
    report = received(sender="", recipients=(Recipient(address=token_address(ours, "demo.example")),))
    letter = received()
    listed = received(lines=HeaderLines(list_id="x.example"))
    await store(bus, [report, letter, letter, listed])
    async with worker(nats_server.settings()):
        found = await until(bus, 4)
        await store(bus, [letter])
        found = await until(bus, 5)
    assert found.problems() == []
    assert [(n.kind, n.matches, n.position.sequence) for n in found.notices] == [
        ("delivery_report", ours, 1),
        ("repeated", letter.mail, 3),
        ("repeated", letter.mail, 5),
    ]
    assert [row.number for row in found.entered()] == [1]
    assert [row.number for row in found.entered(series="general")] == [1]


async def test_a_copy_is_known_by_its_guard_when_the_worker_is_new(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    letter = received()
    await store(bus, [letter])
    async with worker(nats_server.settings()):
        await until(bus, 1)
    await store(bus, [received(), letter, received()])
    async with worker(nats_server.settings()):
        found = await until(bus, 4)
    assert found.problems() == []
    assert [row.number for row in found.entered()] == [1, 2, 3]
    assert [(notice.kind, notice.position.sequence) for notice in found.notices] == [("repeated", 3)]


async def test_an_order_opens_a_book_and_comes_before_letters_stored_after_it(
    nats_server: NatsServer, bus: Bus
) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await bus.publish(opening(8_432))
        await store(bus, [received()])
        found = await until(bus, 2)
    opened, row = (one.event for one in found.rows[f"register.v1.entered.demo.received.{THIS_YEAR}"])
    assert (opened.first, opened.order) == (8_432, Position(stream="ORDERS", sequence=1))
    assert row.number == 8_432
    assert row.reached.orders == opened.order


async def test_an_order_that_comes_too_late_is_refused_with_the_reason(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    await store(bus, [received()])
    async with worker(nats_server.settings()):
        await until(bus, 1)
        await bus.publish(opening(8_432))
        (dead,) = await until_dead(bus, 1)
        assert dead.source == Position(stream="ORDERS", sequence=1)
        assert dead.subject == "order.v1.open.demo"
        assert "has entries already, up to number 1" in dead.reason
        await store(bus, [received()])
        found = await until(bus, 2)
    assert [row.number for row in found.entered()] == [1, 2]
    assert found.entered()[1].reached.orders == Position(stream="ORDERS", sequence=1)


async def test_orders_nobody_can_carry_out_do_not_stop_the_flow_and_are_refused_once(
    nats_server: NatsServer, bus: Bus
) -> None:
    await put(bus, agency())
    order = opening(1)
    note = NoteOrdered(
        **{name: getattr(order, name) for name in ("agency", "id", "by", "reason", "given_at", "series", "year")},
        number=1,
        text="x",
    )
    release = ReleaseOrdered(
        **{name: getattr(order, name) for name in ("agency", "id", "by", "reason", "given_at", "series", "year")},
        number=1,
    )
    await commit(bus.nc, [Outgoing("order.v1.open.demo", b"{}", {})], 10)
    await bus.publish(note)
    await bus.publish(release)
    await bus.publish(opening(100))
    async with worker(nats_server.settings()):
        dead = await until_dead(bus, 2)
        await store(bus, [received()])
        await until(bus, 2)
    assert [one.source.sequence for one in dead] == [1, 2], "release is notify's"
    assert "no order" in dead[0].reason
    assert "there is no entry 1" in dead[1].reason
    await bus.publish(note)  # the same once more, which says nothing new
    await bus.publish(msgspec.structs.replace(note, id="1" * 32, number=9))
    async with worker(nats_server.settings()):
        await until_dead(bus, 3)
    async with worker(nats_server.settings()):
        await store(bus, [received()])
        found = await until(bus, 3)
    assert len(await refusals(bus)) == 3, "a refusal is a position reached, although it leaves no row"
    assert [row.number for row in found.entered()] == [100, 101]


async def test_a_message_that_is_no_event_is_numbered_unreadable(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    broken = stored(received())
    broken.headers["ce-size"] = "many"
    await commit(bus.nc, [stored(received())], 10)
    await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"just octets", {})], 10)
    await commit(bus.nc, [broken], 10)
    await commit(bus.nc, [stored(received())], 10)
    await commit(bus.nc, [stored(received(received_at="2026-13-01T03:00:00.000000Z"))], 10)
    async with worker(nats_server.settings()):
        found = await until(bus, 5)
    assert found.problems() == []
    rows = found.entered()
    timeless = ("unreadable", "time_not_within_bound")
    assert [row.remarks for row in rows] == [(), timeless, ("unreadable",), (), timeless]
    assert (rows[1].size, rows[1].bound_ms, rows[1].within_bound) == (11, None, None)


async def test_a_letter_of_an_agency_that_is_gone_or_never_was(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency("gone", number_format="ก {number}", first={f"received/{THIS_YEAR}": 50}))
    await directory.remove(bus, "gone")
    await put(bus, agency())
    await store(bus, [received("gone"), received("never"), received()])
    async with worker(nats_server.settings()):
        found = await until(bus, 4)
    assert found.problems() == []
    assert [row.number_text for row in found.entered("gone")] == ["ก 50"]
    assert [row.number_text for row in found.entered("never")] == [f"1/{THIS_YEAR}"]
    assert [row.number for row in found.entered()] == [1]


async def test_an_agency_of_this_very_moment_is_numbered_as_the_directory_says(
    nats_server: NatsServer, bus: Bus
) -> None:
    """The ingress may have heard of it before the register did."""
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await put(bus, agency("new", number_format="ใหม่ {number}"))
        await store(bus, [received("new")])
        found = await until(bus, 1)
    assert found.entered("new")[0].number_text == "ใหม่ 1"


async def test_mail_of_two_years(nats_server: NatsServer, bus: Bus) -> None:
    """The year's roll of MAIL: the old stream is read to its end before the new one, whenever the worker runs."""
    await put(bus, agency())
    await store(bus, [received() for _ in range(3)])
    async with worker(nats_server.settings()):
        await until(bus, 3)
        await provision(nats_server.settings(), THIS_YEAR + 1)
        await store(bus, [received() for _ in range(3)])
        await until(bus, 6)
    async with worker(nats_server.settings()):
        await store(bus, [received()])
        await until(bus, 7)
    await store(bus, [received()])
    await provision(nats_server.settings(), THIS_YEAR + 2)
    await store(bus, [received()])
    async with worker(nats_server.settings()):
        found = await until(bus, 9)
    assert found.problems() == []
    places = [row.position for row in found.entered() if row.position]
    years = [THIS_YEAR] * 3 + [THIS_YEAR + 1] * 5 + [THIS_YEAR + 2]
    assert [place.stream for place in places] == [f"MAIL_{year}" for year in years]
    assert [place.sequence for place in places] == [1, 2, 3, 1, 2, 3, 4, 5, 1]
    assert [row.number for row in found.entered()] == list(range(1, 10))


@pytest.mark.parametrize(("basis", "years"), [("deemed", [0, 1]), ("entered", [0, 0])])
async def test_the_year_of_a_book(nats_server: NatsServer, bus: Bus, basis: str, years: list[int]) -> None:
    """A backlog over the last working day's end: times and years are those of the ingress, not of the worker."""
    await put(bus, agency(year_basis=basis))
    await store(
        bus, [received(received_at=at) for at in ("2026-12-30T09:29:59.999999Z", "2026-12-30T09:30:00.000000Z")]
    )
    async with worker(nats_server.settings()):
        found = await until(bus, 2)
    assert found.problems() == []
    rows = [found.entered(year=2569 + year) for year in years]
    assert rows[0][0].deemed_at == "2026-12-30T16:29:59.999999+07:00"
    assert rows[1][-1].deemed_at == "2027-01-04T08:30:00+07:00"
    assert [row.number for row in rows[1]] == ([1] if basis == "deemed" else [1, 2])


async def test_a_backlog_of_a_day_changes_no_time(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    times = [f"2026-06-17T{hour:02d}:29:59.000000Z" for hour in range(0, 24, 3)]
    await store(bus, [received(received_at=at) for at in times])
    async with worker(nats_server.settings()):
        found = await until(bus, len(times))
    assert [row.received_at for row in found.entered()] == times
    assert found.entered()[3].deemed_at == "2026-06-17T16:29:59+07:00"
    assert {row.deemed_at for row in found.entered()[4:]} == {"2026-06-18T08:30:00+07:00"}


async def test_books_says_what_is_wrong(nats_server: NatsServer, bus: Bus) -> None:
    """The check these tests rest on would see a hole, a swap, a wrong link."""
    await put(bus, agency())
    await store(bus, [received() for _ in range(4)])
    async with worker(nats_server.settings()):
        found = await until(bus, 4)
    rows = found.rows[f"register.v1.entered.demo.received.{THIS_YEAR}"]
    assert found.problems() == []
    for damage in (rows[:1] + rows[2:], [rows[0], rows[2], rows[1], rows[3]], rows + rows[-1:]):
        assert books.Books({"x": damage}, found.records, [], 0).problems() != []
