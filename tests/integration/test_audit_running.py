"""The audit beside a real register: odd letters, the turn of the year, an archived year, a system that runs."""

import asyncio
import itertools

import msgspec

from contracts import codec
from contracts.mail import HeaderLines
from contracts.register import LetterEntered
from contracts.streams import MAIL as MAIL_FAMILY
from services.audit.audit import audit
from services.audit.report import Report
from services.runtime.batch import Outgoing, commit
from services.runtime.bus import Bus
from services.runtime.provision import provision
from tests.books import agency, put, until, worker
from tests.conftest import THIS_YEAR
from tests.copies import arrive, letter
from tests.servers import NatsServer


async def audited(bus: Bus) -> Report:
    own = await Bus.connect(bus.settings, "audit")
    try:
        return await audit(own)
    finally:
        await own.close()


def sentences(report: Report) -> list[str]:
    return [f"{problem.code}: {problem}" for problem in report.problems]


async def test_an_empty_system_holds(bus: Bus) -> None:
    report = await audited(bus)
    assert sentences(report) == []
    assert report.holds


async def test_letters_that_cannot_be_read_are_accounted_for(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    good = letter(1)
    damaged, astray = (codec.encode_headers(letter(n)[0]) for n in (2, 3))
    async with worker(nats_server.settings()):
        await arrive(bus, *good)
        await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"no headers at all", {"x": "y"})], 10)
        await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"damaged", damaged | {"ce-peer": "%"})], 10)
        await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"", astray | {"ce-agency": "other"})], 10)
        await arrive(bus, *letter(3, agency_id="nobody"))
        await arrive(bus, *letter(4, lines=HeaderLines(subject="ลับ เรื่องหนึ่ง")))
        found = await until(bus, 6)
    report = await audited(bus)
    assert sentences(report) == []
    assert report.counts.rows == 6
    assert [row.remarks for row in found.entered()].count(("unreadable", "time_not_within_bound")) == 1


async def test_a_row_that_hides_that_its_letter_cannot_be_read(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await commit(bus.nc, [Outgoing("mail.v1.received.demo", b"no headers at all", {"x": "y"})], 10)
        found = await until(bus, 1)
    (rows,) = found.rows.values()
    row = msgspec.structs.replace(rows[0].event, remarks=())
    await bus.api("STREAM.PURGE.REGISTER")
    await bus.publish(row)
    report = await audited(bus)
    assert len(report.problems) == 1
    assert report.problems[0].words.endswith("cannot be read, and the row does not say so")


async def test_the_turn_of_the_year_and_a_year_that_was_archived(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    for n in range(1, 4):
        await arrive(bus, *letter(n))
    await provision(nats_server.settings(), THIS_YEAR + 1)
    for n in range(4, 7):
        await arrive(bus, *letter(n))
    async with worker(nats_server.settings()):
        found = await until(bus, 6)
    streams = [row.position.stream for row in found.entered() if row.position]
    assert streams == [MAIL_FAMILY.name(THIS_YEAR)] * 3 + [MAIL_FAMILY.name(THIS_YEAR + 1)] * 3
    report = await audited(bus)
    assert sentences(report) == []
    assert (report.counts.letters, report.counts.erased_letters) == (6, 0)
    await bus.api(f"STREAM.DELETE.{MAIL_FAMILY.name(THIS_YEAR)}")
    report = await audited(bus)
    assert sentences(report) == []
    assert (report.counts.letters, report.counts.erased_letters) == (3, 3)


async def test_a_system_that_runs_holds_at_every_moment(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency(), agency("two"))
    running = asyncio.Event()

    async def write() -> int:
        for n in itertools.count():
            await arrive(bus, *letter(n % 50 + 1, ("demo", "two")[n % 2]), parts=n % 3)
            if running.is_set() and n > 200:
                return n + 1
        return 0

    async with worker(nats_server.settings()):
        writing = asyncio.create_task(write())
        reports = [await audited(bus) for _ in range(4)]
        running.set()
        written = await writing
        await until(bus, written)
    reports.append(await audited(bus))
    assert [sentences(report) for report in reports] == [[]] * 5
    assert (reports[-1].counts.rows, reports[-1].counts.waiting_letters) == (written, 0)


async def test_what_is_read_is_told(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await arrive(bus, *letter(1))
        await until(bus, 1)
    told: list[tuple[str, int, int]] = []
    await audit(bus, None, lambda part, done, total: told.append((part, done, total)))
    assert told == [("REGISTER", 3, 3), (MAIL_FAMILY.name(THIS_YEAR), 1, 1), ("FINDINGS", 0, 0)]


async def test_a_row_is_judged_by_the_calendar_it_names_also_after_a_change(nats_server: NatsServer, bus: Bus) -> None:
    await put(bus, agency())
    async with worker(nats_server.settings()):
        await arrive(bus, *letter(1))
        found = await until(bus, 1)
    (row,) = found.entered()
    assert isinstance(row, LetterEntered)
    changed = {"overlay": {"closed": {f"{THIS_YEAR - 543}-06-17": "วันหยุดพิเศษ"}}}
    await put(bus, msgspec.convert(msgspec.to_builtins(agency()) | changed, type(agency())))
    report = await audited(bus)
    assert (sentences(report), report.counts.other_calendars) == ([], 0)
