"""Slips and counters in real buckets: one holder at a time, exact caps."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from contracts.event import Position
from services.notify.caps import Caps
from services.notify.outbox import Outbox, Taken
from services.runtime.bus import Bus
from services.runtime.settings import Notify

LETTER = Position(stream="MAIL_2569", sequence=7)
MAIL = "a" * 52


async def test_a_slip_is_held_by_one_worker_at_a_time(bus: Bus) -> None:
    outbox = Outbox(bus)
    async with outbox.hold(LETTER, MAIL) as hold:
        hold.slip.errand("final", "2026-05-29T09:31:07.000000Z").state = "sent"
        await hold.save()
        with pytest.raises(Taken):
            async with outbox.hold(LETTER, MAIL):
                raise AssertionError("two workers hold one letter")
    async with outbox.hold(LETTER, MAIL) as again:
        assert again.slip.errands["final"].state == "sent"
    async with outbox.hold(Position(stream="MAIL_2569", sequence=8), MAIL) as other:
        assert not other.slip.errands


async def test_of_many_who_want_a_slip_one_gets_it(bus: Bus) -> None:
    outbox = Outbox(bus)
    all_others_asked = asyncio.Event()
    held = refused = 0

    async def want() -> None:
        nonlocal held, refused
        try:
            async with outbox.hold(LETTER, MAIL):
                held += 1
                await all_others_asked.wait()
        except Taken:
            refused += 1
            if refused == 9:
                all_others_asked.set()

    async with asyncio.timeout(60):
        await asyncio.gather(*(want() for _ in range(10)))
    assert held == 1


async def test_what_was_done_is_written_even_if_the_handler_falls(bus: Bus) -> None:
    outbox = Outbox(bus)

    async def fall() -> None:
        async with outbox.hold(LETTER, MAIL) as hold:
            hold.slip.errand("final", "2026-05-29T09:31:07.000000Z").state = "sent"
            raise RuntimeError("fell between the relay's 250 and the mark")

    with pytest.raises(RuntimeError):
        await fall()
    slip = await outbox.read(LETTER)
    assert slip is not None
    assert slip.errands["final"].state == "sent"
    assert not slip.holder


async def test_caps_are_exact_among_many_at_once(bus: Bus) -> None:
    settings = Notify(cap_address=3, cap_domain=5, cap_agency=7)
    noon = datetime(2026, 5, 29, 5, tzinfo=UTC)
    two_processes = [Caps(bus, settings, lambda: noon) for _ in range(2)]
    taken = await asyncio.gather(*(two_processes[at % 2].take("demo", "a@one.example") for at in range(10)))
    assert taken.count(None) == 3
    assert set(taken) == {None, "cap_address"}
    taken = await asyncio.gather(*(two_processes[at % 2].take("demo", f"{at}@one.example") for at in range(10)))
    assert taken.count(None) == 2
    assert set(taken) == {None, "cap_domain"}
    taken = await asyncio.gather(*(two_processes[at % 2].take("demo", f"x@{at}.example") for at in range(10)))
    assert taken.count(None) == 2
    assert set(taken) == {None, "cap_agency"}
    assert await two_processes[0].take("other", "x@0.example") is None


async def test_what_a_later_cap_stops_is_not_counted_before(bus: Bus) -> None:
    settings = Notify(cap_address=2, cap_domain=100, cap_agency=1)
    caps = Caps(bus, settings, lambda: datetime(2026, 5, 29, 5, tzinfo=UTC))
    assert await caps.take("one", "a@b.example") is None
    assert await caps.take("one", "a@b.example") == "cap_agency"
    assert await caps.take("two", "A@B.example") is None
    assert await caps.take("three", "a@b.example") == "cap_address"


async def test_a_day_ends_at_midnight_in_thailand(bus: Bus) -> None:
    moment = datetime(2026, 5, 29, 16, 59, tzinfo=UTC)
    caps = Caps(bus, Notify(cap_address=1), lambda: moment)
    assert await caps.take("demo", "a@b.example") is None
    assert await caps.take("demo", "a@b.example") == "cap_address"
    moment += timedelta(minutes=1)
    assert await caps.take("demo", "a@b.example") is None
