"""Reads the streams, replays them, and writes what is missing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from contracts import codec
from contracts.event import Position
from contracts.mail import MailReceived
from contracts.streams import MAIL, MAIL_RECEIVED, ORDERS, REGISTER
from services.audit.reading import Message, messages
from services.rebuild.evidence import gather
from services.rebuild.log import Log
from services.rebuild.replay import Extent, Replay
from services.rebuild.report import Differs, Report
from services.register import intake
from services.register.agencies import Agencies
from services.register.intake import ORDER_KINDS, Letter, OrderRead
from services.register.known import Known
from services.register.memory import Memory
from services.runtime.batch import commit
from services.runtime.bus import Bus
from services.runtime.directory import Directory
from services.runtime.lease import Lease
from services.runtime.letters import read_message

LEASE_SECONDS = 10.0
"""A register that was stopped leaves the lease at once; one that died, after three seconds."""


class RunningError(Exception):
    """A register worker holds the lease."""


async def rebuild(bus: Bus) -> Report:
    """Make REGISTER again in memory and hold it against the one there is; `bus` reads everything."""
    report = Report()
    memory, known = Memory(bus), Known(1_000)
    for reached in await memory.reached():
        known.reach(reached)
    behind, orders = known.reached.mail, known.reached.orders
    directory = await Directory.watch(bus)
    try:
        await directory.wait_loaded()
        evidence = await gather(bus, (behind.stream, behind.sequence) if behind else ("", 0))
        end = await memory.last()  # last: what was signed, or passed over, before has its row by now
        extent = Extent(end, orders.sequence if orders else 0)
        replay = Replay(Agencies(bus, directory), evidence, Log(bus, end), await _orders(bus), extent, report)
        await replay.run(_letters(bus))
    except (Differs, codec.UndecodableError) as error:
        report.problems.append(str(error))
    finally:
        await directory.close()
    return report


@contextlib.asynccontextmanager
async def alone(bus: Bus) -> AsyncIterator[None]:
    """Hold the register's lease, so that no worker numbers meanwhile. Raises RunningError."""
    lease = Lease(bus, holder="rebuild")
    try:
        async with asyncio.timeout(LEASE_SECONDS):
            await lease.acquire()
    except TimeoutError as error:
        raise RunningError("a register worker is running: stop it first") from error
    keeping = asyncio.create_task(lease.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await lease.release()


async def write(register: Bus, retention: Bus, report: Report) -> None:
    """Write what is missing, each letter as one atomic batch, behind what REGISTER ended with when it was read.

    Raises Conflict where somebody has written since: nothing of that batch is stored, and a rebuild may begin again.
    """
    for addition in report.additions:
        last = (await commit(register.nc, addition.messages, register.timeout)).sequence
        for sequence in addition.lost:
            if sequence <= last:
                await retention.api(f"STREAM.MSG.DELETE.{REGISTER.family}", {"seq": sequence})


async def _orders(bus: Bus) -> list[OrderRead]:
    subjects = [kind.form.format(agency="*") for kind in ORDER_KINDS]
    return [
        intake.order(message.subject, message.body, Position(stream=ORDERS.family, sequence=message.sequence))
        async for message in messages(bus, ORDERS.family, subjects)
    ]


async def _letters(bus: Bus) -> AsyncIterator[Letter]:
    names = (await bus.api("STREAM.NAMES", {"offset": 0}))["streams"] or []
    for stream in sorted(name for name in names if name.startswith(f"{MAIL.family}_")):
        async for message in messages(bus, stream, [MAIL_RECEIVED], headers_only=True):
            yield await _letter(bus, message)


async def _letter(bus: Bus, message: Message) -> Letter:
    position = Position(stream=message.stream, sequence=message.sequence)
    event: MailReceived | None
    try:
        event = codec.decode_received(message.headers)
    except codec.UndecodableError:
        event = None
    if event is None or message.subject != MAIL_RECEIVED.replace("*", event.agency):
        whole = await read_message(bus.nc, message.stream, message.sequence, bus.timeout)
        body = whole.body if whole is not None else b""
        return intake.salvaged(message.subject, message.headers, body, position, message.stored_ns)
    if event.parts:
        position = Position(stream=message.stream, sequence=message.sequence, parts=event.parts)
    return intake.letter(event, position, message.stored_ns)
