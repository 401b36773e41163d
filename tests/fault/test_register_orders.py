"""Orders among letters, and workers that die at any instant: each order once, or refused with its reason."""

import asyncio
import random
from pathlib import Path

from contracts import codec
from contracts.dead import MessageGivenUp
from contracts.orders import CorrectOrdered, EnterOrdered, MoveOrdered, NoteOrdered, Order, VoidOrdered
from services.audit.audit import audit
from services.register.intake import ORDER_KINDS
from services.register.memory import Memory
from services.runtime.bus import Bus
from tests.books import Books, agency, put, read
from tests.copies import arrive, letter
from tests.fault.test_register_crashes import end, start
from tests.orders import given
from tests.servers import NatsServer


async def test_orders_among_letters_while_workers_are_killed(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    """Each order has its effect once, or its refusal, wherever its worker died; and the audit holds."""
    chance = random.Random(2570)
    await put(bus, agency())
    letters = iter(range(1, 10_000))
    orders: list[Order] = []
    workers = [await start(nats_server, tmp_path / str(n)) for n in range(2)]
    try:
        for n in range(6):
            for _ in range(40):
                await arrive(
                    bus,
                    *letter(
                        count := next(letters), received_at=f"2026-06-17T03:{count // 60:02d}:{count % 60:02d}.000000Z"
                    ),
                )
                order = mixed_order(chance, len(orders))
                orders.append(order)
                await bus.publish(order)
                if chance.random() < 0.2:
                    await bus.publish(order)
            await asyncio.sleep(chance.uniform(0.01, 0.4))
            workers[n % 2].kill()
            await workers[n % 2].wait()
            workers[n % 2] = await start(nats_server, tmp_path / str(n % 2))
        await bus.publish(given(EnterOrdered, subject="สุดท้าย"))
        await until_reached(bus, next(letters) - 1, (await bus.js.stream_info("ORDERS")).state.last_seq)
    finally:
        await end(*workers)
    found = await read(bus)
    assert found.problems() == []
    await assert_each_order_once(bus, found)
    own = await Bus.connect(bus.settings, "audit")
    report = await audit(own)
    await own.close()
    assert [str(problem) for problem in report.problems] == []


def mixed_order(chance: random.Random, n: int) -> Order:
    """Any order, about a number that may be there, or not yet, or not any more."""
    number = chance.randint(1, n + 3)
    series, other = chance.sample(["received", "general"], 2)
    return chance.choice(
        [
            given(EnterOrdered, series=series),
            given(VoidOrdered, number=number),
            given(CorrectOrdered, number=number, subject=f"เรื่อง {n}"),
            given(MoveOrdered, number=number, series=series, to_series=other),
            given(NoteOrdered, number=number),
        ]
    )


async def until_reached(bus: Bus, letters: int, orders: int) -> None:
    async with asyncio.timeout(60):
        while True:
            found = await Memory(bus).reached()
            mail = max((one.mail.sequence for one in found if one.mail), default=0)
            if mail >= letters and max((one.orders.sequence for one in found if one.orders), default=0) >= orders:
                return
            await asyncio.sleep(0.05)


async def assert_each_order_once(bus: Bus, found: Books) -> None:
    """By id: one effect (two rows of a move), or refused; never both, and nothing for a repeat."""
    effects: dict[int, list[str]] = {}
    for rows in found.rows.values():
        for row in rows:
            if getattr(row.event, "order", None) is not None:
                effects.setdefault(row.event.order.sequence, []).append(row.event.type)
    dead = [await bus.js.get_msg("DEAD", n) for n in range(1, (await bus.js.stream_info("DEAD")).state.last_seq + 1)]
    refused = {codec.decode(one.data or b"", MessageGivenUp).source.sequence for one in dead}
    seen: set[str] = set()
    kinds = {"effects": 0, "refused": 0, "repeats": 0}
    for sequence in range(1, (await bus.js.stream_info("ORDERS")).state.last_seq + 1):
        message = await bus.js.get_msg("ORDERS", sequence)
        order: Order = codec.decode(message.data or b"", *ORDER_KINDS)
        if order.id in seen:
            kinds["repeats"] += 1
            assert (effects.get(sequence), sequence in refused) == (None, False), order
        elif sequence in refused:
            kinds["refused"] += 1
            assert sequence not in effects, order
        else:
            kinds["effects"] += 1
            assert len(effects.get(sequence, [])) == (2 if isinstance(order, MoveOrdered) else 1), order
        seen.add(order.id)
    assert min(kinds.values()) > 20, kinds
